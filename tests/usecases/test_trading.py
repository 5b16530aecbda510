"""Orders, positions and the daily number of trades."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from reference_server.domain.errors import (
    AccountNotFound,
    AccountNotReady,
    AccountPaused,
    DailyTradeLimitExceeded,
    OutcomeUnknown,
    PositionNotFound,
    SymbolNotFound,
    TerminalUnavailable,
)
from reference_server.domain.trading import NewOrder, OrderResult, OrderType, PositionChange, Side
from reference_server.domain.user import User
from tests.usecases.fakes import (
    CREDENTIALS,
    LOST,
    SYMBOLS,
    FakeCounter,
    Gateway,
    account_info,
    make_user,
    position,
    settle,
    tick,
)

ORDER = NewOrder("EURUSD", Side.BUY, OrderType.MARKET, 0.1)
REFUSAL = OrderResult(0, False, 10019, error="No money")
DAY = "2023-11-14"


def counted(gateway: Gateway) -> int:
    return sum(gateway.counter.counts.values())


async def test_terminal_answers_are_passed_on(gateway: Gateway, user: User) -> None:
    account = await gateway.active_account(user)
    terminal = gateway.terminals.of(account.account_id)
    terminal.open_positions[5] = position(5)
    assert await gateway.trading.get_account_info(user) == account_info()
    assert await gateway.trading.list_positions(user) == (position(5),)
    assert await gateway.trading.get_position(user, 5) == position(5)
    assert await gateway.trading.place_order(user, ORDER) == terminal.answer
    assert terminal.placed == [ORDER]
    assert await gateway.trading.close_position(user, 5, 0.05) == terminal.answer
    assert await gateway.trading.modify_position(user, PositionChange(5, sl=1.0)) == terminal.answer
    assert await gateway.market.list_symbols(user) == SYMBOLS
    assert await gateway.market.get_symbol_price(user, "GBPUSD") == tick("GBPUSD")
    with pytest.raises(PositionNotFound):
        await gateway.trading.get_position(user, 6)


async def test_without_an_account_nothing_is_traded(gateway: Gateway, user: User) -> None:
    with pytest.raises(AccountNotFound):
        await gateway.trading.place_order(user, ORDER)
    assert gateway.counter.touched == 0


async def test_account_that_is_not_active_is_not_ready(gateway: Gateway, user: User) -> None:
    account, _ = await gateway.account_cases.create_account(user, CREDENTIALS)
    with pytest.raises(AccountNotReady) as early:
        await gateway.trading.place_order(user, ORDER)
    await settle()
    await gateway.trading.place_order(user, ORDER)
    gateway.terminals.of(account.account_id).tell(LOST)
    with pytest.raises(AccountNotReady) as late:
        await gateway.market.get_symbol_price(user, "EURUSD")
    for refused in (early, late):
        assert refused.value.retry_after_seconds is not None
        assert refused.value.retry_after_seconds >= 1
    assert counted(gateway) == 1


async def test_paused_account_refuses_new_orders_and_still_closes_and_modifies(gateway: Gateway, user: User) -> None:
    account = await gateway.active_account(user)
    terminal = gateway.terminals.of(account.account_id)
    terminal.open_positions[5] = position(5)
    await gateway.account_cases.pause_account(user, account.account_id)
    with pytest.raises(AccountPaused):
        await gateway.trading.place_order(user, ORDER)
    assert terminal.placed == []
    assert gateway.counter.touched == 0
    assert (await gateway.trading.close_position(user, 5)).success
    assert (await gateway.trading.modify_position(user, PositionChange(5, tp=None))).success
    await gateway.account_cases.resume_account(user, account.account_id)
    assert (await gateway.trading.place_order(user, ORDER)).success


async def test_accepted_orders_count_until_the_limit_and_the_next_utc_day_brings_new_ones(gateway: Gateway) -> None:
    user = make_user("free")
    account = await gateway.active_account(user)
    terminal = gateway.terminals.of(account.account_id)
    terminal.open_positions[5] = position(5)
    for _ in range(10):
        await gateway.trading.place_order(user, ORDER)
    with pytest.raises(DailyTradeLimitExceeded) as refused:
        await gateway.trading.place_order(user, ORDER)
    assert len(terminal.placed) == 10
    assert gateway.counter.counts == {(user.user_id, DAY): 10}
    assert (await gateway.trading.close_position(user, 5)).success
    assert refused.value.retry_after_seconds == 86_400 - 1_700_000_000 % 86_400
    await gateway.clock.advance(refused.value.retry_after_seconds)
    assert (await gateway.trading.place_order(user, ORDER)).success


@pytest.mark.parametrize("failure", [SymbolNotFound(), TerminalUnavailable()])
async def test_order_that_never_left_does_not_count(gateway: Gateway, user: User, failure: Exception) -> None:
    account = await gateway.active_account(user)
    gateway.terminals.of(account.account_id).answer = failure
    with pytest.raises(type(failure)):
        await gateway.trading.place_order(user, ORDER)
    assert counted(gateway) == 0


async def test_order_that_the_broker_refuses_does_not_count(gateway: Gateway, user: User) -> None:
    account = await gateway.active_account(user)
    gateway.terminals.of(account.account_id).answer = REFUSAL
    assert await gateway.trading.place_order(user, ORDER) == REFUSAL
    assert counted(gateway) == 0


@pytest.mark.parametrize("failure", [OutcomeUnknown(), RuntimeError("a defect")])
async def test_order_that_may_have_been_executed_counts(gateway: Gateway, user: User, failure: Exception) -> None:
    account = await gateway.active_account(user)
    gateway.terminals.of(account.account_id).answer = failure
    with pytest.raises(OutcomeUnknown):
        await gateway.trading.place_order(user, ORDER)
    assert counted(gateway) == 1


async def test_defect_after_a_trade_may_have_left_is_never_told_as_a_failure(gateway: Gateway) -> None:
    user = make_user("enterprise")
    account = await gateway.active_account(user)
    terminal = gateway.terminals.of(account.account_id)
    terminal.open_positions[5] = position(5)
    terminal.answer = RuntimeError("a defect")
    for trade in (
        gateway.trading.place_order(user, ORDER),
        gateway.trading.close_position(user, 5),
        gateway.trading.modify_position(user, PositionChange(5, sl=1.0)),
    ):
        with pytest.raises(OutcomeUnknown):
            await trade


class Interrupted(FakeCounter):
    """Lets something happen while a trade is being counted, and can fail to give one back."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], Awaitable[object]] | None = None
        self.fails = False

    async def take(self, user_id: str, day: str, limit: int) -> bool:
        taken = await super().take(user_id, day, limit)
        if self.meanwhile is not None:
            await self.meanwhile()
        return taken

    async def give_back(self, user_id: str, day: str) -> None:
        if self.fails:
            raise OSError("the disk is full")
        await super().give_back(user_id, day)


async def test_account_paused_while_its_order_is_counted_does_not_trade(user: User) -> None:
    gateway = Gateway(counter=(counter := Interrupted()))
    account = await gateway.active_account(user)
    counter.meanwhile = lambda: gateway.account_cases.pause_account(user, account.account_id)
    with pytest.raises(AccountPaused):
        await gateway.trading.place_order(user, ORDER)
    assert gateway.terminals.of(account.account_id).placed == []
    assert counted(gateway) == 0


async def test_order_for_an_account_deleted_meanwhile_goes_to_no_other(user: User) -> None:
    gateway = Gateway(counter=(counter := Interrupted()))
    account = await gateway.active_account(user)

    async def replace_account() -> None:
        counter.meanwhile = None
        await gateway.account_cases.delete_account(user, account.account_id)
        await gateway.active_account(user)

    counter.meanwhile = replace_account
    with pytest.raises(AccountNotFound):
        await gateway.trading.place_order(user, ORDER)
    assert [terminal.placed for terminal in gateway.terminals.opened] == [[], []]
    assert counted(gateway) == 0


async def test_terminal_lost_while_its_order_is_counted_is_not_asked(user: User) -> None:
    gateway = Gateway(counter=(counter := Interrupted()))
    account = await gateway.active_account(user)
    terminal = gateway.terminals.of(account.account_id)

    async def lose() -> None:
        terminal.tell(LOST)

    counter.meanwhile = lose
    with pytest.raises(AccountNotReady):
        await gateway.trading.place_order(user, ORDER)
    assert (terminal.placed, counted(gateway)) == ([], 0)


async def test_refusal_is_told_also_when_the_trade_cannot_be_given_back(user: User) -> None:
    gateway = Gateway(counter=(counter := Interrupted()))
    account = await gateway.active_account(user)
    counter.fails = True
    gateway.terminals.of(account.account_id).answer = REFUSAL
    assert await gateway.trading.place_order(user, ORDER) == REFUSAL
    gateway.terminals.of(account.account_id).answer = SymbolNotFound()
    with pytest.raises(SymbolNotFound):
        await gateway.trading.place_order(user, ORDER)


@pytest.mark.parametrize("steps", range(8))
async def test_count_stays_true_when_the_caller_leaves_at_any_moment(gateway: Gateway, user: User, steps: int) -> None:
    account = await gateway.active_account(user)
    terminal = gateway.terminals.of(account.account_id)
    terminal.answer = REFUSAL
    order = asyncio.ensure_future(gateway.trading.place_order(user, ORDER))
    for _ in range(steps):
        await asyncio.sleep(0)
    order.cancel()
    await asyncio.gather(order, return_exceptions=True)
    await gateway.trading.close()
    assert counted(gateway) == 0


async def test_orders_sent_at_once_cannot_pass_the_limit_together(gateway: Gateway) -> None:
    user = make_user("free")
    account = await gateway.active_account(user)
    terminal = gateway.terminals.of(account.account_id)
    terminal.hold = asyncio.Event()
    orders = [asyncio.ensure_future(gateway.trading.place_order(user, ORDER)) for _ in range(15)]
    await settle()
    terminal.hold.set()
    outcomes = await asyncio.gather(*orders, return_exceptions=True)
    assert len(terminal.placed) == 10
    assert sum(isinstance(outcome, DailyTradeLimitExceeded) for outcome in outcomes) == 5


async def test_unlimited_plan_never_touches_the_counter(gateway: Gateway) -> None:
    user = make_user("enterprise")
    await gateway.active_account(user)
    await gateway.trading.place_order(user, ORDER)
    assert gateway.counter.touched == 0
