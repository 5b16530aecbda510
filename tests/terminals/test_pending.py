"""Pending orders: a change keeps what it does not name, a cancellation removes, and what is gone is not found."""

from __future__ import annotations

from typing import Any

import pytest

from reference_server.domain.account import Mt5Credentials
from reference_server.domain.errors import OrderNotFound
from reference_server.domain.trading import KEEP, NewOrder, OrderChange, OrderState, OrderType, Side
from reference_server.simulator import ManualPrices, SimulatedBroker, SimulatedMetaTrader5
from reference_server.terminals.adapter.adapter import MetaTraderAdapter
from reference_server.terminals.adapter.tags import Tag
from tests.terminals.fakes import HandClock, HandMadeModule

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
