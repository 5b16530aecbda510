"""Records as real terminals gave them, and stranger ones: noise, flags and numbers that nobody published."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.domain.account import Mt5Credentials
from reference_server.domain.events import OrderSettled, PositionChanged, TickArrived
from reference_server.domain.trading import NewOrder, OrderType, PositionChange, Side
from reference_server.terminals.adapter import shapes
from reference_server.terminals.adapter.adapter import MetaTraderAdapter
from reference_server.terminals.adapter.clock import BrokerClock
from reference_server.terminals.polling.poller import Poller
from tests.terminals.fakes import HandClock, HandMadeModule

BTCUSD = {"name": "EURUSD", "digits": 2, "point": 0.01, "trade_tick_size": 0.01}
POSITION = {
    "ticket": 2**53 + 11, "identifier": 2**53 + 11, "symbol": "EURUSD", "type": 0, "volume": 0.30000000000000004,
    "price_open": 65380.340000000004, "sl": 65087.709999999999, "tp": 0.0, "price_current": 65348.459999999999,
    "profit": -3.1880000000000024, "swap": -0.30000000000000004, "magic": 2**64 - 1, "comment": "[sl 65087.71]",
    "time": 1_717_419_600, "time_msc": 1_717_419_600_123,
}  # fmt: skip


def logged_in(module: HandMadeModule) -> MetaTraderAdapter:
    adapter = MetaTraderAdapter(module, HandClock())
    adapter.login(Mt5Credentials("7", "x", "Hand-Made"))
    return adapter


def test_noise_is_rounded_off_a_position_and_great_numbers_stay_whole() -> None:
    module = HandMadeModule(**BTCUSD)
    module.held = [SimpleNamespace(**POSITION)]
    (position,) = logged_in(module).positions()
    assert (position.ticket, position.magic) == (2**53 + 11, 2**64 - 1)
    assert (position.volume, position.open_price, position.current_price) == (0.3, 65380.34, 65348.46)
    assert (position.sl, position.tp, position.profit, position.swap) == (65087.71, None, -3.19, -0.3)
    assert position.comment == "[sl 65087.71]"


def test_levels_that_are_sent_again_are_on_the_grid() -> None:
    module = HandMadeModule(**BTCUSD)
    module.held = [SimpleNamespace(**POSITION)]
    module.answers = [{"retcode": 10009}]
    logged_in(module).modify_position(PositionChange(2**53 + 11, tp=66000.123456))
    assert (module.sent[0]["sl"], module.sent[0]["tp"]) == (65087.71, 66000.12)
    assert all(type(value) in (int, float, str) for value in module.sent[0].values())


@pytest.mark.parametrize("flags", [2, 4, 6, 130, 134, 1030, 0, 2**32 - 1])
def test_flags_that_nobody_published_hide_no_tick(flags: int) -> None:
    module = HandMadeModule()
    poller = Poller(logged_in(module))
    poller.begin()
    poller.watch({"EURUSD"}, ())
    poller.poll()
    row = module.ticks[-1]
    module.ticks.append((row[0], 1.1, 1.2, 0.0, 2**63, row[5] + 5, flags, 0.0))
    (event,) = poller.poll()
    assert isinstance(event, TickArrived)
    assert (event.tick.ask, event.tick.volume) == (1.2, 2**63)


@pytest.mark.parametrize(
    ("field", "shown", "plain"),
    [("margin_mode", "margin_mode", "hedging"), ("trade_mode", "trade_mode", "real")],
)
def test_an_account_of_an_unknown_kind_is_taken_for_the_careful_one(field: str, shown: str, plain: str) -> None:
    module = HandMadeModule()
    module.account[field] = 9
    assert getattr(logged_in(module).account_info(), shown) == plain


@pytest.mark.parametrize("execution", [0, 1, 2, 3, 7])
@pytest.mark.parametrize("mask", [0, 1, 2, 4, 7, 8, 255])
def test_an_order_is_sent_whatever_the_symbol_says_of_itself(execution: int, mask: int) -> None:
    module = HandMadeModule(trade_exemode=execution, filling_mode=mask, trade_tick_size=0.0)
    module.answers = [{"retcode": 10009, "order": 3, "deal": 4, "price": 1.1, "volume": 0.1}]
    assert logged_in(module).place_order(NewOrder("EURUSD", Side.BUY, OrderType.MARKET, 0.1)).success
    assert module.sent[0]["type_filling"] in (0, 1, 2)


@given(order_type=st.integers(0, 300), reason=st.integers(0, 300))
def test_every_order_has_a_side_and_a_type_or_none(order_type: int, reason: int) -> None:
    assert shapes.side_of_order(order_type) in Side
    assert shapes.type_of_order(order_type, reason) in (None, *OrderType)


@given(st.floats(-1e12, 1e12), st.floats(0, 1e12), st.integers(0, 2**64 - 1), st.integers(0, 300), st.text(max_size=40))
def test_every_position_can_be_shaped(money: float, price: float, magic: int, kind: int, comment: str) -> None:
    record: dict[str, Any] = {
        **POSITION, "profit": money, "swap": money, "price_open": price, "sl": price, "magic": magic, "type": kind % 2,
        "comment": comment,
    }  # fmt: skip
    position = shapes.position(SimpleNamespace(**record), digits=5, money_digits=2, commission=0.0, clock=BrokerClock())
    assert abs(position.profit - money) <= 0.005 + abs(money) * 1e-9


@pytest.mark.parametrize(("kind", "entry"), [(2, 0), (3, 0), (7, 0), (8, 0), (13, 0), (17, 9), (99, 77)])
def test_deals_that_are_no_trades_are_no_orders_and_open_nothing(kind: int, entry: int) -> None:
    module = HandMadeModule()
    clock = HandClock()
    adapter = MetaTraderAdapter(module, clock)
    adapter.login(Mt5Credentials("7", "x", "Hand-Made"))
    poller = Poller(adapter)
    poller.begin()
    poller.poll()
    module.deals = [
        SimpleNamespace(
            ticket=1, order=0, type=kind, entry=entry, position_id=0, reason=0, volume=0.0, price=0.0, commission=-5.0,
            fee=0.0, swap=0.0, profit=100.0, symbol="", magic=0, comment="Deposit", time=1_717_419_600,
            time_msc=1_717_419_600_000,
        )
    ]  # fmt: skip
    module.account["balance"] = 1095.0
    told = []
    for _ in range(120):
        clock.ms += 100
        told += poller.poll()
    assert not [event for event in told if isinstance(event, OrderSettled | PositionChanged)]
