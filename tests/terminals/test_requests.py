"""What `order_send` is given: floats and ints of the package's own kind, permitted fillings, no lost stop."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.domain.trading import NewOrder, OrderType, Side
from reference_server.terminals.adapter import requests
from reference_server.terminals.adapter.symbols import TradingRules

FOK, IOC, RETURN = 0, 1, 2
EURUSD = TradingRules("EURUSD", 5, 1e-5, 2, 3, 15, 0.01, 100.0, 0.01, 0)
WHOLE = {"action", "type", "type_filling", "type_time", "expiration", "deviation", "magic", "position"}
REAL = {"volume", "price", "stoplimit", "sl", "tp"}


@pytest.mark.parametrize(
    ("execution", "mask", "fillings"),
    [
        (2, 1, (FOK,)),
        (2, 2, (IOC,)),
        (2, 3, (FOK, IOC)),
        (2, 0, (FOK,)),
        (2, 4, (FOK,)),
        (3, 2, (IOC, RETURN)),
        (3, 0, (RETURN,)),
        (1, 0, (FOK, IOC, RETURN)),
        (0, 2, (IOC, FOK, RETURN)),
    ],
)
def test_the_mask_and_the_execution_mode_give_the_fillings(execution: int, mask: int, fillings: tuple[int]) -> None:
    symbol = replace(EURUSD, execution=execution, filling_mask=mask)
    assert requests.market_fillings(symbol) == fillings


def test_a_pending_order_returns_its_remainder_whatever_the_mask_says() -> None:
    assert requests.pending_fillings(EURUSD) == (RETURN, FOK, IOC)


@pytest.mark.parametrize(
    ("side", "order_type", "number"),
    [
        (Side.BUY, OrderType.LIMIT, 2),
        (Side.SELL, OrderType.LIMIT, 3),
        (Side.BUY, OrderType.STOP, 4),
        (Side.SELL, OrderType.STOP, 5),
    ],
)
def test_a_pending_order_has_its_type_and_a_price_on_the_grid(side: Side, order_type: OrderType, number: int) -> None:
    order = NewOrder("EURUSD", side, order_type, 1, price=1.2345678, sl=1, tp=2)
    request = requests.pending_order(order, EURUSD, filling=RETURN)
    assert (request["action"], request["type"], request["price"]) == (5, number, 1.23457)


def test_a_closing_deal_names_its_position_and_goes_the_other_way() -> None:
    request = requests.closing_deal(99, Side.BUY, 1, EURUSD, filling=FOK, price=None)
    assert (request["position"], request["type"], request["volume"]) == (99, 1, 1.0)
    assert "price" not in request


def test_stop_levels_are_sent_both_and_none_is_zero() -> None:
    assert requests.stop_levels(99, EURUSD, sl=None, tp=1.2) == {
        "action": 6,
        "position": 99,
        "symbol": "EURUSD",
        "sl": 0.0,
        "tp": 1.2,
    }


@given(
    st.builds(
        NewOrder,
        symbol=st.just("EURUSD"),
        side=st.sampled_from(Side),
        order_type=st.sampled_from(OrderType),
        volume=st.one_of(st.floats(0.01, 100), st.integers(1, 100)),
        price=st.one_of(st.floats(0.5, 2), st.integers(1, 2)),
        stop_limit_price=st.one_of(st.floats(0.5, 2), st.integers(1, 2)),
        sl=st.one_of(st.none(), st.just(0), st.floats(0.5, 2), st.integers(1, 2)),
        tp=st.one_of(st.none(), st.just(0), st.floats(0.5, 2), st.integers(1, 2)),
        comment=st.text(max_size=60),
        magic=st.integers(0, 2**53),
    ),
    st.sampled_from([0, 1_717_500_000]),
)
def test_every_field_is_of_the_type_that_the_package_takes(order: NewOrder, expiration: int) -> None:
    if order.order_type is OrderType.MARKET:
        request = requests.market_order(order, EURUSD, filling=FOK, price=order.price)
    else:
        request = requests.pending_order(order, EURUSD, filling=RETURN, expiration=expiration)
        assert request.get("expiration", 0) == expiration
        assert ("stoplimit" in request) == (order.order_type is OrderType.STOP_LIMIT)
    assert all(type(value) is int for field, value in request.items() if field in WHOLE)
    assert all(type(value) is float for field, value in request.items() if field in REAL)
    assert request.keys() <= WHOLE | REAL | {"symbol", "comment"}
    assert len(request.get("comment", "").encode("utf-16-le")) <= 58
    assert request["volume"] == order.volume
