"""Trades whose answer was lost, on every kind of terminal: found, or unknown, and never sent twice or called failed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from reference_server.domain.account import Mt5Credentials
from reference_server.domain.errors import AccountPaused, OutcomeUnknown, TerminalUnavailable
from reference_server.domain.events import ConnectionChanged, OrderSettled
from reference_server.domain.trading import (
    NewOrder,
    OrderCancellation,
    OrderChange,
    OrderResult,
    OrderType,
    PositionChange,
    PositionClose,
    Side,
    TradeMark,
)
from reference_server.terminals.adapter.tags import Tag
from reference_server.terminals.workers.intents import Cancelling, Changing, Closing, Intent, Modifying, Placing
from reference_server.terminals.workers.ledgers import Ledgers
from reference_server.terminals.workers.process import Deadlines
from reference_server.terminals.workers.trades import Trades
from reference_server.terminals.workers.unsettled import Reconciling, Unsettled
from tests.terminals.fakes import MONDAY_MS, HandClock
from tests.terminals.providers import HostedDesk, ServedDesk, Workshop, open_desk, until

BUY = NewOrder("EURUSD", Side.BUY, OrderType.MARKET, 0.1)
RESULT = OrderResult(ticket=7, success=True, retcode=10009, order=7, deal=8, volume=0.1, price=1.1)
SECONDS = Reconciling(answering=30.0, settling=5.0, look_interval=0.25, watching=300.0, watch_interval=5.0)


class Broker:
    """What a terminal answers, by hand: `sent` counts requests, `found` is what a look sees."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.sent = 0
        self.looks: list[float] = []
        self.sought: list[Intent] = []
        self.found: OrderResult | Exception | None = None
        self.found_at = 0.0
        self.answer: OrderResult | Exception = OutcomeUnknown()

    async def perform(self, intent: Intent) -> OrderResult:
        self.sent += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def look(self, intent: Intent) -> OrderResult | None:
        self.looks.append(self.clock.monotonic())
        self.sought.append(intent)
        if isinstance(self.found, Exception):
            raise self.found
        return self.found if self.clock.monotonic() >= self.found_at else None


@pytest.fixture
def broker(clock: HandClock) -> Broker:
    return Broker(clock)


@pytest.fixture
async def unsettled(clock: HandClock, broker: Broker) -> AsyncIterator[Unsettled]:
    unsettled = Unsettled(clock, SECONDS)
    unsettled.attach(broker.look)
    yield unsettled
    await unsettled.close()


@pytest.fixture
async def trades(clock: HandClock, broker: Broker, unsettled: Unsettled) -> Trades:
    return Trades(clock, broker.perform, unsettled)


async def test_a_lost_order_that_is_found_at_once_is_answered_with_its_result(broker: Broker, trades: Trades) -> None:
    broker.found = RESULT
    assert await trades.place(BUY) == RESULT
    assert broker.sent == 1


async def test_a_lost_order_that_shows_late_is_answered_when_it_shows(broker: Broker, trades: Trades) -> None:
    broker.found, broker.found_at = RESULT, broker.clock.monotonic() + 3.0
    assert await trades.place(BUY) == RESULT
    assert len(broker.looks) > 5


async def test_no_trace_after_the_settle_time_is_unknown_and_never_a_failure(broker: Broker, trades: Trades) -> None:
    begun = broker.clock.monotonic()
    with pytest.raises(OutcomeUnknown):
        await trades.place(BUY)
    assert broker.looks[-1] - begun >= SECONDS.settling
    assert broker.sent == 1


async def test_an_ambiguous_trace_is_unknown(broker: Broker, trades: Trades) -> None:
    broker.found = OutcomeUnknown()
    with pytest.raises(OutcomeUnknown):
        await trades.place(BUY)
    assert broker.sent == 1


async def test_an_unknown_order_stays_watched_for_minutes_and_then_no_longer(
    broker: Broker, trades: Trades, unsettled: Unsettled
) -> None:
    begun = broker.clock.monotonic()
    with pytest.raises(OutcomeUnknown):
        await trades.place(BUY)
    await until(lambda: unsettled.remembered() is None)
    assert SECONDS.watching - 10 <= broker.looks[-1] - begun <= SECONDS.watching
    assert len(broker.looks) < 100


async def test_a_terminal_that_does_not_answer_proves_nothing(broker: Broker, trades: Trades) -> None:
    begun = broker.clock.monotonic()
    broker.found = TerminalUnavailable()
    with pytest.raises(OutcomeUnknown):
        await trades.place(BUY)
    assert broker.clock.monotonic() - begun >= SECONDS.answering


async def test_no_other_trade_is_sent_while_one_is_settling(broker: Broker, trades: Trades) -> None:
    lost = asyncio.ensure_future(trades.place(BUY))
    await until(lambda: broker.looks)
    broker.answer = RESULT
    settled_at = broker.clock.monotonic() + SECONDS.settling
    assert await trades.close_position(5, None) == RESULT
    assert broker.clock.monotonic() >= settled_at
    with pytest.raises(OutcomeUnknown):
        await lost


async def test_a_lost_order_settles_anew_on_a_terminal_that_is_opened_anew(
    clock: HandClock, broker: Broker, trades: Trades, unsettled: Unsettled
) -> None:
    broker.found = TerminalUnavailable()
    lost = asyncio.ensure_future(trades.place(BUY))
    await until(lambda: len(broker.looks) >= 3)
    unsettled.detach(broker.look)
    await until(lambda: clock.monotonic() - broker.looks[0] >= 10.0)
    other = Broker(clock)
    unsettled.attach(other.look)
    attached_at = clock.monotonic()
    assert unsettled.is_settling
    with pytest.raises(OutcomeUnknown):
        await lost
    assert clock.monotonic() - attached_at >= SECONDS.settling


async def test_trades_are_refused_while_an_account_never_settles(
    broker: Broker, trades: Trades, unsettled: Unsettled
) -> None:
    broker.found = TerminalUnavailable()
    unsettled.lose(Placing(BUY, Tag.new(), broker.clock.now_ms()))
    with pytest.raises(TerminalUnavailable, match="Earlier trades of this account have no answer yet"):
        await trades.place(BUY)
    assert broker.sent == 0


async def test_trades_that_wait_give_up_together_and_none_is_sent_when_the_watch_is_over(
    broker: Broker, trades: Trades, unsettled: Unsettled
) -> None:
    broker.found = TerminalUnavailable()
    unsettled.lose(Placing(BUY, Tag.new(), broker.clock.now_ms()))
    begun = broker.clock.monotonic()
    refused = await asyncio.gather(*(trades.place(BUY) for _ in range(20)), return_exceptions=True)
    assert {type(one) for one in refused} == {TerminalUnavailable}
    assert broker.clock.monotonic() - begun < 2 * SECONDS.answering, "not one after the other"
    assert broker.sent == 0


async def test_trades_are_sent_one_after_the_other_also_where_nobody_waits_for_what_is_lost(
    clock: HandClock, broker: Broker
) -> None:
    unsettled = Unsettled(clock, Reconciling(answering=0.0, settling=0.0))
    trades = Trades(clock, broker.perform, unsettled)
    broker.answer = RESULT
    assert await asyncio.gather(*(trades.place(BUY) for _ in range(5))) == [RESULT] * 5
    await unsettled.close()


async def test_what_waits_for_its_turn_is_not_sent_by_a_terminal_that_is_closed_meanwhile(
    broker: Broker, trades: Trades
) -> None:
    lost = asyncio.ensure_future(trades.place(BUY))
    await until(lambda: broker.looks)
    waiting = asyncio.ensure_future(trades.place(BUY))
    await asyncio.sleep(0)
    trades.close()
    for one, told in ((waiting, TerminalUnavailable), (lost, OutcomeUnknown)):
        with pytest.raises(told):
            await one
    assert broker.sent == 1


async def test_an_order_that_waited_for_its_turn_is_sent_only_if_it_still_may_be(
    broker: Broker, trades: Trades
) -> None:
    asked_at: list[float] = []

    async def refused() -> None:
        asked_at.append(broker.clock.monotonic())
        raise AccountPaused

    lost = asyncio.ensure_future(trades.place(BUY))
    await until(lambda: broker.looks)
    settled_at = broker.clock.monotonic() + SECONDS.settling
    with pytest.raises(AccountPaused):
        await trades.place(BUY, None, refused)
    assert asked_at[0] >= settled_at
    assert broker.sent == 1
    with pytest.raises(OutcomeUnknown):
        await lost


async def test_closing_tells_who_waits_that_the_outcome_is_unknown(trades: Trades, unsettled: Unsettled) -> None:
    lost = asyncio.ensure_future(trades.place(BUY))
    await until(lambda: unsettled.is_settling)
    await unsettled.close()
    with pytest.raises(OutcomeUnknown):
        await lost


async def test_orders_that_were_answered_are_remembered_for_the_search(
    broker: Broker, trades: Trades, unsettled: Unsettled
) -> None:
    assert unsettled.remembered() is None
    broker.answer = RESULT
    await trades.place(BUY)
    unsettled.lose(Placing(BUY, Tag.new(), 0))
    remembered = unsettled.remembered()
    assert remembered is not None
    assert remembered.orders == (7,)


async def test_a_ledger_belongs_to_one_login_and_survives_its_terminals(clock: HandClock) -> None:
    ledgers = Ledgers(clock, SECONDS)
    mine = ledgers.of("acc_1", Mt5Credentials("1", "x", "Sim"))
    mine.lose(Placing(BUY, Tag.new(), 0))
    assert ledgers.of("acc_1", Mt5Credentials("1", "y", "SIM")) is mine
    assert ledgers.of("acc_1", Mt5Credentials("2", "x", "Sim")) is not mine
    assert ledgers.of("acc_1", Mt5Credentials("1", "x", "Other")) is not mine
    await ledgers.close()


@pytest.fixture
async def served(workshop: Workshop, tmp_path: Path) -> AsyncIterator[ServedDesk]:
    async with open_desk("per_account", workshop, tmp_path) as desk:
        assert isinstance(desk, ServedDesk)
        yield desk


async def test_a_time_out_that_was_executed_is_answered_with_the_true_result(served: ServedDesk) -> None:
    terminal = await served.open()
    served.fault({"kind": "timeout_executed"})
    result = await terminal.place_order(BUY)
    assert result.success
    assert [position.ticket for position in await terminal.positions()] == [result.ticket]
    settled = await served.heard.first(OrderSettled)
    assert settled.result.order == result.order
    await terminal.place_order(BUY)
    await served.heard.first(OrderSettled, lambda event: event.result.order != result.order)
    assert len(served.heard.of(OrderSettled)) == 2, "each once"


async def test_a_time_out_that_was_not_executed_is_unknown(served: ServedDesk) -> None:
    terminal = await served.open()
    served.fault({"kind": "timeout_not_executed"})
    with pytest.raises(OutcomeUnknown):
        await terminal.place_order(BUY)
    assert await terminal.positions() == []


@pytest.mark.parametrize("trade", ["place", "close", "modify"])
async def test_an_answer_that_was_lost_with_the_pipe_is_found_after_reopening(served: ServedDesk, trade: str) -> None:
    terminal = await served.open()
    ticket = (await terminal.place_order(BUY)).ticket
    served.fault({"kind": "answer_lost"})
    call = {
        "place": terminal.place_order(BUY),
        "close": terminal.close_position(ticket, 0.04),
        "modify": terminal.modify_position(PositionChange(ticket, sl=1.05)),
    }
    order = asyncio.ensure_future(call.pop(trade))
    for other in call.values():
        other.close()
    died = await served.heard.first(ConnectionChanged)
    assert not died.alive
    await terminal.close()
    reopened = await served.open()
    assert (await order).success
    positions = {position.ticket: position for position in await reopened.positions()}
    assert len(positions) == (2 if trade == "place" else 1)
    assert positions[ticket].volume == (0.06 if trade == "close" else 0.1)
    assert positions[ticket].sl == (1.05 if trade == "modify" else None)


async def test_an_order_that_turns_up_after_its_caller_was_told_unknown_is_announced(served: ServedDesk) -> None:
    """The broker shows it later than the settle time."""
    terminal = await served.open()
    served.fault({"kind": "late_visibility", "call": "*", "ms": 60_000, "times": 0})
    served.fault({"kind": "timeout_executed"})
    with pytest.raises(OutcomeUnknown):
        await terminal.place_order(BUY)
    served.broker.faults.clear()
    served.pass_time(61)
    settled = await served.heard.first(OrderSettled)
    assert settled.result.success
    assert len(await terminal.positions()) == 1


async def test_a_shared_worker_that_dies_takes_no_order_with_it(workshop: Workshop, tmp_path: Path) -> None:
    """Its broker dies with it and comes back with every order that was answered."""
    deadlines = Deadlines(opening=20.0, trade=0.5, read=20.0)
    async with open_desk("shared", workshop, tmp_path, deadlines=deadlines) as desk:
        desk.command += ["--state", str(tmp_path / "state")]
        assert isinstance(desk, HostedDesk)
        terminal = await desk.open()
        other = await desk.open("5678")
        ticket = (await terminal.place_order(BUY)).ticket
        desk.fault({"kind": "hang", "call": "order_send"})
        lost = asyncio.ensure_future(terminal.place_order(BUY))
        await desk.heard.first(ConnectionChanged)
        desk.let_go()
        await terminal.close()
        await other.close()
        reopened = await desk.open()
        with pytest.raises(OutcomeUnknown):
            await lost
        assert [position.ticket for position in await reopened.positions()] == [ticket]
        assert len(desk.heard.of(ConnectionChanged)) == 2


MARK = TradeMark(77, MONDAY_MS - 1_000)
OLD = TradeMark(78, MONDAY_MS - 301_000)


async def test_a_search_that_runs_is_joined_and_its_late_result_reaches_who_reconciles(
    broker: Broker, trades: Trades
) -> None:
    broker.found, broker.found_at = RESULT, broker.clock.monotonic() + 60.0
    with pytest.raises(OutcomeUnknown):
        await trades.place(BUY, MARK)
    looks = len(broker.looks)
    first, second = await asyncio.gather(trades.reconcile(BUY, MARK), trades.reconcile(BUY, MARK))
    assert first == second == RESULT
    assert len(broker.looks) - looks < 20, "one search for both"
    assert await trades.reconcile(BUY, MARK) == RESULT, "what was found stays known"
    assert broker.sent == 1


async def test_a_trade_of_an_earlier_life_is_searched_as_such_and_never_sent(broker: Broker, trades: Trades) -> None:
    broker.found = RESULT
    assert await trades.reconcile(BUY, MARK) == RESULT
    (intent,) = {*broker.sought}
    assert intent == Placing(BUY, Tag(77), MARK.since_ms, is_earlier=True)
    assert broker.sent == 0


async def test_a_search_without_a_trace_ends_in_none_when_its_watch_is_over(broker: Broker, trades: Trades) -> None:
    begun = broker.clock.monotonic()
    assert await trades.reconcile(BUY, MARK) is None
    assert SECONDS.watching - 10 <= broker.looks[-1] - begun <= SECONDS.watching


async def test_a_terminal_that_never_answered_is_no_proof_of_absence(broker: Broker, trades: Trades) -> None:
    broker.found = TerminalUnavailable()
    with pytest.raises(TerminalUnavailable):
        await trades.reconcile(BUY, MARK)


async def test_other_trades_wait_while_one_of_an_earlier_life_settles(broker: Broker, trades: Trades) -> None:
    begun = broker.clock.monotonic()
    searching = asyncio.ensure_future(trades.reconcile(BUY, MARK))
    await until(lambda: broker.looks)
    broker.answer = RESULT
    assert await trades.place(BUY) == RESULT
    assert broker.clock.monotonic() - begun >= SECONDS.settling
    searching.cancel()


async def test_a_trade_of_long_ago_is_looked_for_as_long_as_a_caller_waits_and_holds_up_nobody(
    broker: Broker, trades: Trades
) -> None:
    begun = broker.clock.monotonic()
    searching = asyncio.ensure_future(trades.reconcile(BUY, OLD))
    await until(lambda: broker.looks)
    broker.answer = RESULT
    assert await trades.place(BUY) == RESULT
    assert broker.clock.monotonic() - begun <= SECONDS.watch_interval
    assert await searching is None
    assert SECONDS.answering - 5 <= broker.looks[-1] - begun <= SECONDS.answering
    assert len(broker.looks) < 10


async def test_a_trade_of_long_ago_is_found_also_when_the_history_shows_late(broker: Broker, trades: Trades) -> None:
    broker.found, broker.found_at = RESULT, broker.clock.monotonic() + 20.0
    assert await trades.reconcile(BUY, OLD) == RESULT


async def test_a_trade_of_long_ago_on_a_terminal_that_never_answered_is_no_proof_of_absence(
    broker: Broker, trades: Trades
) -> None:
    broker.found = TerminalUnavailable()
    with pytest.raises(TerminalUnavailable):
        await trades.reconcile(BUY, OLD)


async def test_a_search_outlives_the_terminal_that_was_asked(
    clock: HandClock, broker: Broker, trades: Trades, unsettled: Unsettled
) -> None:
    searching = asyncio.ensure_future(trades.reconcile(BUY, MARK))
    await until(lambda: broker.looks)
    unsettled.detach(broker.look)
    trades.close()
    with pytest.raises(TerminalUnavailable, match="closed"):
        await searching
    with pytest.raises(TerminalUnavailable):
        await trades.reconcile(BUY, MARK)
    other = Broker(clock)
    unsettled.attach(other.look)
    reopened = Trades(clock, other.perform, unsettled)
    other.found, other.found_at = RESULT, clock.monotonic() + 20.0
    assert await reopened.reconcile(BUY, MARK) == RESULT
    assert {intent.tag for intent in other.sought} == {Tag(77)}


async def test_closing_tells_who_reconciles_that_nothing_is_known(trades: Trades, unsettled: Unsettled) -> None:
    searching = asyncio.ensure_future(trades.reconcile(BUY, MARK))
    await until(lambda: unsettled.is_settling)
    await unsettled.close()
    with pytest.raises(TerminalUnavailable):
        await searching


@pytest.mark.parametrize(
    ("request_", "kind"),
    [
        (PositionClose(5, 0.1), Closing),
        (PositionChange(5, sl=1.0), Modifying),
        (OrderChange(5, price=1.0), Changing),
        (OrderCancellation(5), Cancelling),
    ],
)
async def test_every_kind_of_trade_is_lost_and_found_by_its_mark(
    broker: Broker, trades: Trades, request_: Any, kind: type
) -> None:
    calls: dict[type, Callable[[], Awaitable[OrderResult]]] = {
        Closing: lambda: trades.close_position(5, 0.1, MARK),
        Modifying: lambda: trades.modify(request_, MARK),
        Changing: lambda: trades.change_order(request_, MARK),
        Cancelling: lambda: trades.cancel(5, MARK),
    }
    with pytest.raises(OutcomeUnknown):
        await calls[kind]()
    broker.found = RESULT
    assert await trades.reconcile(request_, MARK) == RESULT
    assert {type(intent) for intent in broker.sought} == {kind}
    assert {(intent.tag, intent.since_ms) for intent in broker.sought} == {(Tag(77), MARK.since_ms)}
    assert broker.sent == 1


@pytest.mark.parametrize("trade", ["cancel", "change", "place"])
async def test_an_answer_about_a_pending_order_that_was_lost_is_found_after_reopening(
    served: ServedDesk, trade: str
) -> None:
    terminal = await served.open()
    limit = NewOrder("EURUSD", Side.BUY, OrderType.STOP_LIMIT, 0.1, price=1.2, stop_limit_price=1.15)
    ticket = (await terminal.place_order(limit)).ticket
    served.fault({"kind": "answer_lost"})
    call = {
        "cancel": terminal.cancel_order(ticket),
        "change": terminal.modify_order(OrderChange(ticket, price=1.19, sl=1.05)),
        "place": terminal.place_order(replace(limit, volume=0.2)),
    }
    lost = asyncio.ensure_future(call.pop(trade))
    for other in call.values():
        other.close()
    await served.heard.first(ConnectionChanged)
    await terminal.close()
    reopened = await served.open()
    assert (await lost).success
    orders = {order.ticket: order for order in await reopened.orders()}
    assert len(orders) == {"cancel": 0, "change": 1, "place": 2}[trade]
    if trade == "change":
        assert (orders[ticket].price, orders[ticket].stop_limit_price, orders[ticket].sl) == (1.19, 1.15, 1.05)
