"""Every change of the book is told once, however late and in whatever order the terminal shows its parts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_server.domain.account import Mt5Credentials
from reference_server.domain.errors import GatewayError, OutcomeUnknown, TerminalUnavailable
from reference_server.domain.events import ConnectionChanged, OrderSettled, PositionChanged, TerminalEvent, Trouble
from reference_server.domain.trading import NewOrder, OrderType, Side
from reference_server.simulator import ManualPrices, SimulatedBroker, SimulatedMetaTrader5
from reference_server.terminals.adapter.adapter import MetaTraderAdapter
from reference_server.terminals.adapter.tags import Tag
from reference_server.terminals.polling.poller import Poller
from tests.terminals.fakes import HandClock, HandMadeModule
from tests.terminals.lossy import LossyModule

E = TypeVar("E")
BUY = NewOrder("EURUSD", Side.BUY, OrderType.MARKET, 0.1)
SERVER_SECONDS = 1_717_408_800 + 3 * 3600


class Scene:
    """An adapter and its poller over a module, and everything that was told."""

    def __init__(self, module: Any, clock: HandClock, server: str = "Hand-Made") -> None:
        self.clock = clock
        self.module = module
        self.adapter = MetaTraderAdapter(module, clock)
        self.adapter.login(Mt5Credentials("7", "x", server))
        self.poller = Poller(self.adapter)
        self.poller.begin()
        self.told: list[TerminalEvent] = []
        self.poll()

    def poll(self, seconds: float = 0.05) -> list[TerminalEvent]:
        self.clock.ms += round(seconds * 1000)
        events = self.poller.poll()
        self.told += events
        return events

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.told if isinstance(event, kind)]

    def changes(self) -> list[tuple[str, int]]:
        return [(event.change, event.position.ticket) for event in self.of(PositionChanged)]

    def settled(self) -> list[tuple[int, bool, int, float]]:
        return [
            (event.result.order, event.result.success, event.result.retcode, event.result.volume)
            for event in self.of(OrderSettled)
        ]


@pytest.fixture
def scene(module: HandMadeModule, clock: HandClock) -> Scene:
    return Scene(module, clock)


def deal(ticket: int, order: int, **values: Any) -> SimpleNamespace:
    return SimpleNamespace(
        **{
            "ticket": ticket, "order": order, "type": 0, "entry": 0, "position_id": order, "reason": 3, "volume": 0.1,
            "price": 1.1, "commission": -0.35, "fee": 0.0, "swap": 0.0, "profit": 0.0, "symbol": "EURUSD", "magic": 0,
            "comment": "", "time": SERVER_SECONDS, "time_msc": SERVER_SECONDS * 1000,
        }
        | values
    )  # fmt: skip


def position(ticket: int, **values: Any) -> SimpleNamespace:
    return SimpleNamespace(
        **{
            "ticket": ticket, "identifier": ticket, "symbol": "EURUSD", "type": 0, "volume": 0.1, "price_open": 1.1,
            "sl": 0.0, "tp": 0.0, "price_current": 1.1, "profit": 0.0, "swap": 0.0, "magic": 0, "comment": "",
            "time": SERVER_SECONDS, "time_msc": SERVER_SECONDS * 1000,
        }
        | values
    )  # fmt: skip


def order(ticket: int, **values: Any) -> SimpleNamespace:
    return SimpleNamespace(
        **{
            "ticket": ticket, "symbol": "EURUSD", "type": 0, "reason": 3, "state": 1, "price_open": 1.1,
            "volume_initial": 0.1, "volume_current": 0.1,
        }
        | values
    )  # fmt: skip


def test_a_position_that_nobody_saw_is_told_from_its_deals(scene: Scene, module: HandMadeModule) -> None:
    module.deals = [
        deal(1, 5, magic=77, comment="bot"),
        deal(2, 6, type=1, entry=1, position_id=5, price=1.2, profit=9),
    ]
    for _ in range(120):
        scene.poll()
    opened, closed = scene.of(PositionChanged)
    assert (opened.change, opened.position.ticket, opened.position.volume) == ("opened", 5, 0.1)
    assert (opened.position.open_price, opened.position.commission, opened.position.magic) == (1.1, -0.35, 77)
    assert (closed.change, closed.position.volume, closed.position.current_price) == ("closed", 0.0, 1.2)
    assert (closed.position.profit, closed.position.comment) == (9.0, "bot")
    assert [ticket for ticket, *_ in scene.settled()] == [5, 6]


def test_a_position_that_only_shows_late_is_told_as_any_other(scene: Scene, module: HandMadeModule) -> None:
    module.deals = [deal(1, 5)]
    for _ in range(120):
        scene.poll()
    assert scene.changes() == []
    module.held = [position(5)]
    scene.poll()
    module.held = []
    module.deals.append(deal(2, 6, type=1, entry=1, position_id=5))
    for _ in range(120):
        scene.poll()
    assert scene.changes() == [("opened", 5), ("closed", 5)]


def test_the_end_of_a_position_waits_for_its_deal_and_not_for_ever(scene: Scene, module: HandMadeModule) -> None:
    module.held = [position(5), position(6)]
    module.deals = [deal(1, 5), deal(2, 6)]
    scene.poll()
    module.held = []
    assert [event for event in scene.poll() if isinstance(event, PositionChanged)] == []
    module.deals.append(deal(3, 7, type=1, entry=1, position_id=5, price=1.3, profit=20.004))
    scene.poll()
    closed = scene.of(PositionChanged)[-1].position
    assert (closed.ticket, closed.current_price, closed.profit, closed.volume) == (5, 1.3, 20.0, 0.0)
    scene.poll(1.0)
    assert scene.changes() == [("opened", 5), ("opened", 6), ("closed", 5), ("closed", 6)]


def test_the_end_of_a_position_is_not_taken_for_an_earlier_closing_in_part(
    scene: Scene, module: HandMadeModule
) -> None:
    part = deal(2, 6, type=1, entry=1, position_id=5, volume=0.04, price=1.2, profit=8.0)
    module.held, module.deals = [position(5, volume=0.06)], [deal(1, 5), part]
    scene.poll()
    module.held = []
    scene.poll()
    module.deals.append(deal(3, 7, type=1, entry=1, position_id=5, volume=0.06, price=1.3, profit=20.0))
    scene.poll()
    closed = scene.of(PositionChanged)[-1]
    assert (closed.change, closed.position.current_price, closed.position.profit) == ("closed", 1.3, 20.0)


def test_a_position_that_was_turned_round_ends_with_the_deal_that_did_it(scene: Scene, module: HandMadeModule) -> None:
    module.held, module.deals = [position(5)], [deal(1, 5)]
    scene.poll()
    module.held = [position(6, identifier=5, type=1)]
    scene.poll()
    assert scene.changes() == [("opened", 5), ("opened", 6)]
    module.deals.append(deal(2, 6, type=1, entry=2, position_id=5, volume=0.2, price=1.3))
    scene.poll()
    closed = scene.of(PositionChanged)[-1]
    assert (closed.change, closed.position.ticket, closed.position.current_price) == ("closed", 5, 1.3)


def test_the_second_leg_of_two_positions_closed_against_each_other_is_no_second_trade(
    scene: Scene, module: HandMadeModule
) -> None:
    legs = [deal(3, 9, type=1, entry=3, position_id=5), deal(4, 9, type=0, entry=3, position_id=6)]
    module.held, module.deals = [position(5), position(6, type=1)], [deal(1, 5), deal(2, 6, type=1)]
    scene.poll()
    module.held, module.deals = [], [*module.deals, legs[0]]
    scene.poll()
    module.deals.append(legs[1])
    for _ in range(120):
        scene.poll()
    assert [ticket for ticket, *_ in scene.settled()] == [5, 6, 9]
    assert scene.changes() == [("opened", 5), ("opened", 6), ("closed", 5), ("closed", 6)]


def test_an_order_that_was_found_by_its_position_is_not_told_again_with_its_deals(clock: HandClock) -> None:
    broker = SimulatedBroker(clock=clock, prices=ManualPrices())
    module = LossyModule(SimulatedMetaTrader5(broker))
    scene = Scene(module, clock, "Sim-Demo")
    scene.poll(5)
    module.hide_new("history_deals_get", "history_orders_get")
    since_ms, tag = clock.now_ms(), Tag(5)
    module.loses = "answer"
    with pytest.raises(OutcomeUnknown):
        scene.adapter.place_order(BUY, tag=tag)
    module.loses = None
    found = scene.adapter.find_order(BUY, tag, since_ms)
    assert found is not None
    scene.poll()
    module.hidden.clear()
    for _ in range(120):
        scene.poll()
    assert scene.settled() == [(found.order, True, 10009, 0.1)]


@pytest.mark.parametrize("shows_late", [False, True])
def test_the_rest_of_an_order_that_was_filled_in_part_is_told_to_have_been_withdrawn(
    scene: Scene, module: HandMadeModule, shows_late: bool
) -> None:
    module.pending = [order(9, type=2)]
    scene.poll()
    past = order(9, type=2, state=2, volume_current=0.03)
    module.pending, module.deals, module.held = [], [deal(1, 9, volume=0.07)], [position(9, volume=0.07)]
    module.past_orders = [] if shows_late else [past]
    scene.poll()
    module.past_orders = [past]
    for _ in range(120):
        scene.poll()
    assert scene.settled() == [(9, True, 10009, 0.1), (9, True, 10009, 0.07), (9, False, 10007, 0.0)]


def test_a_position_that_shows_again_has_not_ended(scene: Scene, module: HandMadeModule) -> None:
    module.held, module.deals = [position(5)], [deal(1, 5)]
    scene.poll()
    module.held = []
    scene.poll()
    module.held = [position(5)]
    for _ in range(120):
        scene.poll()
    assert scene.changes() == [("opened", 5)]
    module.held = []
    module.deals.append(deal(2, 6, type=1, entry=1, position_id=5))
    for _ in range(120):
        scene.poll()
    assert scene.changes() == [("opened", 5), ("closed", 5)]


@pytest.mark.parametrize("broken", ["positions_get", "orders_get"])
def test_a_book_that_cannot_be_read_is_not_empty(
    scene: Scene, module: HandMadeModule, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package answers `()` where there is nothing, and None where it failed."""
    module.held, module.pending, module.deals = [position(5)], [order(9, type=2)], [deal(1, 5)]
    scene.poll()

    def fail(*_: Any, **__: Any) -> None:
        module.error = (-1, "Terminal: Call failed")

    with monkeypatch.context() as patch:
        patch.setattr(module, broken, fail)
        for _ in range(40):
            scene.poll()
        with pytest.raises(TerminalUnavailable):
            scene.adapter.positions() if broken == "positions_get" else scene.adapter.orders()
    for _ in range(120):
        scene.poll()
    assert scene.changes() == [("opened", 5)]
    assert sorted(scene.settled()) == [(5, True, 10009, 0.1), (9, True, 10009, 0.1)]
    assert scene.of(ConnectionChanged) == []


@pytest.mark.parametrize("ends_by", ["cancellation", "fill"])
def test_a_pending_order_that_ends_before_it_was_seen_is_told_to_have_ended(clock: HandClock, ends_by: str) -> None:
    broker = SimulatedBroker(clock=clock, prices=ManualPrices())
    broker.set_price("EURUSD", 1.1, 1.1001)
    module = SimulatedMetaTrader5(broker)
    scene = Scene(module, clock, "Sim-Demo")
    ticket = scene.adapter.place_order(NewOrder("EURUSD", Side.BUY, OrderType.LIMIT, 0.1, price=1.09)).ticket
    if ends_by == "fill":
        broker.set_price("EURUSD", 1.0898, 1.0899)
    else:
        assert module.order_send({"action": 8, "order": ticket}).retcode == 10009
    for _ in range(120):
        scene.poll()
    ended = (ticket, True, 10009, 0.1) if ends_by == "fill" else (ticket, False, 10007, 0.0)
    assert scene.settled() == [(ticket, True, 10009, 0.1), ended]


@pytest.mark.parametrize("shows_in_book", [True, False])
@pytest.mark.parametrize(
    ("state", "outcome"), [(4, (8, True, 10009, 0.1)), (5, (8, False, 10006, 0.0)), (2, (8, False, 10006, 0.0))]
)
def test_an_order_that_was_only_placed_is_told_again_when_it_is_filled_or_not(
    scene: Scene, module: HandMadeModule, state: int, outcome: tuple[int, bool, int, float], shows_in_book: bool
) -> None:
    module.answers = [{"retcode": 10008, "order": 8}]
    result = scene.adapter.place_order(BUY)
    assert (result.success, result.retcode, result.ticket, result.volume) == (True, 10008, 8, 0.0)
    if shows_in_book:
        module.pending = [order(8)]
    scene.poll()
    scene.poll(3)
    module.pending = []
    module.past_orders = [order(8, state=state)]
    if state == 4:
        module.deals = [deal(1, 8, time=SERVER_SECONDS + 3)]
        module.held = [position(8)]
    for _ in range(120):
        scene.poll()
    assert scene.settled() == [(8, True, 10008, 0.0), outcome]


def test_what_remains_of_a_partial_fill_is_told_when_it_is_filled(scene: Scene, module: HandMadeModule) -> None:
    module.answers = [{"retcode": 10010, "order": 8, "deal": 1, "price": 1.1, "volume": 0.04}]
    scene.adapter.place_order(BUY)
    module.deals = [deal(1, 8, volume=0.04)]
    module.held = [position(8, volume=0.04)]
    for _ in range(30):
        scene.poll()
    module.deals.append(deal(2, 8, volume=0.06, time=SERVER_SECONDS + 2))
    module.held = [position(8)]
    for _ in range(120):
        scene.poll()
    assert scene.settled() == [(8, True, 10010, 0.04), (8, True, 10009, 0.06)]


def test_a_deal_without_price_or_volume_in_its_answer_is_read_from_the_history(
    scene: Scene, module: HandMadeModule
) -> None:
    module.answers = [{"retcode": 10009, "order": 8, "deal": 1, "price": 0.0, "volume": 0.0}]
    module.deals = [deal(1, 8, price=1.2, volume=0.1)]
    result = scene.adapter.place_order(BUY)
    assert (result.price, result.volume) == (1.2, 0.1)


@pytest.mark.parametrize("broken", ["history_deals_get", "history_orders_get", "symbol_info"])
def test_a_terminal_that_fails_in_the_middle_of_a_poll_loses_and_doubles_nothing(
    module: HandMadeModule, clock: HandClock, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(module, clock)
    module.answers = [{"retcode": 10009, "order": 30, "deal": 31, "price": 1.1, "volume": 0.1}]
    scene.adapter.place_order(BUY)
    module.held = [position(5), position(30)]
    module.pending = [order(9, type=2)]
    module.deals = [deal(1, 5), deal(31, 30)]

    def fail(*_: Any, **__: Any) -> None:
        module.error = (-1, "Terminal: Call failed")

    with monkeypatch.context() as patch:
        patch.setattr(module, broken, fail)
        for _ in range(5):
            scene.poll()
    for _ in range(120):
        scene.poll()
    lives = [change for change in scene.changes() if change[0] != "changed"]
    assert sorted(lives) == [("opened", 5), ("opened", 30)], "commission may come later, as a change"
    assert sorted(scene.settled()) == [
        (5, True, 10009, 0.1),
        (9, True, 10009, 0.1),
        (30, True, 10009, 0.1),
    ]


@pytest.mark.parametrize(
    ("terminal", "account", "trouble"),
    [
        ({"trade_allowed": False}, {}, Trouble.AUTOTRADING_OFF),
        ({"tradeapi_disabled": True}, {}, Trouble.API_DISABLED),
        ({}, {"trade_allowed": False}, Trouble.READ_ONLY),
        ({}, {"trade_expert": False}, Trouble.EXPERTS_FORBIDDEN),
    ],
)
def test_what_keeps_a_terminal_from_trading_is_told_with_its_reason_and_when_it_is_over(
    scene: Scene, module: HandMadeModule, terminal: dict[str, Any], account: dict[str, Any], trouble: Trouble
) -> None:
    before = {**module.terminal}, {**module.account}
    module.terminal |= terminal
    module.account |= account
    scene.poll(1)
    scene.poll(1)
    module.terminal, module.account = before
    scene.poll(1)
    impeded, free = scene.of(ConnectionChanged)
    assert (impeded.connected, impeded.alive, impeded.troubles) == (True, True, (trouble,))
    assert impeded.detail.endswith(".")
    assert free == ConnectionChanged(connected=True)


def test_a_terminal_that_is_opened_with_a_trouble_says_so_at_once(module: HandMadeModule, clock: HandClock) -> None:
    module.terminal["trade_allowed"] = False
    (event,) = Scene(module, clock).of(ConnectionChanged)
    assert event.troubles == (Trouble.AUTOTRADING_OFF,)


def test_prices_that_stand_still_on_a_weekday_are_a_frozen_feed_and_at_a_weekend_are_not(
    scene: Scene, module: HandMadeModule
) -> None:
    for _ in range(400):
        scene.poll(1)
    assert [event.troubles for event in scene.of(ConnectionChanged)] == [(Trouble.FEED_FROZEN,)]
    row = module.ticks[-1]
    module.ticks.append((*row[:5], row[5] + 1000, *row[6:]))
    for _ in range(12):
        scene.poll(1)
    assert scene.of(ConnectionChanged)[-1] == ConnectionChanged(connected=True)
    scene.clock.ms += 5 * 86_400_000
    for _ in range(400):
        scene.poll(1)
    assert len(scene.of(ConnectionChanged)) == 2


READERS = ("positions_get", "orders_get", "history_orders_get", "history_deals_get")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("open"), st.integers(1, 3)),
        st.tuples(st.just("close"), st.integers(0, 5)),
        st.tuples(st.just("pending"), st.integers(1, 3)),
        st.tuples(st.just("price"), st.integers(-30, 30)),
        st.tuples(st.just("flash"), st.integers(1, 3)),
        st.tuples(st.just("poll"), st.sampled_from([50, 300, 6000])),
        st.tuples(st.just("hide"), st.sampled_from(READERS)),
        st.tuples(st.just("show"), st.just(0)),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(STEPS, st.sampled_from(["Sim-Demo", "Sim-Netting"]))
def test_whatever_happens_every_deal_is_told_once_and_every_position_begins_and_ends_once(
    steps: list[tuple[str, Any]], server: str
) -> None:
    """Trades of this adapter and of another one, stops and triggers; parts of the book are hidden for a while."""
    clock = HandClock()
    broker = SimulatedBroker(clock=clock, prices=ManualPrices())
    broker.set_price("EURUSD", 1.1, 1.1001)
    scene = Scene(LossyModule(SimulatedMetaTrader5(broker)), clock, server)
    other = MetaTraderAdapter(SimulatedMetaTrader5(broker), clock)
    other.login(Mt5Credentials("7", "x", server))
    account = broker.accounts[server, 7]
    for what, value in steps:
        clock.ms += 10
        if what == "open":
            trader = scene.adapter if value % 2 else other
            trader.place_order(NewOrder("EURUSD", Side.BUY, OrderType.MARKET, value / 10))
        elif what == "close" and account.positions:
            ticket = sorted(account.positions)[value % len(account.positions)]
            try:
                (scene.adapter if value % 2 else other).close_position(ticket)
            except GatewayError:
                continue  # hidden from this terminal
        elif what == "pending":
            bid = broker.market.quotes["EURUSD"].bid
            price = round(bid - value / 10_000, 5)
            scene.adapter.place_order(NewOrder("EURUSD", Side.BUY, OrderType.LIMIT, 0.1, price=price, sl=price - 0.01))
        elif what == "price":
            bid = round(broker.market.quotes["EURUSD"].bid + value / 10_000, 5)
            broker.set_price("EURUSD", bid, round(bid + 0.0001, 5))
        elif what == "flash":
            other.close_position(other.place_order(NewOrder("EURUSD", Side.BUY, OrderType.MARKET, value / 10)).ticket)
        elif what == "hide":
            scene.module.hide_new(value)
        elif what == "show":
            scene.module.hidden.clear()
        elif what == "poll":
            scene.poll(value / 1000)
    scene.module.hidden.clear()
    for _ in range(150):
        scene.poll()
    changes = scene.changes()
    for ticket in {ticket for _, ticket in changes}:
        life = [change for change, of in changes if of == ticket and change != "changed"]
        assert life in (["opened"], ["opened", "closed"]), (ticket, changes)
        assert (life == ["opened"]) == (ticket in account.positions)
    assert account.positions.keys() <= {ticket for _, ticket in changes}
    filled = [event.result.deal for event in scene.of(OrderSettled) if event.result.deal]
    assert len(filled) == len(set(filled))
    assert set(filled) == {deal.ticket for deal in account.deals if deal.order}


class CountingModule:
    """A module that counts the deals that it hands out."""

    def __init__(self, module: Any) -> None:
        self._module = module
        self.read = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def history_deals_get(self, *args: Any, **kwargs: Any) -> Any:
        records = self._module.history_deals_get(*args, **kwargs)
        self.read += len(records or ())
        return records


def test_a_busy_account_has_only_its_new_deals_read(clock: HandClock) -> None:
    broker = SimulatedBroker(clock=clock, prices=ManualPrices())
    module = CountingModule(SimulatedMetaTrader5(broker))
    scene = Scene(module, clock, "TonpoSim-Netting")
    for _ in range(50):
        scene.adapter.place_order(BUY)
    scene.poll(0.001)
    module.read = 0
    for _ in range(50):
        scene.adapter.place_order(BUY)
        scene.poll(0.001)
    own, of_the_position = 50, sum(range(51, 101))  # whose commission is read anew when its volume changes
    assert module.read <= own + of_the_position
    assert len(scene.settled()) == 100


def test_a_deal_that_somebody_else_made_beside_own_ones_is_told(clock: HandClock) -> None:
    broker = SimulatedBroker(clock=clock, prices=ManualPrices())
    module = SimulatedMetaTrader5(broker)
    scene = Scene(module, clock, "TonpoSim-Demo")
    scene.adapter.place_order(BUY)
    scene.poll()
    own = scene.adapter.place_order(BUY)
    by_hand = module.order_send({"action": 1, "symbol": "EURUSD", "volume": 0.3, "type": 0, "type_filling": 0})
    scene.poll()
    assert [ticket for ticket, *_ in scene.settled()][1:] == [own.order, by_hand.order]
    assert [ticket for _, ticket in scene.changes()][1:] == [own.ticket, by_hand.order]


def test_an_own_position_that_opened_and_closed_between_two_polls_is_told(clock: HandClock) -> None:
    broker = SimulatedBroker(clock=clock, prices=ManualPrices())
    scene = Scene(SimulatedMetaTrader5(broker), clock, "TonpoSim-Demo")
    scene.adapter.place_order(BUY)
    scene.poll()
    own = scene.adapter.place_order(BUY)
    scene.adapter.close_position(own.ticket)
    scene.poll()
    assert scene.changes()[1:] == [("opened", own.ticket), ("closed", own.ticket)]


def test_a_broker_that_finds_no_deal_by_its_ticket_has_all_of_them_read(clock: HandClock) -> None:
    class ByOrderOnly(CountingModule):
        def history_deals_get(self, *args: Any, **kwargs: Any) -> Any:
            return () if "ticket" in kwargs else super().history_deals_get(*args, **kwargs)

    broker = SimulatedBroker(clock=clock, prices=ManualPrices())
    scene = Scene(ByOrderOnly(SimulatedMetaTrader5(broker)), clock, "TonpoSim-Demo")
    tickets = []
    for _ in range(3):
        opened = scene.adapter.place_order(BUY)
        scene.adapter.close_position(opened.ticket)
        tickets.append(opened.ticket)
        scene.poll()
    assert scene.changes() == [(change, ticket) for ticket in tickets for change in ("opened", "closed")]
