"""The poller tells everything once."""

from types import SimpleNamespace
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_server.domain.account import Mt5Credentials
from reference_server.domain.events import (
    AccountChanged,
    ConnectionChanged,
    OrderSettled,
    PositionChanged,
    TerminalEvent,
)
from reference_server.domain.market import Timeframe
from reference_server.domain.trading import NewOrder, OrderType, Side
from reference_server.terminals.adapter.adapter import MetaTraderAdapter
from reference_server.terminals.adapter.bars import bar_end, bar_open
from reference_server.terminals.polling.poller import Poller
from reference_server.terminals.polling.ticks import TickFollower
from tests.terminals.fakes import HandClock, HandMadeModule

E = TypeVar("E")
MONDAY_SERVER_MS = 1_717_408_800_000 + 3 * 3_600_000


def logged_in(module: HandMadeModule, clock: HandClock) -> MetaTraderAdapter:
    adapter = MetaTraderAdapter(module, clock)
    adapter.login(Mt5Credentials("7", "x", "Hand-Made"))
    return adapter


def only(kind: type[E], events: list[TerminalEvent]) -> E:
    """The one event that there is."""
    (event,) = events
    assert isinstance(event, kind)
    return event


@pytest.fixture
def poller(module: HandMadeModule, clock: HandClock) -> Poller:
    poller = Poller(logged_in(module, clock))
    poller.begin()
    assert poller.poll() == []
    return poller


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.tuples(st.sampled_from([0, 0, 0, 1, 7, 400, 999, 2500]), st.booleans()), max_size=40)))
def test_no_tick_is_lost_or_told_twice(batches: list[list[tuple[int, bool]]]) -> None:
    """Ticks come in bursts, many in one millisecond, some equal to the one before; a poll follows each burst."""
    module = HandMadeModule()
    follower = TickFollower(logged_in(module, HandClock()))
    follower.watch({"EURUSD"})
    told: list[int] = []
    sent: list[int] = []
    price = 110_000
    for batch in batches:
        for step_ms, moves in batch:
            time_msc = module.ticks[-1][5] + step_ms
            price += moves
            row = (time_msc // 1000, price / 1e5, price / 1e5 + 1e-4, 0.0, len(sent) + 1, time_msc, 6, 0.0)
            module.ticks.append(row)
            sent.append(len(sent) + 1)
        told += [event.tick.volume for event in follower.poll()]
    assert told == sent


def test_more_ticks_in_a_second_than_a_page_holds_are_all_told(module: HandMadeModule, clock: HandClock) -> None:
    follower = TickFollower(logged_in(module, clock))
    follower.watch({"EURUSD"})
    last = module.ticks[-1][5]
    module.ticks += [(0, 1.1, 1.2, 0.0, number, last + number // 10, 6, 0.0) for number in range(1, 5001)]
    assert [event.tick.volume for event in follower.poll()] == list(range(1, 5001))
    assert follower.poll() == []


def test_the_first_tick_of_a_silent_symbol_is_told(module: HandMadeModule, clock: HandClock) -> None:
    (row,) = module.ticks
    module.ticks = []
    follower = TickFollower(logged_in(module, clock))
    follower.watch({"EURUSD"})
    module.ticks = [row]
    assert len(follower.poll()) == 1
    assert follower.poll() == []


def test_a_manual_trade_is_settled_once_even_when_its_deal_comes_late(
    poller: Poller, module: HandMadeModule, clock: HandClock
) -> None:
    position = SimpleNamespace(
        ticket=5, identifier=5, symbol="EURUSD", type=0, volume=0.1, price_open=1.1, sl=0.0, tp=0.0,
        price_current=1.1, profit=0.0, swap=0.0, time_msc=MONDAY_SERVER_MS, magic=0, comment="",
    )  # fmt: skip
    deal = SimpleNamespace(
        ticket=9, order=5, type=0, entry=0, position_id=5, reason=0, volume=0.1, price=1.1, commission=-0.35, fee=0.0,
        swap=0.0, profit=0.0, symbol="EURUSD", time=MONDAY_SERVER_MS // 1000,
    )  # fmt: skip
    module.held = [position]
    assert [type(event) for event in poller.poll()] == [PositionChanged]
    clock.ms += 800
    module.deals = [deal]
    settled = only(OrderSettled, poller.poll())
    assert (settled.result.ticket, settled.result.price, settled.side) == (5, 1.1, Side.BUY)
    for _ in range(3):
        clock.ms += 6000
        assert [event for event in poller.poll() if isinstance(event, OrderSettled)] == []


@pytest.mark.parametrize(("state", "retcode"), [(2, 10007), (6, 10007), (5, 10041)])
def test_a_pending_order_that_ends_without_a_deal_is_settled_as_a_failure(
    poller: Poller, module: HandMadeModule, state: int, retcode: int
) -> None:
    order = SimpleNamespace(
        ticket=5, symbol="EURUSD", type=2, reason=0, state=1, price_open=1.0, volume_initial=0.1, volume_current=0.1
    )
    module.pending = [order]
    placed = only(OrderSettled, poller.poll())
    assert placed.result.success
    module.pending = []
    assert poller.poll() == [], "history does not know yet"
    module.past_orders = [SimpleNamespace(**{**vars(order), "state": state})]
    ended = only(OrderSettled, poller.poll())
    assert (ended.result.ticket, ended.result.success, ended.result.retcode) == (5, False, retcode)
    assert ended.order_type is OrderType.LIMIT
    assert poller.poll() == []


def test_balance_is_told_at_once_and_equity_once_a_second(
    poller: Poller, module: HandMadeModule, clock: HandClock
) -> None:
    module.account["balance"] = module.account["equity"] = 900.0
    assert [type(event) for event in poller.poll()] == [AccountChanged]
    module.account["equity"] = 901.0
    assert poller.poll() == []
    clock.ms += 1000
    assert [type(event) for event in poller.poll()] == [AccountChanged]


def test_a_lost_broker_and_a_dead_terminal_are_told_once_each(
    poller: Poller, module: HandMadeModule, clock: HandClock
) -> None:
    module.connected = False
    clock.ms += 1000
    lost = only(ConnectionChanged, poller.poll())
    assert (lost.connected, lost.alive) == (False, True)
    clock.ms += 1000
    assert poller.poll() == []
    module.is_dead = True
    dead = only(ConnectionChanged, poller.poll())
    assert (dead.connected, dead.alive) == (False, False)
    assert poller.poll() == []
    module.is_dead, module.connected = False, True
    clock.ms += 1000
    assert only(ConnectionChanged, poller.poll()) == ConnectionChanged(connected=True)


def test_outcome_of_an_order_is_announced_also_when_the_terminal_dies_right_after(
    poller: Poller, module: HandMadeModule
) -> None:
    module.answers = [{"retcode": 10009, "order": 8, "deal": 9, "price": 1.1, "volume": 0.1}]
    poller._adapter.place_order(NewOrder("EURUSD", Side.BUY, OrderType.MARKET, 0.1))
    module.is_dead = True
    settled, lost = poller.poll()
    assert isinstance(settled, OrderSettled)
    assert settled.result.order == 8
    assert isinstance(lost, ConnectionChanged)
    assert poller.poll() == []


@pytest.mark.parametrize("timeframe", Timeframe)
@given(at=st.integers(0, 4_000_000_000))
def test_bars_follow_each_other_without_gap(timeframe: Timeframe, at: int) -> None:
    opened = bar_open(timeframe, at)
    end = bar_end(timeframe, opened)
    assert opened <= at < end
    assert bar_open(timeframe, end) == end
    assert bar_open(timeframe, end - 1) == opened
