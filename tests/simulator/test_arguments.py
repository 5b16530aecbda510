"""What the module refuses before anything reaches the terminal."""

from datetime import datetime
from typing import Any

import numpy as np
import pytest

from reference_server.simulator import ManualClock, ManualPrices, SimulatedBroker, SimulatedMetaTrader5
from reference_server.simulator.surface.groups import matches
from tests.simulator.conftest import Desk

ORDER = {"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": 0}


@pytest.fixture
def offline() -> SimulatedMetaTrader5:
    """A terminal that was never initialised."""
    return SimulatedMetaTrader5(SimulatedBroker(clock=ManualClock(), prices=ManualPrices()))


@pytest.mark.parametrize(
    ("function", "args"),
    [
        ("symbol_info", ()),
        ("symbol_info", (1,)),
        ("symbol_info", ("A" * 30,)),
        ("symbol_info_tick", ("A", "B")),
        ("symbol_select", ()),
        ("history_deals_get", ()),
        ("history_deals_get", (1,)),
        ("history_deals_get", (1, 2, 3)),
        ("history_deals_get", ("2024-01-01", "2024-02-01")),
        ("history_orders_get", (np.int64(1), np.int64(2))),
        ("history_deals_total", (1,)),
        ("copy_rates_from_pos", ("EURUSD", 1, 0)),
        ("copy_rates_from", ("EURUSD", 1, "today", 5)),
        ("order_send", (None,)),
        ("order_send", ([],)),
        ("order_calc_margin", (0, "EURUSD", 0.1)),
    ],
)
def test_wrong_positional_arguments(offline: SimulatedMetaTrader5, function: str, args: tuple[Any, ...]) -> None:
    assert getattr(offline, function)(*args) is None or function == "symbol_select"
    assert offline.last_error() == (-2, "Invalid arguments")


@pytest.mark.parametrize("function", ["symbol_info", "order_calc_margin", "copy_rates_from", "history_deals_total"])
def test_positional_functions_take_no_keywords(desk: Desk, function: str) -> None:
    with pytest.raises(TypeError, match=f"{function}\\(\\) takes no keyword arguments"):
        getattr(desk.mt5, function)(symbol="EURUSD")


@pytest.mark.parametrize(
    ("keywords", "name"),
    [
        ({"symbol": None}, "symbol"),
        ({"symbol": 1}, "symbol"),
        ({"symbol": "A" * 30}, "symbol"),
        ({"ticket": None}, "ticket"),
        ({"ticket": "1"}, "ticket"),
        ({"ticket": np.int64(1)}, "ticket"),
        ({"group": None}, "group"),
    ],
)
@pytest.mark.parametrize("function", ["positions_get", "orders_get"])
def test_wrong_filters(desk: Desk, function: str, keywords: dict[str, Any], name: str) -> None:
    assert getattr(desk.mt5, function)(**keywords) is None
    assert desk.mt5.last_error() == (-2, f'Invalid "{name}" argument')


def test_filters_that_pass(desk: Desk) -> None:
    assert desk.mt5.positions_get("EURUSD") is None
    assert desk.mt5.last_error() == (-2, "Unnamed arguments not allowed")
    ticket = desk.buy().order
    assert len(desk.mt5.positions_get(foo=1)) == 1
    assert len(desk.mt5.positions_get(symbol=1, ticket=ticket)) == 1
    assert desk.mt5.positions_get(ticket=0) == ()
    assert desk.mt5.history_deals_get(ticket=0) == desk.mt5.history_orders_get(ticket=0) == ()
    (payment, deal) = desk.deals()
    for one in (payment, deal):
        assert desk.mt5.history_deals_get(ticket=one.ticket) == (one,)
    assert desk.mt5.history_deals_get(ticket=ticket) == (deal,)
    assert desk.mt5.history_deals_get(ticket=deal.ticket + 1) == ()
    assert desk.mt5.positions_get(symbol="GBPUSD") == ()
    assert desk.mt5.last_error() == (1, "Success")
    with pytest.raises(SystemError):
        desk.mt5.positions_get(ticket=-1)
    assert desk.mt5.last_error()[0] == -2


@pytest.mark.parametrize("field", ["volume", "price", "stoplimit", "sl", "tp"])
@pytest.mark.parametrize("value", [1, "1", None, np.float32(1), True])
def test_price_fields_are_floats(desk: Desk, field: str, value: object) -> None:
    assert desk.mt5.order_send({**ORDER, field: value}) is None
    assert desk.mt5.last_error() == (-2, f'Invalid "{field}" argument')


@pytest.mark.parametrize("field", ["action", "magic", "order", "deviation", "type", "type_filling", "expiration"])
@pytest.mark.parametrize("value", [1.0, None, np.int64(1), datetime(2024, 1, 1)])
def test_other_fields_are_ints(desk: Desk, field: str, value: object) -> None:
    assert desk.mt5.order_send({**ORDER, field: value}) is None
    assert desk.mt5.last_error() == (-2, f'Invalid "{field}" argument')


@pytest.mark.parametrize(
    ("field", "largest"),
    [("type", 2**32 - 1), ("magic", 2**64 - 1), ("position", 2**64 - 1), ("expiration", 2**63 - 1)],
)
def test_ints_beyond_the_c_type_are_a_system_error(desk: Desk, field: str, largest: int) -> None:
    assert desk.mt5.order_check({**ORDER, field: largest}) is not None
    with pytest.raises(SystemError):
        desk.mt5.order_send({**ORDER, field: largest + 1})
    assert desk.mt5.last_error()[0] == -2


@pytest.mark.parametrize(
    ("comment", "accepted"),
    [("x" * 29, True), ("x" * 30, False), ("ж" * 29, True), ("ж" * 30, False), ("😀" * 14, True), ("😀" * 15, False)],
)
def test_a_comment_has_29_utf16_units(desk: Desk, comment: str, accepted: bool) -> None:
    result = desk.mt5.order_send({**ORDER, "comment": comment})
    assert (result is not None) == accepted
    if accepted:
        assert desk.mt5.positions_get()[0].comment == comment
    else:
        assert desk.mt5.last_error() == (-2, 'Invalid "comment" argument')


def test_ways_to_pass_a_request(desk: Desk) -> None:
    assert desk.mt5.order_send(**ORDER).retcode == 10009
    assert desk.mt5.order_send({**ORDER, "volume": np.float64(0.1), "magic": True, "unknown": []}).retcode == 10009
    assert desk.mt5.order_send(ORDER, comment="x") is None
    assert desk.mt5.last_error() == (-2, "Unnamed arguments not allowed")
    assert desk.mt5.order_send() is None
    assert desk.mt5.last_error() == (-2, "Invalid number of arguments")
    assert desk.mt5.order_send({}).retcode == 10013


def test_dates_beyond_32_bits_are_a_system_error(desk: Desk) -> None:
    with pytest.raises(SystemError):
        desk.mt5.history_deals_get(1_700_000_000_000, 1_700_000_000_001)
    assert desk.mt5.last_error() == (1, "Success")


def test_without_a_connection(offline: SimulatedMetaTrader5) -> None:
    assert offline.last_error() == (0, "")
    assert offline.account_info() is None
    assert offline.last_error() == (-10004, "No IPC connection")
    assert offline.symbols_get() is None
    assert offline.last_error()[0] == -5
    assert offline.symbols_total() is None
    assert offline.last_error()[0] == -5
    assert offline.version() == (0, 0, "")
    assert offline.shutdown() is True
    assert offline.symbol_select("EURUSD") is False


def test_groups_of_symbols(desk: Desk) -> None:
    assert desk.mt5.symbols_get(1) is False
    assert desk.mt5.last_error() == (-2, "Invalid 1st unnamed argument")
    assert desk.mt5.symbols_get(group=None) is False
    assert desk.mt5.last_error() == (-2, 'Invalid "group" argument')
    assert [symbol.name for symbol in desk.mt5.symbols_get("*JPY*,!EUR*")] == ["USDJPY"]
    assert desk.mt5.symbols_get(group="NOPE") == ()
    assert len(desk.mt5.symbols_get()) == desk.mt5.symbols_total() == 15


@pytest.mark.parametrize(
    ("name", "pattern", "selected"),
    [
        ("EURUSD", "*", True),
        ("EURUSD", "EUR*", True),
        ("EURUSD", "*USD*", True),
        ("EURUSD", "E*U*D", True),
        ("EURUSD", "eurusd", False),
        ("EURUSD", "*,!*USD*", False),
        ("EURJPY", "*,!*USD*", True),
        ("EURUSD", "GBP* EUR*", True),
        ("AB", "AB*B", False),
    ],
)
def test_group_patterns(name: str, pattern: str, selected: bool) -> None:
    assert matches(name, pattern) == selected


def test_logging_in() -> None:
    broker = SimulatedBroker(clock=ManualClock(), prices=ManualPrices())
    mt5, other = SimulatedMetaTrader5(broker), SimulatedMetaTrader5(broker)
    assert mt5.initialize(login=7, password="one", server="Demo")
    assert mt5.account_info().balance == 10_000.0
    assert not other.initialize(login=7, password="two", server="Demo")
    assert other.last_error() == (-6, "Terminal: Authorization failed")
    assert not other.initialize(login=8, password="invalid", server="Demo")
    assert other.last_error()[0] == -6
    assert not other.initialize(login=8, password="x", server="Unreachable-1")
    assert other.last_error() == (-10005, "IPC timeout")
    assert other.account_info() is None
    assert not mt5.login(8, password="invalid", server="Demo")
    assert mt5.account_info().login == 7
    assert mt5.login(8, "pw", "Demo")
    assert mt5.account_info().login == 8
    assert mt5.initialize()
    assert mt5.account_info().login == 8


@pytest.mark.parametrize(
    ("keywords", "text"),
    [
        ({"path": None}, 'Invalid "path" argument'),
        ({"login": None}, 'Invalid "login" argument'),
        ({"login": "5"}, 'Invalid "login" argument'),
        ({"login": 5, "password": None}, 'Invalid "password" argument'),
        ({"timeout": 5.0}, 'Invalid "timeout" argument'),
        ({"server": "s" * 254}, 'Invalid "server" argument'),
    ],
)
def test_wrong_arguments_of_initialize(desk: Desk, keywords: dict[str, Any], text: str) -> None:
    assert desk.mt5.initialize(**keywords) is False
    assert desk.mt5.last_error() == (-2, text)
