"""Trading requests: written down before they are sent, sent once, answered again under their key, and never doubled."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from reference_server.domain.account import Account
from reference_server.domain.errors import (
    AccountAmbiguous,
    AccountNotFound,
    AccountNotReady,
    AccountPaused,
    DailyTradeLimitExceeded,
    GatewayError,
    IdempotencyKeyInFlight,
    IdempotencyKeyReused,
    NotPending,
    OrderNotFound,
    OutcomeUnknown,
    PositionNotFound,
    RequestNotFound,
    StorageUnavailable,
    SymbolNotFound,
    TerminalUnavailable,
)
from reference_server.domain.requests import Outcome
from reference_server.domain.trading import (
    KEEP,
    NewOrder,
    OrderCancellation,
    OrderChange,
    OrderResult,
    OrderType,
    PositionChange,
    PositionClose,
    Side,
    TradeRequest,
)
from reference_server.domain.user import User
from reference_server.usecases.requests import LevelChange, Repeatable, Traded
from tests.usecases.fakes import (
    CREDENTIALS,
    DEAD,
    LOST,
    FakeTerminal,
    Gateway,
    make_user,
    position,
    settle,
)

ORDER = NewOrder("EURUSD", Side.BUY, OrderType.MARKET, 0.1)
LIMIT = replace(ORDER, order_type=OrderType.LIMIT, price=1.0)
REFUSAL = OrderResult(0, False, 10019, error="No money")
DAY = "2023-11-14"
KEY = Repeatable("key-1", b"order")


def counted(gateway: Gateway) -> int:
    return sum(gateway.journal.counts.values())


async def place(
    gateway: Gateway,
    user: User,
    order: NewOrder = ORDER,
    key: Repeatable | None = None,
    account: Account | None = None,
) -> Traded:
    account_id = None if account is None else account.account_id
    return await gateway.requests.send(user, "placeOrder", order, account_id=account_id, repeatable=key)


async def close(gateway: Gateway, user: User, ticket: int, key: Repeatable | None = None) -> Traded:
    return await gateway.requests.send(user, "closePosition", PositionClose(ticket), repeatable=key)


async def modify(gateway: Gateway, user: User, change: LevelChange, key: Repeatable | None = None) -> Traded:
    return await gateway.requests.send(user, "modifyPosition", change, repeatable=key)


async def cancel(gateway: Gateway, user: User, ticket: int, key: Repeatable | None = None) -> Traded:
    return await gateway.requests.send(user, "cancelOrder", OrderCancellation(ticket), repeatable=key)


@pytest.fixture
async def account(gateway: Gateway, user: User) -> Account:
    return await gateway.active_account(user)


@pytest.fixture
def terminal(gateway: Gateway, account: Account) -> FakeTerminal:
    return gateway.terminals.of(account.account_id)


# -- one request ----------------------------------------------------------------------------------------------------


async def test_every_kind_of_request_is_written_down_with_its_mark_and_sent_once(
    gateway: Gateway, user: User, terminal: FakeTerminal
) -> None:
    terminal.open_positions[5] = position(5)
    await place(gateway, user)
    pending = (await place(gateway, user, LIMIT)).result.ticket
    await modify(gateway, user, LevelChange(pending, price=0.9))
    await modify(gateway, user, LevelChange(5, sl=1.0))
    await cancel(gateway, user, pending)
    await close(gateway, user, 5)
    requests: list[TradeRequest] = [
        ORDER,
        LIMIT,
        OrderChange(pending, price=0.9),
        PositionChange(5, sl=1.0),
        OrderCancellation(pending),
        PositionClose(5),
    ]
    written = list(gateway.journal.records.values())
    assert [record.request for record in written] == requests
    assert terminal.sent == [(record.request, record.mark) for record in written]
    assert len({record.mark.tag for record in written}) == 6
    assert set(gateway.journal.outcomes) == {Outcome.ACCEPTED}


async def test_without_an_account_nothing_is_written_down(gateway: Gateway, user: User) -> None:
    with pytest.raises(AccountNotFound):
        await place(gateway, user)
    assert gateway.journal.records == {}


async def test_account_that_is_not_active_is_not_ready(gateway: Gateway, user: User) -> None:
    account, _ = await gateway.account_cases.create_account(user, CREDENTIALS)
    with pytest.raises(AccountNotReady) as early:
        await place(gateway, user)
    await settle()
    await place(gateway, user)
    gateway.terminals.of(account.account_id).tell(LOST)
    with pytest.raises(AccountNotReady) as late:
        await place(gateway, user)
    for refused in (early, late):
        assert refused.value.retry_after_seconds is not None
        assert refused.value.retry_after_seconds >= 1
    assert counted(gateway) == 1


async def test_paused_account_refuses_new_orders_and_still_closes_modifies_and_cancels(
    gateway: Gateway, user: User, account: Account, terminal: FakeTerminal
) -> None:
    terminal.open_positions[5] = position(5)
    pending = (await place(gateway, user, LIMIT)).result.ticket
    await gateway.account_cases.pause_account(user, account.account_id)
    with pytest.raises(AccountPaused):
        await place(gateway, user)
    assert terminal.placed == [LIMIT]
    assert (await close(gateway, user, 5)).result.success
    assert (await modify(gateway, user, LevelChange(5, tp=None))).result.success
    assert (await cancel(gateway, user, pending)).result.success
    await gateway.account_cases.resume_account(user, account.account_id)
    assert (await place(gateway, user)).result.success


async def test_with_several_accounts_a_request_without_a_name_trades_on_none(
    gateway: Gateway, user: User, account: Account, terminal: FakeTerminal
) -> None:
    second = await gateway.active_account(user)
    with pytest.raises(AccountAmbiguous):
        await place(gateway, user)
    await place(gateway, user, account=second)
    assert (terminal.placed, gateway.terminals.of(second.account_id).placed) == ([], [ORDER])


async def test_a_request_that_cannot_be_written_down_is_not_sent(
    gateway: Gateway, user: User, terminal: FakeTerminal
) -> None:
    gateway.journal.failure = StorageUnavailable()
    with pytest.raises(StorageUnavailable):
        await place(gateway, user)
    assert terminal.sent == []


# -- levels ---------------------------------------------------------------------------------------------------------


async def test_the_price_of_an_open_position_cannot_be_moved(
    gateway: Gateway, user: User, terminal: FakeTerminal
) -> None:
    terminal.open_positions[5] = position(5)
    with pytest.raises(NotPending):
        await modify(gateway, user, LevelChange(5, price=1.2))
    assert (terminal.sent, gateway.journal.records) == ([], {})


async def test_levels_of_a_pending_order_are_kept_unless_named(
    gateway: Gateway, user: User, terminal: FakeTerminal
) -> None:
    pending = (await place(gateway, user, LIMIT)).result.ticket
    await modify(gateway, user, LevelChange(pending, tp=1.3))
    assert terminal.sent[-1][0] == OrderChange(pending, price=KEEP, sl=KEEP, tp=1.3)


async def test_unknown_tickets_are_not_found(gateway: Gateway, user: User, account: Account) -> None:
    with pytest.raises(PositionNotFound):
        await modify(gateway, user, LevelChange(9, sl=1.0))
    with pytest.raises(PositionNotFound):
        await close(gateway, user, 9)
    with pytest.raises(OrderNotFound):
        await cancel(gateway, user, 9)


# -- the daily limit ------------------------------------------------------------------------------------------------


async def test_accepted_orders_count_until_the_limit_and_the_next_utc_day_brings_new_ones(gateway: Gateway) -> None:
    user = make_user("free")
    account = await gateway.active_account(user)
    terminal = gateway.terminals.of(account.account_id)
    terminal.open_positions[5] = position(5)
    for _ in range(10):
        await place(gateway, user)
    with pytest.raises(DailyTradeLimitExceeded) as refused:
        await place(gateway, user)
    assert len(terminal.placed) == 10
    assert gateway.journal.counts == {(user.user_id, DAY): 10}
    assert (await close(gateway, user, 5)).result.success
    assert refused.value.retry_after_seconds == 86_400 - 1_700_000_000 % 86_400
    await gateway.clock.advance(refused.value.retry_after_seconds)
    assert (await place(gateway, user)).result.success


@pytest.mark.parametrize("failure", [SymbolNotFound(), TerminalUnavailable()])
async def test_order_that_never_left_does_not_count(
    gateway: Gateway, user: User, terminal: FakeTerminal, failure: GatewayError
) -> None:
    terminal.answer = failure
    with pytest.raises(type(failure)):
        await place(gateway, user)
    assert (counted(gateway), gateway.journal.outcomes) == (0, [Outcome.NOT_SENT])


async def test_order_that_the_broker_refuses_does_not_count(
    gateway: Gateway, user: User, terminal: FakeTerminal
) -> None:
    terminal.answer = REFUSAL
    assert (await place(gateway, user)).result == REFUSAL
    assert (counted(gateway), gateway.journal.outcomes) == (0, [Outcome.REFUSED])


@pytest.mark.parametrize("failure", [OutcomeUnknown(), RuntimeError("a defect")])
async def test_order_that_may_have_been_executed_counts(
    gateway: Gateway, user: User, terminal: FakeTerminal, failure: Exception
) -> None:
    terminal.answer = failure
    with pytest.raises(OutcomeUnknown):
        await place(gateway, user)
    assert (counted(gateway), gateway.journal.outcomes) == (1, [Outcome.UNKNOWN])


async def test_orders_sent_at_once_cannot_pass_the_limit_together(gateway: Gateway) -> None:
    user = make_user("free")
    account = await gateway.active_account(user)
    terminal = gateway.terminals.of(account.account_id)
    terminal.hold = asyncio.Event()
    orders = [asyncio.ensure_future(place(gateway, user)) for _ in range(15)]
    await settle()
    terminal.hold.set()
    outcomes = await asyncio.gather(*orders, return_exceptions=True)
    assert len(terminal.placed) == 10
    assert sum(isinstance(outcome, DailyTradeLimitExceeded) for outcome in outcomes) == 5


async def test_an_unlimited_plan_counts_nothing(gateway: Gateway) -> None:
    user = make_user("enterprise")
    await gateway.active_account(user)
    await place(gateway, user)
    assert gateway.journal.counts == {}


# -- what happens while a request is written down -------------------------------------------------------------------


async def test_account_paused_while_its_order_is_written_down_does_not_trade(
    gateway: Gateway, user: User, account: Account, terminal: FakeTerminal
) -> None:
    gateway.journal.meanwhile = lambda: gateway.account_cases.pause_account(user, account.account_id)
    with pytest.raises(AccountPaused):
        await place(gateway, user)
    assert (terminal.placed, counted(gateway)) == ([], 0)


async def test_account_paused_while_its_order_waits_for_its_turn_does_not_trade(
    gateway: Gateway, user: User, account: Account, terminal: FakeTerminal
) -> None:
    terminal.queue = asyncio.Event()
    order = asyncio.ensure_future(place(gateway, user, key=KEY))
    await settle()
    await gateway.account_cases.pause_account(user, account.account_id)
    terminal.queue.set()
    with pytest.raises(AccountPaused):
        await order
    assert (terminal.placed, gateway.journal.outcomes, counted(gateway)) == ([], [Outcome.NOT_SENT], 0)


async def test_order_for_an_account_deleted_meanwhile_goes_to_no_other(
    gateway: Gateway, user: User, account: Account
) -> None:
    async def replace_account() -> None:
        gateway.journal.meanwhile = None
        await gateway.account_cases.delete_account(user, account.account_id)
        await gateway.active_account(user)

    gateway.journal.meanwhile = replace_account
    with pytest.raises(AccountNotFound):
        await place(gateway, user)
    assert [terminal.placed for terminal in gateway.terminals.opened] == [[], []]
    assert counted(gateway) == 0


async def test_terminal_lost_while_its_order_is_written_down_is_not_asked(
    gateway: Gateway, user: User, terminal: FakeTerminal
) -> None:
    async def lose() -> None:
        terminal.tell(LOST)

    gateway.journal.meanwhile = lose
    with pytest.raises(AccountNotReady):
        await place(gateway, user)
    assert (terminal.placed, counted(gateway)) == ([], 0)


@pytest.mark.parametrize("steps", range(10))
async def test_a_request_that_was_begun_is_brought_to_its_end_when_its_caller_leaves(
    gateway: Gateway, user: User, terminal: FakeTerminal, steps: int
) -> None:
    order = asyncio.ensure_future(place(gateway, user, key=KEY))
    for _ in range(steps):
        await asyncio.sleep(0)
    order.cancel()
    await asyncio.gather(order, return_exceptions=True)
    await gateway.requests.close()
    assert len(terminal.sent) == len(gateway.journal.records) == counted(gateway)
    assert set(gateway.journal.outcomes) <= {Outcome.ACCEPTED}


# -- the same key ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [OrderResult(7, True, 10009, price=1.1, volume=0.1), REFUSAL])
async def test_the_same_request_with_its_key_gets_the_first_answer_and_is_not_sent(
    gateway: Gateway, user: User, account: Account, terminal: FakeTerminal, answer: OrderResult
) -> None:
    terminal.answer = answer
    assert await place(gateway, user, key=KEY) == Traded(answer)
    terminal.answer = OrderResult(8, True, 10009)
    assert await place(gateway, user, key=KEY) == Traded(answer, is_replay=True)
    assert await place(gateway, user, key=KEY, account=account) == Traded(answer, is_replay=True)
    assert (len(terminal.sent), len(gateway.journal.records)) == (1, 1)


async def test_a_key_is_answered_whatever_became_of_the_account(
    gateway: Gateway, user: User, account: Account, terminal: FakeTerminal
) -> None:
    first = await place(gateway, user, key=KEY)
    await gateway.account_cases.pause_account(user, account.account_id)
    assert (await place(gateway, user, key=KEY)).result == first.result
    await gateway.active_account(user)
    assert (await place(gateway, user, key=KEY)).result == first.result
    await gateway.account_cases.delete_account(user, account.account_id)
    assert await place(gateway, user, key=KEY) == Traded(first.result, is_replay=True)
    assert [len(one.sent) for one in gateway.terminals.opened] == [1, 0]


async def test_another_request_with_the_key_is_refused_and_not_sent(
    gateway: Gateway, user: User, account: Account, terminal: FakeTerminal
) -> None:
    terminal.open_positions[5] = position(5)
    second = await gateway.active_account(user)
    await place(gateway, user, key=KEY, account=account)
    with pytest.raises(IdempotencyKeyReused):
        await place(gateway, user, key=Repeatable("key-1", b"another order"), account=account)
    with pytest.raises(IdempotencyKeyReused):
        await place(gateway, user, key=KEY, account=second)
    with pytest.raises(IdempotencyKeyReused):
        await close(gateway, user, 5, KEY)
    assert [len(one.sent) for one in gateway.terminals.opened] == [1, 0]


async def test_keys_of_two_users_have_nothing_to_do_with_each_other(gateway: Gateway, user: User) -> None:
    other = make_user("pro", "usr_2")
    await gateway.active_account(user)
    await gateway.active_account(other)
    await place(gateway, user, key=KEY)
    assert not (await place(gateway, other, key=Repeatable("key-1", b"another order"))).is_replay
    with pytest.raises(RequestNotFound):
        gateway.requests.outcome_of(make_user("pro", "usr_3"), "key-1")


async def test_the_key_of_a_request_in_flight_is_refused_also_when_sent_at_once(
    gateway: Gateway, user: User, terminal: FakeTerminal
) -> None:
    terminal.hold = asyncio.Event()
    orders = [asyncio.ensure_future(place(gateway, user, key=KEY)) for _ in range(10)]
    await settle()
    with pytest.raises(IdempotencyKeyInFlight):
        await place(gateway, user, key=KEY)
    assert gateway.requests.outcome_of(user, "key-1").outcome is Outcome.IN_FLIGHT
    terminal.hold.set()
    outcomes = await asyncio.gather(*orders, return_exceptions=True)
    assert sum(isinstance(one, Traded) for one in outcomes) == 1
    assert sum(isinstance(one, IdempotencyKeyInFlight) for one in outcomes) == 9
    assert len(terminal.sent) == 1


async def test_a_request_that_was_not_sent_can_be_sent_with_its_key_once_the_cause_is_gone(
    gateway: Gateway, user: User, account: Account, terminal: FakeTerminal
) -> None:
    terminal.answer = SymbolNotFound()
    with pytest.raises(SymbolNotFound):
        await place(gateway, user, key=KEY)
    assert gateway.requests.outcome_of(user, "key-1").outcome is Outcome.NOT_SENT
    with pytest.raises(IdempotencyKeyReused):
        await place(gateway, user, key=Repeatable("key-1", b"another order"))
    terminal.answer = OrderResult(7, True, 10009)
    assert await place(gateway, user, key=KEY) == Traded(terminal.answer)
    assert await place(gateway, user, key=KEY) == Traded(terminal.answer, is_replay=True)
    assert (len(terminal.sent), counted(gateway)) == (2, 1)


async def test_a_replay_counts_against_no_limit(gateway: Gateway) -> None:
    user = make_user("free")
    await gateway.active_account(user)
    for number in range(10):
        await place(gateway, user, key=Repeatable(f"key-{number}", b"order"))
    for number in range(10):
        assert (await place(gateway, user, key=Repeatable(f"key-{number}", b"order"))).is_replay
    with pytest.raises(DailyTradeLimitExceeded):
        await place(gateway, user, key=Repeatable("key-10", b"order"))
    assert counted(gateway) == 10


# -- lost answers ---------------------------------------------------------------------------------------------------


async def test_a_lost_answer_is_unknown_under_its_key_until_it_is_found(
    gateway: Gateway, user: User, terminal: FakeTerminal
) -> None:
    terminal.answer = OutcomeUnknown()
    terminal.seek = asyncio.Event()
    terminal.found = OrderResult(7, True, 10009, price=1.1, volume=0.1)
    with pytest.raises(OutcomeUnknown) as first:
        await place(gateway, user, key=KEY)
    await settle()
    with pytest.raises(OutcomeUnknown) as second:
        await place(gateway, user, key=KEY)
    assert (first.value.is_replayed, second.value.is_replayed) == (False, True)
    assert gateway.requests.outcome_of(user, "key-1").outcome is Outcome.UNKNOWN
    assert gateway.reconciler.open_requests == 1
    terminal.seek.set()
    await settle()
    assert gateway.requests.outcome_of(user, "key-1").result == terminal.found
    assert await place(gateway, user, key=KEY) == Traded(terminal.found, is_replay=True)
    assert (len(terminal.sent), gateway.reconciler.open_requests, counted(gateway)) == (1, 0, 1)


async def test_a_lost_order_that_turns_out_refused_does_not_count(
    gateway: Gateway, user: User, terminal: FakeTerminal
) -> None:
    terminal.answer, terminal.found = OutcomeUnknown(), REFUSAL
    with pytest.raises(OutcomeUnknown):
        await place(gateway, user)
    await settle()
    assert (gateway.journal.outcomes, counted(gateway)) == ([Outcome.REFUSED], 0)


async def test_what_leaves_no_trace_stays_unknown_and_is_looked_for_by_the_next_terminal(
    gateway: Gateway, user: User, account: Account, terminal: FakeTerminal
) -> None:
    terminal.answer = OutcomeUnknown()
    with pytest.raises(OutcomeUnknown):
        await place(gateway, user, key=KEY)
    await settle()
    assert gateway.journal.outcomes == [Outcome.UNKNOWN]
    terminal.tell(DEAD)
    await gateway.clock.advance(120)
    successor = gateway.terminals.of(account.account_id)
    assert successor is not terminal
    assert successor.reconciled == terminal.reconciled


async def test_an_answer_lost_with_its_terminal_is_looked_for_by_the_terminal_that_took_its_place(
    gateway: Gateway, user: User, account: Account, terminal: FakeTerminal
) -> None:
    """The sender hears of the loss long after the successor was opened, and after it was told to look."""
    terminal.hold = asyncio.Event()
    terminal.answer, terminal.found = OutcomeUnknown(), TerminalUnavailable()
    gateway.terminals.found = OrderResult(7, True, 10009)
    order = asyncio.ensure_future(place(gateway, user, key=KEY))
    await settle()
    terminal.tell(DEAD)
    await gateway.clock.advance(120)
    assert gateway.terminals.of(account.account_id) is not terminal
    terminal.hold.set()
    with pytest.raises(OutcomeUnknown):
        await order
    await settle()
    assert gateway.requests.outcome_of(user, "key-1").result == gateway.terminals.found
    assert (terminal.reconciled, gateway.reconciler.open_requests) == ([], 0)


@pytest.mark.parametrize("found", [OrderResult(7, True, 10009), None])
async def test_after_a_restart_what_was_in_flight_is_unknown_until_it_is_found(
    gateway: Gateway, user: User, account: Account, terminal: FakeTerminal, found: OrderResult | None
) -> None:
    terminal.hold = asyncio.Event()
    order = asyncio.ensure_future(place(gateway, user, key=KEY))
    await settle()
    restarted = await gateway.restarted()
    restarted.terminals.found = found
    restarted.reconciler.begin()
    await restarted.supervisor.start()
    assert restarted.requests.outcome_of(user, "key-1").outcome is Outcome.UNKNOWN
    with pytest.raises(OutcomeUnknown):
        await place(restarted, user, key=KEY)
    await restarted.clock.advance(5)
    successor = restarted.terminals.of(account.account_id)
    assert successor.reconciled == terminal.sent
    outcome = Outcome.UNKNOWN if found is None else Outcome.ACCEPTED
    assert restarted.requests.outcome_of(user, "key-1").outcome is outcome
    assert successor.sent == []
    order.cancel()
    await asyncio.gather(order, return_exceptions=True)
    await restarted.reconciler.close()
    await restarted.supervisor.stop()
