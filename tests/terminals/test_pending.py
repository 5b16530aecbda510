"""Pending orders: a change keeps what it does not name, a cancellation removes, and what is gone is not found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from reference_server.domain.account import Mt5Credentials
from reference_server.domain.errors import OrderNotFound, OutcomeUnknown, TerminalUnavailable
from reference_server.domain.trading import KEEP, NewOrder, OrderChange, OrderResult, OrderState, OrderType, Side
from reference_server.simulator import ManualPrices, SimulatedBroker, SimulatedMetaTrader5
from reference_server.terminals.adapter.adapter import MetaTraderAdapter
from reference_server.terminals.adapter.clock import BrokerClock
from reference_server.terminals.adapter.pending import expiration_seconds
from reference_server.terminals.adapter.tags import Tag
from reference_server.terminals.adapter.zones import ServerZone
from tests.terminals.fakes import HandClock, HandMadeModule
from tests.terminals.lossy import LossyModule

LIMIT = NewOrder("EURUSD", Side.BUY, OrderType.LIMIT, 0.1, price=1.09, sl=1.08, tp=1.12, comment="bot", magic=77)


class Booth:
    """An account on the simulated broker."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.broker = SimulatedBroker(clock=self.clock, prices=ManualPrices())
        self.broker.set_price("EURUSD", 1.1, 1.1001)
        self.module: Any = SimulatedMetaTrader5(self.broker)
        self.adapter = MetaTraderAdapter(self.module, self.clock)
        self.adapter.login(Mt5Credentials("7", "x", "Sim-Demo"))
        self.ticket = self.adapter.place_order(LIMIT, tag=Tag(5)).ticket


@pytest.fixture
def booth() -> Booth:
    return Booth()


def test_a_pending_order_is_read_as_the_client_placed_it(booth: Booth) -> None:
    (order,) = booth.adapter.orders()
    assert order == booth.adapter.order(booth.ticket)
    assert (order.side, order.order_type, order.volume, order.remaining) == (Side.BUY, OrderType.LIMIT, 0.1, 0.1)
    assert (order.price, order.stop_limit_price, order.sl, order.tp) == (1.09, None, 1.08, 1.12)
    assert (order.magic, order.comment, order.setup_time_ms) == (77, "bot", booth.clock.now_ms())
    assert order.expiration_ms is None


@pytest.mark.parametrize(
    ("change", "terms"),
    [
        ({"price": 1.0912345}, (1.09123, 1.08, 1.12, None)),
        ({"sl": 1.07}, (1.09, 1.07, 1.12, None)),
        ({"tp": None}, (1.09, 1.08, None, None)),
        ({"expiration_ms": 1_717_495_200_000}, (1.09, 1.08, 1.12, 1_717_495_200_000)),
        ({}, (1.09, 1.08, 1.12, None)),
    ],
)
def test_a_change_keeps_what_it_does_not_name(booth: Booth, change: dict[str, Any], terms: tuple[Any, ...]) -> None:
    result = booth.adapter.modify_order(OrderChange(booth.ticket, **change))
    assert (result.success, result.ticket) == (True, booth.ticket)
    order = booth.adapter.order(booth.ticket)
    assert (order.price, order.sl, order.tp, order.expiration_ms) == terms


def test_an_expiration_is_kept_and_can_be_removed(booth: Booth) -> None:
    until_ms = booth.clock.now_ms() + 86_400_000
    for change in (OrderChange(booth.ticket, expiration_ms=until_ms), OrderChange(booth.ticket, sl=1.07)):
        assert booth.adapter.modify_order(change).success
        order = booth.adapter.order(booth.ticket)
        assert order.expiration_ms == until_ms
    booth.adapter.modify_order(OrderChange(booth.ticket, expiration_ms=None))
    order = booth.adapter.order(booth.ticket)
    assert order.expiration_ms is None


def test_both_prices_of_a_stop_limit_order_are_kept(booth: Booth) -> None:
    request = {
        "action": 5, "symbol": "EURUSD", "volume": 0.1, "type": 6, "price": 1.12, "stoplimit": 1.115, "type_filling": 2,
    }  # fmt: skip
    ticket = booth.module.order_send(request).order
    assert booth.adapter.modify_order(OrderChange(ticket, sl=1.1)).success
    order = booth.adapter.order(ticket)
    assert (order.order_type, order.price, order.stop_limit_price, order.sl) == (OrderType.STOP_LIMIT, 1.12, 1.115, 1.1)


def test_an_order_without_a_second_price_cannot_get_one(booth: Booth) -> None:
    result = booth.adapter.modify_order(OrderChange(booth.ticket, price=1.085, stop_limit_price=1.08))
    assert (result.success, result.retcode) == (False, 10013)
    assert booth.adapter.order(booth.ticket).price == 1.09


def test_a_change_to_the_wrong_side_is_refused(booth: Booth) -> None:
    result = booth.adapter.modify_order(OrderChange(booth.ticket, price=1.2))
    assert (result.success, result.retcode) == (False, 10015)


def test_a_cancelled_order_is_gone(booth: Booth) -> None:
    result = booth.adapter.cancel_order(booth.ticket)
    assert result.success
    assert booth.adapter.orders() == []
    assert booth.adapter.order(booth.ticket).state is OrderState.CANCELLED
    with pytest.raises(OrderNotFound):
        booth.adapter.cancel_order(booth.ticket)
    with pytest.raises(OrderNotFound):
        booth.adapter.modify_order(OrderChange(booth.ticket, price=1.08))


@pytest.mark.parametrize("ticket", [0, -1, 3, 2**63, 10**30])
def test_what_is_no_pending_order_is_not_found(booth: Booth, ticket: int) -> None:
    with pytest.raises(OrderNotFound):
        booth.adapter.order(ticket)
    with pytest.raises(OrderNotFound):
        booth.adapter.cancel_order(ticket)
    with pytest.raises(OrderNotFound):
        booth.adapter.modify_order(OrderChange(ticket, sl=KEEP))


def test_an_order_that_fills_while_it_is_cancelled_is_gone(
    module: HandMadeModule, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    booth = Booth()
    (record,) = booth.module.orders_get()
    adapter = MetaTraderAdapter(module, clock)
    adapter.login(Mt5Credentials("7", "x", "Hand-Made"))
    module.pending = [record]
    module.answers = [{"retcode": 10013}]
    refused = adapter.cancel_order(booth.ticket)
    assert refused.retcode == 10013
    send = module.order_send

    def fill_meanwhile(request: dict[str, Any]) -> Any:
        module.pending = []
        return send(request)

    monkeypatch.setattr(module, "order_send", fill_meanwhile)
    module.answers = [{"retcode": 10013}]
    with pytest.raises(OrderNotFound):
        adapter.cancel_order(booth.ticket)


def test_an_order_that_was_placed_a_moment_ago_and_does_not_show_is_not_called_absent(
    module: HandMadeModule, clock: HandClock
) -> None:
    adapter = MetaTraderAdapter(module, clock)
    adapter.login(Mt5Credentials("7", "x", "Hand-Made"))
    module.answers = [{"order": 8}]
    assert adapter.place_order(LIMIT).ticket == 8
    with pytest.raises(TerminalUnavailable, match="does not show yet"):
        adapter.cancel_order(8)
    clock.ms += 2000
    with pytest.raises(OrderNotFound):
        adapter.cancel_order(8)
    assert len(module.sent) == 1


@pytest.mark.parametrize("mask", [1, 3, 11])
def test_a_symbol_without_expirations_at_a_moment_is_not_sent_one(clock: HandClock, mask: int) -> None:
    module = HandMadeModule(expiration_mode=mask)
    adapter = MetaTraderAdapter(module, clock)
    adapter.login(Mt5Credentials("7", "x", "Hand-Made"))
    result = adapter.place_order(replace(LIMIT, expiration_ms=clock.ms + 60_000))
    assert (result.success, result.retcode) == (False, 10022)
    assert result.error == ("Invalid expiration date. EURUSD takes no orders that expire at a moment of one's choice.")
    assert module.sent == []
    assert not adapter.check_order(replace(LIMIT, expiration_ms=clock.ms + 60_000)).success
    module.answers = [{"order": 8}]
    assert adapter.place_order(LIMIT).success


def test_a_refused_order_without_expiration_says_what_the_symbol_wants(clock: HandClock) -> None:
    module = HandMadeModule(expiration_mode=4)
    adapter = MetaTraderAdapter(module, clock)
    adapter.login(Mt5Credentials("7", "x", "Hand-Made"))
    module.answers = [{"retcode": 10022}]
    assert adapter.place_order(LIMIT).error == (
        "Invalid expiration date. EURUSD takes no orders without an expiration."
    )


@given(late_ms=st.integers(-(10**18), 10**18))
def test_an_expiration_is_never_later_than_asked_and_never_turns_into_none(late_ms: int) -> None:
    clock = BrokerClock(zone=ServerZone.fixed(-3 * 3_600_000))
    seconds = expiration_seconds(late_ms, clock)
    assert seconds > 0
    if late_ms > 4 * 3_600_000:
        assert seconds * 1000 + 3 * 3_600_000 <= late_ms


class LostBooth(Booth):
    """A booth whose answers get lost when told."""

    def __init__(self) -> None:
        super().__init__()
        self.module = LossyModule(self.module)
        self.adapter = MetaTraderAdapter(self.module, self.clock)
        self.adapter.login(Mt5Credentials("7", "x", "Sim-Demo"))

    def lose(self, trade: Callable[[], Any], what: str = "answer") -> None:
        self.module.loses = what
        with pytest.raises(OutcomeUnknown):
            trade()
        self.module.loses = None

    def reach(self, bid: float) -> None:
        self.clock.ms += 1000
        self.broker.set_price("EURUSD", bid, round(bid + 0.0001, 5))


@pytest.fixture
def lossy() -> LostBooth:
    return LostBooth()


def test_a_cancellation_is_seen_in_the_past(lossy: LostBooth) -> None:
    lossy.lose(lambda: lossy.adapter.cancel_order(lossy.ticket))
    assert lossy.adapter.find_cancellation(lossy.ticket) == OrderResult(lossy.ticket, True, 10009, order=lossy.ticket)


def test_a_cancellation_that_never_arrived_is_no_trace_while_the_order_waits(lossy: LostBooth) -> None:
    lossy.lose(lambda: lossy.adapter.cancel_order(lossy.ticket), "request")
    assert lossy.adapter.find_cancellation(lossy.ticket) is None
    assert lossy.adapter.find_cancellation(lossy.ticket + 99) is None


def test_a_cancellation_that_came_too_late_says_what_became_of_the_order(lossy: LostBooth) -> None:
    lossy.lose(lambda: lossy.adapter.cancel_order(lossy.ticket), "request")
    lossy.reach(1.0899)
    found = lossy.adapter.find_cancellation(lossy.ticket)
    assert found == OrderResult(0, False, 10023, f"The order {lossy.ticket} was filled before it could be cancelled.")


def test_a_past_that_does_not_show_yet_is_no_trace(lossy: LostBooth) -> None:
    lossy.module.hide_new("history_orders_get")
    lossy.lose(lambda: lossy.adapter.cancel_order(lossy.ticket))
    assert lossy.adapter.find_cancellation(lossy.ticket) is None
    lossy.module.hidden.clear()
    assert lossy.adapter.find_cancellation(lossy.ticket) is not None


@pytest.mark.parametrize(
    "terms",
    [
        {"price": 1.0912345},
        {"sl": 1.07, "tp": None},
        {"expiration_ms": 1_717_495_200_999},
        {"price": 1.085, "sl": None, "expiration_ms": 1_717_495_200_000},
    ],
)
def test_a_change_is_seen_on_the_order_and_one_that_never_arrived_is_not(
    lossy: LostBooth, terms: dict[str, Any]
) -> None:
    change = OrderChange(lossy.ticket, **terms)
    lossy.lose(lambda: lossy.adapter.modify_order(change), "request")
    assert lossy.adapter.find_order_change(change) is None
    lossy.lose(lambda: lossy.adapter.modify_order(change))
    assert lossy.adapter.find_order_change(change) == OrderResult(lossy.ticket, True, 10009, order=lossy.ticket)


def test_a_change_before_the_order_was_filled_is_seen_on_it_afterwards(lossy: LostBooth) -> None:
    change = OrderChange(lossy.ticket, price=1.095)
    lossy.lose(lambda: lossy.adapter.modify_order(change))
    lossy.reach(1.0949)
    found = lossy.adapter.find_order_change(change)
    assert found is not None
    assert found.success


@pytest.mark.parametrize("what", ["answer", "request"])
@pytest.mark.parametrize("ends_by", ["cancellation", "fill"])
def test_an_order_that_ended_otherwise_does_not_tell_whether_it_was_changed_before(
    lossy: LostBooth, what: str, ends_by: str
) -> None:
    """Somebody else may have changed it again: by hand, or by a later request."""
    change = OrderChange(lossy.ticket, price=1.05)
    lossy.lose(lambda: lossy.adapter.modify_order(change), what)
    lossy.adapter.modify_order(OrderChange(lossy.ticket, price=1.09))
    if ends_by == "fill":
        lossy.reach(1.0899)
    else:
        lossy.adapter.cancel_order(lossy.ticket)
    assert lossy.adapter.find_order_change(change) is None


def test_orders_seen_without_the_broker_prove_nothing(lossy: LostBooth) -> None:
    lossy.module._module.switches.connected = False
    with pytest.raises(TerminalUnavailable):
        lossy.adapter.find_cancellation(lossy.ticket)
    with pytest.raises(TerminalUnavailable):
        lossy.adapter.find_order_change(OrderChange(lossy.ticket, sl=1.0))
