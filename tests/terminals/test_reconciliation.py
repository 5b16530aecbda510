"""What became of a trade whose answer was lost: found by its tag, by what it asked for, or honestly unknown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from reference_server.domain.account import Mt5Credentials
from reference_server.domain.errors import OutcomeUnknown, TerminalUnavailable
from reference_server.domain.trading import NewOrder, OrderResult, OrderType, PositionChange, Side
from reference_server.simulator import ManualPrices, SimulatedBroker, SimulatedMetaTrader5
from reference_server.simulator.faults import PartialFill
from reference_server.terminals.adapter.adapter import MetaTraderAdapter
from reference_server.terminals.adapter.tags import Tag
from reference_server.terminals.adapter.zones import NEW_YORK_CLOSE
from tests.terminals.fakes import HandClock
from tests.terminals.lossy import LossyModule

BUY = NewOrder("EURUSD", Side.BUY, OrderType.MARKET, 0.1)
TAGGED_IN_COMMENT = replace(BUY, magic=77, comment="bot")
UNTAGGED = replace(BUY, magic=77, comment="a comment without any room")
LIMIT = NewOrder("EURUSD", Side.BUY, OrderType.LIMIT, 0.1, price=1.05)
STOP_LIMIT = NewOrder("EURUSD", Side.BUY, OrderType.STOP_LIMIT, 0.1, price=1.2, stop_limit_price=1.15)


class Counter:
    """One account behind a lossy module, and its adapter."""

    def __init__(self, server: str = "Sim-Demo") -> None:
        self.clock = HandClock()
        self.broker = SimulatedBroker(clock=self.clock, prices=ManualPrices())
        self.broker.set_price("EURUSD", 1.1, 1.1001)
        self.module = LossyModule(SimulatedMetaTrader5(self.broker))
        self._server = server
        self.adapter = self.log_in()
        self.pass_time(5)
        self.tags = iter(Tag(number) for number in range(1, 1000))

    def log_in(self) -> MetaTraderAdapter:
        adapter = MetaTraderAdapter(self.module, self.clock, server_zones={self._server: NEW_YORK_CLOSE})
        adapter.login(Mt5Credentials("1234", "x", self._server))
        return adapter

    def pass_time(self, seconds: float) -> None:
        self.clock.ms += round(seconds * 1000)

    def lose(self, order: NewOrder, tag: Tag | None, what: str = "answer") -> int:
        """Place an order whose answer or request is lost; give the moment before."""
        self.pass_time(1)
        since_ms = self.clock.now_ms()
        self.module.loses = what
        with pytest.raises(OutcomeUnknown):
            self.adapter.place_order(order, tag=tag)
        self.module.loses = None
        return since_ms


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.mark.parametrize("server", ["Sim-Demo", "Sim-Netting"])
@pytest.mark.parametrize("order", [BUY, TAGGED_IN_COMMENT, UNTAGGED, LIMIT, replace(LIMIT, magic=5), STOP_LIMIT])
def test_an_executed_order_is_found_with_the_result_that_was_lost(server: str, order: NewOrder) -> None:
    counter = Counter(server)
    expected = counter.adapter.place_order(order, tag=Tag(900))
    counter.pass_time(400)
    tag = next(counter.tags)
    since_ms = counter.lose(order, tag)
    found = counter.adapter.find_order(order, tag, since_ms)
    assert found is not None
    assert found.order == counter.module.executed[-1]
    assert (found.success, found.retcode, found.price, found.volume) == (True, 10009, expected.price, 0.1)
    position_ticket = (
        expected.ticket if server == "Sim-Netting" and order.order_type is OrderType.MARKET else found.order
    )
    assert found.ticket == position_ticket
    assert counter.module.sends == 2


@pytest.mark.parametrize("order", [BUY, TAGGED_IN_COMMENT, UNTAGGED, LIMIT, STOP_LIMIT])
def test_an_order_that_never_arrived_leaves_no_trace(counter: Counter, order: NewOrder) -> None:
    counter.adapter.place_order(order, tag=Tag(900))
    tag = next(counter.tags)
    since_ms = counter.lose(order, tag, "request")
    assert counter.adapter.find_order(order, tag, since_ms) is None


@pytest.mark.parametrize("server", ["Sim-Demo", "Sim-Netting"])
@pytest.mark.parametrize(
    "hidden",
    [
        (),
        ("history_deals_get",),
        ("history_orders_get",),
        ("positions_get",),
        ("history_deals_get", "positions_get"),
        ("history_orders_get", "positions_get"),
        ("history_deals_get", "history_orders_get"),
    ],
)
def test_a_part_that_was_filled_is_not_found_as_the_whole(server: str, hidden: tuple[str, ...]) -> None:
    counter = Counter(server)
    counter.broker.faults.add(PartialFill(fraction=0.5))
    counter.module.hide_new(*hidden)
    order, tag = replace(BUY, volume=0.2), next(counter.tags)
    since_ms = counter.lose(order, tag)
    found = counter.adapter.find_order(order, tag, since_ms)
    assert found is not None
    assert (found.success, found.retcode, found.volume) == (True, 10010, 0.1)


@pytest.mark.parametrize("hidden", [(), ("history_deals_get",), ("history_orders_get",)])
def test_a_part_that_was_closed_is_not_found_as_the_whole(counter: Counter, hidden: tuple[str, ...]) -> None:
    ticket = counter.adapter.place_order(replace(BUY, volume=0.3)).ticket
    counter.broker.faults.add(PartialFill(fraction=0.5))
    counter.module.hide_new(*hidden)
    counter.pass_time(1)
    since_ms, tag = counter.clock.now_ms(), next(counter.tags)
    counter.module.loses = "answer"
    with pytest.raises(OutcomeUnknown):
        counter.adapter.close_position(ticket, 0.2, tag=tag)
    found = counter.adapter.find_close(ticket, 0.2, tag, since_ms)
    assert found is not None
    assert (found.success, found.retcode, found.volume, found.ticket) == (True, 10010, 0.1, ticket)


def test_two_orders_that_fit_and_have_no_tag_are_unknown(counter: Counter) -> None:
    first = counter.lose(UNTAGGED, None)
    second = counter.lose(UNTAGGED, None)
    for since_ms in (first, second):
        with pytest.raises(OutcomeUnknown):
            counter.adapter.find_order(UNTAGGED, None, since_ms)


def test_one_order_that_fits_two_lost_ones_is_unknown(counter: Counter) -> None:
    since_ms = counter.lose(UNTAGGED, next(counter.tags))
    tag = next(counter.tags)
    counter.lose(UNTAGGED, tag, "request")
    with pytest.raises(OutcomeUnknown):
        counter.adapter.find_order(UNTAGGED, tag, since_ms)


def test_an_order_by_hand_that_looks_alike_is_unknown(counter: Counter) -> None:
    order = replace(BUY, comment="")
    counter.module.hide_new("history_orders_get", "history_deals_get")
    since_ms = counter.lose(order, None, "request")
    other = counter.log_in()
    other.place_order(order)
    counter.adapter.remember((), since_ms)
    account = counter.broker.accounts["Sim-Demo", 1234]
    for position in account.positions.values():
        position.reason = 0
    with pytest.raises(OutcomeUnknown):
        counter.adapter.find_order(order, None, since_ms)


def test_an_order_without_a_tag_from_before_the_login_may_be_another_requests(counter: Counter) -> None:
    since_ms = counter.lose(UNTAGGED, None)
    counter.pass_time(5)
    reopened = counter.log_in()
    with pytest.raises(OutcomeUnknown):
        reopened.find_order(UNTAGGED, None, since_ms)
    reopened.remember((), since_ms)
    found = reopened.find_order(UNTAGGED, None, since_ms)
    assert found is not None
    reopened = counter.log_in()
    reopened.remember([found.order], since_ms)
    assert reopened.find_order(UNTAGGED, None, since_ms) is None


@pytest.mark.parametrize("is_tagged", [True, False])
@pytest.mark.parametrize("is_reached", [False, True])
def test_a_stop_limit_order_is_found_before_and_after_its_first_price(
    counter: Counter, is_tagged: bool, is_reached: bool
) -> None:
    order = replace(STOP_LIMIT, magic=0 if is_tagged else 77, comment="a comment without any room")
    tag = next(counter.tags)
    since_ms = counter.lose(order, tag)
    if is_reached:
        counter.pass_time(1)
        counter.broker.set_price("EURUSD", 1.2, 1.2001)
        assert counter.adapter.orders()[0].order_type is OrderType.LIMIT
    found = counter.adapter.find_order(order, tag, since_ms)
    assert found is not None
    assert (found.order, found.price, found.volume) == (counter.module.executed[-1], 1.2, 0.1)


@pytest.mark.parametrize("other", [{"price": 1.21}, {"stop_limit_price": 1.16}])
def test_a_pending_order_at_other_prices_is_not_taken_for_the_one(counter: Counter, other: dict[str, Any]) -> None:
    order = replace(STOP_LIMIT, magic=77, comment="a comment without any room")
    since_ms = counter.lose(order, None, "request")
    counter.lose(replace(order, **other), None)
    assert counter.adapter.find_order(order, None, since_ms) is None


@pytest.mark.parametrize("order", [UNTAGGED, replace(LIMIT, magic=7, comment="a comment without any room")])
def test_an_order_of_an_earlier_life_is_adopted_for_its_tag_alone(counter: Counter, order: NewOrder) -> None:
    """Whatever the clocks say: a gateway that is gone knew its other orders, this one does not."""
    tag = next(counter.tags)
    since_ms = counter.lose(order, tag)
    with pytest.raises(OutcomeUnknown):
        counter.adapter.find_order(order, tag, since_ms, is_earlier=True)
    assert counter.adapter.find_order(order, tag, since_ms) is not None
    tagged = replace(order, magic=0, volume=0.3)
    tag = next(counter.tags)
    since_ms = counter.lose(tagged, tag)
    assert counter.adapter.find_order(tagged, tag, since_ms, is_earlier=True) is not None


def test_a_close_of_an_earlier_life_is_adopted_for_its_tag_alone(counter: Counter) -> None:
    order = replace(BUY, magic=77)
    ticket = counter.adapter.place_order(order, tag=Tag(900)).ticket
    counter.pass_time(1)
    since_ms = counter.clock.now_ms()
    counter.module.loses = "answer"
    with pytest.raises(OutcomeUnknown):
        counter.adapter.close_position(ticket, 0.04, tag=None)
    counter.module.loses = None
    with pytest.raises(OutcomeUnknown):
        counter.adapter.find_close(ticket, 0.04, Tag(5), since_ms, is_earlier=True)
    assert counter.adapter.find_close(ticket, 0.04, None, since_ms) is not None


@pytest.mark.parametrize("order", [BUY, TAGGED_IN_COMMENT, LIMIT])
@pytest.mark.parametrize("server", ["Sim-Demo", "Sim-Netting"])
def test_a_tagged_order_is_found_by_a_terminal_that_was_opened_again(server: str, order: NewOrder) -> None:
    counter = Counter(server)
    tag = next(counter.tags)
    since_ms = counter.lose(order, tag)
    counter.pass_time(60)
    found = counter.log_in().find_order(order, tag, since_ms)
    assert found is not None
    assert found.order == counter.module.executed[-1]


@pytest.mark.parametrize(
    "hidden",
    [
        ("history_orders_get",),
        ("history_deals_get",),
        ("history_orders_get", "history_deals_get"),
        ("positions_get",),
        ("positions_get", "history_orders_get"),
        ("positions_get", "history_deals_get"),
    ],
)
@pytest.mark.parametrize("server", ["Sim-Demo", "Sim-Netting"])
def test_one_sign_is_enough_while_the_others_are_late(server: str, hidden: tuple[str, ...]) -> None:
    counter = Counter(server)
    counter.adapter.place_order(replace(BUY, volume=0.3), tag=Tag(900))
    counter.pass_time(400)
    counter.module.hide_new(*hidden)
    if "positions_get" not in hidden or server == "Sim-Demo":
        tag = next(counter.tags)
        since_ms = counter.lose(BUY, tag)
        found = counter.adapter.find_order(BUY, tag, since_ms)
        assert found is not None
        assert (found.success, found.volume, found.order) in [
            (True, 0.1, counter.module.executed[-1]),
            (True, 0.1, 0),
        ]


def test_nothing_visible_yet_is_no_trace_and_later_one(counter: Counter) -> None:
    counter.module.hide_new("history_orders_get", "history_deals_get", "positions_get", "orders_get")
    tag = next(counter.tags)
    since_ms = counter.lose(BUY, tag)
    assert counter.adapter.find_order(BUY, tag, since_ms) is None
    counter.module.hidden.clear()
    assert counter.adapter.find_order(BUY, tag, since_ms) is not None


def test_a_stop_that_closed_the_position_is_not_taken_for_its_opening(counter: Counter) -> None:
    order = replace(BUY, sl=1.09)
    tag = next(counter.tags)
    since_ms = counter.lose(order, tag)
    counter.pass_time(1)
    counter.broker.set_price("EURUSD", 1.08, 1.0801)
    assert counter.adapter.positions() == []
    found = counter.adapter.find_order(order, tag, since_ms)
    assert found is not None
    assert (found.order, found.price) == (counter.module.executed[-1], 1.1001)


def test_a_terminal_without_its_broker_proves_nothing(counter: Counter) -> None:
    tag = next(counter.tags)
    since_ms = counter.lose(BUY, tag, "request")
    counter.module._module.switches.connected = False
    with pytest.raises(TerminalUnavailable):
        counter.adapter.find_order(BUY, tag, since_ms)


@pytest.mark.parametrize("server", ["Sim-Demo", "Sim-Netting"])
@pytest.mark.parametrize("magic", [0, 77])
@pytest.mark.parametrize("volume", [None, 0.04, 0.1])
@pytest.mark.parametrize("tag", [Tag(5), None])
def test_a_close_is_found_also_when_its_position_is_gone(
    server: str, magic: int, volume: float | None, tag: Tag | None
) -> None:
    counter = Counter(server)
    ticket = counter.adapter.place_order(replace(BUY, magic=magic), tag=Tag(900)).ticket
    counter.pass_time(1)
    since_ms = counter.clock.now_ms()
    counter.module.loses = "answer"
    with pytest.raises(OutcomeUnknown):
        counter.adapter.close_position(ticket, volume, tag=tag)
    counter.module.loses = None
    found = counter.adapter.find_close(ticket, volume, tag, since_ms)
    assert found is not None
    assert found == OrderResult(ticket, True, 10009, None, 1.1, volume or 0.1, counter.module.executed[-1], found.deal)


@pytest.mark.parametrize("magic", [0, 77])
def test_a_close_that_never_arrived_is_no_trace_even_when_a_stop_or_a_hand_closed_meanwhile(magic: int) -> None:
    counter = Counter()
    ticket = counter.adapter.place_order(replace(BUY, magic=magic, sl=1.05), tag=Tag(900)).ticket
    counter.pass_time(1)
    since_ms = counter.clock.now_ms()
    counter.module.loses = "request"
    with pytest.raises(OutcomeUnknown):
        counter.adapter.close_position(ticket, tag=Tag(5))
    assert counter.adapter.find_close(ticket, None, Tag(5), since_ms) is None
    counter.broker.set_price("EURUSD", 1.04, 1.0401)
    assert counter.adapter.positions() == []
    assert counter.adapter.find_close(ticket, None, Tag(5), since_ms) is None


def test_a_close_keeps_the_magic_number_of_a_netting_position() -> None:
    counter = Counter("Sim-Netting")
    ticket = counter.adapter.place_order(TAGGED_IN_COMMENT, tag=Tag(900)).ticket
    counter.adapter.close_position(ticket, 0.04, tag=Tag(5))
    position = counter.adapter.position(ticket)
    assert (position.magic, position.comment, position.volume) == (77, "bot", 0.06)


def test_a_modification_is_found_on_the_position(counter: Counter) -> None:
    ticket = counter.adapter.place_order(BUY).ticket
    change = PositionChange(ticket, sl=1.0900001)
    assert counter.adapter.find_modification(change) is None
    counter.adapter.modify_position(change)
    found = counter.adapter.find_modification(change)
    assert found == OrderResult(ticket, True, 10009)
    assert counter.adapter.find_modification(PositionChange(ticket, tp=1.2)) is None
    assert counter.adapter.find_modification(PositionChange(ticket + 1, sl=1.09)) is None


REWRITES: dict[str, Callable[[str], str]] = {
    "kept": str,
    "sixteen": lambda comment: comment[:16],
    "twenty-seven": lambda comment: comment[:27],
    "dropped": lambda comment: "",
    "replaced": lambda comment: "broker text",
    "appended": lambda comment: f"{comment} [x]",
}
ORDERS = st.builds(
    NewOrder,
    symbol=st.just("EURUSD"),
    side=st.sampled_from(Side),
    order_type=st.just(OrderType.MARKET),
    volume=st.sampled_from([0.1, 0.2]),
    comment=st.sampled_from(["", "bot", "a comment without any room"]),
    magic=st.sampled_from([0, 77]),
)


@settings(max_examples=80, deadline=None)
@given(
    server=st.sampled_from(["Sim-Demo", "Sim-Netting"]),
    rewrite=st.sampled_from(sorted(REWRITES)),
    steps=st.lists(
        st.tuples(ORDERS, st.sampled_from(["none", "answer", "request"]), st.booleans(), st.booleans()), max_size=8
    ),
)
def test_no_order_is_denied_and_none_is_taken_for_another(
    server: str, rewrite: str, steps: list[tuple[NewOrder, str, bool, bool]]
) -> None:
    """`is_tagged` orders were given a tag, `reopens` means that a new adapter without memory looks."""
    counter = Counter(server)
    counter.module.rewrite = REWRITES[rewrite]
    for order, loss, is_tagged, reopens in steps:
        tag = next(counter.tags) if is_tagged else None
        if loss == "none":
            counter.pass_time(0.5)
            assert counter.adapter.place_order(order, tag=tag).success
            continue
        since_ms = counter.lose(order, tag, loss)
        if reopens:
            counter.adapter = counter.log_in()
        try:
            found = counter.adapter.find_order(order, tag, since_ms)
        except OutcomeUnknown:
            assert not (is_tagged and order.magic == 0), "a tag in the magic number is never in doubt"
            continue
        if loss == "answer":
            assert found is not None
            assert (found.order, found.volume) == (counter.module.executed[-1], order.volume)
        else:
            assert found is None
