"""`Buy`, `Sell` and `Close`."""

import pytest

from reference_server.simulator.faults import Requote
from tests.simulator.conftest import Desk


def test_buy_and_sell_trade_at_the_market(desk: Desk) -> None:
    bought = desk.mt5.Buy("EURUSD", 0.1, comment="mine")
    sold = desk.mt5.Sell("EURUSD", 0.2)
    assert (bought.retcode, sold.retcode) == (10009, 10009)
    first, second = desk.mt5.positions_get()
    assert (first.type, first.volume, first.comment) == (0, 0.1, "mine")
    assert (second.type, second.volume) == (1, 0.2)


def test_the_request_has_a_deviation_and_no_filling(desk: Desk) -> None:
    request = desk.mt5.Buy("EURUSD", 0.1).request
    assert (request.deviation, request.type_filling, request.price) == (10, 0, desk.mt5.symbol_info_tick("EURUSD").ask)


def test_a_ticket_closes_that_position(desk: Desk) -> None:
    ticket = desk.mt5.Buy("EURUSD", 0.1).order
    assert desk.mt5.Sell("EURUSD", 0.1, ticket=ticket).retcode == 10009
    assert desk.mt5.positions_get() == ()


def test_close_closes_every_position_of_a_symbol(desk: Desk) -> None:
    for volume in (0.1, 0.2):
        desk.mt5.Buy("EURUSD", volume)
        desk.mt5.Sell("EURUSD", volume)
    desk.mt5.Buy("USDJPY", 0.1)
    assert desk.mt5.Close("EURUSD") is True
    assert [position.symbol for position in desk.mt5.positions_get()] == ["USDJPY"]


def test_close_of_one_ticket_leaves_the_others(desk: Desk) -> None:
    first = desk.mt5.Buy("EURUSD", 0.1).order
    second = desk.mt5.Buy("EURUSD", 0.1).order
    assert desk.mt5.Close("EURUSD", ticket=first) is True
    assert [position.ticket for position in desk.mt5.positions_get()] == [second]


def test_close_of_nothing_is_false(desk: Desk) -> None:
    assert desk.mt5.Close("EURUSD") is False
    assert desk.mt5.Close("EURUSD", ticket=1) is False


def test_a_requote_is_tried_again_ten_times_in_all(desk: Desk) -> None:
    desk.broker.faults.add(Requote(times=9))
    assert desk.mt5.Buy("EURUSD", 0.1).retcode == 10009
    desk.broker.faults.add(Requote(times=11))
    assert desk.mt5.Buy("EURUSD", 0.1).retcode == 10004
    assert desk.mt5.order_send(desk.mt5.Buy("EURUSD", 0.1).request._asdict()).retcode == 10009


def test_a_close_that_meets_requotes_is_partial(desk: Desk) -> None:
    desk.mt5.Buy("EURUSD", 0.1)
    desk.mt5.Buy("EURUSD", 0.2)
    desk.broker.faults.add(Requote(times=10))
    assert desk.mt5.Close("EURUSD") == "Partially"
    assert [position.volume for position in desk.mt5.positions_get()] == [0.1]


def test_a_price_is_sent_once(desk: Desk) -> None:
    desk.broker.faults.add(Requote(times=1))
    assert desk.mt5.Buy("EURUSD", 0.1, 1.1).retcode == 10004


def test_a_failed_call_is_none(desk: Desk) -> None:
    assert desk.mt5.Buy("EURUSD", 1) is None
    assert desk.mt5.last_error() == (-2, 'Invalid "volume" argument')
    desk.mt5.Buy("EURUSD", 0.1)
    assert desk.mt5.Close("EURUSD", comment=5) is None


def test_without_a_connection_they_fail_as_the_genuine_ones(desk: Desk) -> None:
    desk.mt5.shutdown()
    with pytest.raises(AttributeError, match="'NoneType' object has no attribute 'ask'"):
        desk.mt5.Buy("EURUSD", 0.1)
    with pytest.raises(TypeError, match="'NoneType' object is not iterable"):
        desk.mt5.Close("EURUSD")
    assert desk.mt5.Buy("EURUSD", 0.1, 1.1) is None
    assert desk.mt5.last_error() == (-10004, "No IPC connection")
