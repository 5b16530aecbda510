"""The check values of the MT5 facts, to the last digit."""

from dataclasses import replace
from typing import Any

import pytest

from reference_server.simulator import AccountSettings, load_symbols
from tests.simulator.conftest import Desk, open_desk


@pytest.mark.parametrize(
    ("symbol", "volume", "price", "margin"),
    [
        ("EURUSD", 0.10, 1.08556, 108.56),
        ("USDJPY", 0.10, 156.5, 100.00),
        ("XAUUSD", 0.01, 2350.0, 23.50),
        ("US500", 1.0, 5200.0, 260.00),
        ("GER40", 1.0, 18000.0, 977.00),
        ("EURUSD", 0.1, 1.0991, 109.91),
    ],
)
def test_margin_of_an_order(desk: Desk, symbol: str, volume: float, price: float, margin: float) -> None:
    desk.price("EURUSD", 1.08542, 1.08556)
    assert desk.mt5.order_calc_margin(0, symbol, volume, price) == margin


@pytest.mark.parametrize(
    ("action", "symbol", "volume", "opened", "closed", "profit"),
    [
        (0, "EURUSD", 0.10, 1.08556, 1.08600, 4.40),
        (1, "EURUSD", 0.10, 1.08542, 1.08614, -7.20),
        (0, "USDJPY", 0.10, 156.500, 156.800, 19.13),
        (0, "USDJPY", 1.0, 108.183, 108.483, 276.54),
        (1, "USDJPY", 1.0, 108.179, 107.879, 278.09),
    ],
)
def test_profit_of_a_trade(
    desk: Desk, action: int, symbol: str, volume: float, opened: float, closed: float, profit: float
) -> None:
    assert desk.mt5.order_calc_profit(action, symbol, volume, opened, closed) == profit


def test_profit_in_yen_converts_gains_at_the_ask_and_losses_at_the_bid(desk: Desk) -> None:
    desk.price("USDJPY", 139.393, 139.404)
    info = desk.mt5.symbol_info("EURJPY")
    assert info.trade_tick_value_profit == pytest.approx(0.7173395311468824, rel=1e-14)
    assert info.trade_tick_value_loss == pytest.approx(0.7173961389739801, rel=1e-14)


def test_profit_in_dollars_on_a_euro_account() -> None:
    desk = open_desk(settings=AccountSettings(currency="EUR"))
    desk.price("EURUSD", 1.09137, 1.09152)
    info = desk.mt5.symbol_info("EURUSD")
    assert info.trade_tick_value == info.trade_tick_value_profit == pytest.approx(0.9161536206391089, rel=1e-14)
    assert info.trade_tick_value_loss == pytest.approx(0.9162795385616245, rel=1e-14)


def test_swap_in_points_is_tripled_on_wednesday_night(desk: Desk) -> None:
    desk.buy(0.10)
    position = desk.mt5.positions_get()[0]

    def next_midnight() -> Any:
        desk.clock.advance(seconds=86_400)
        desk.price("EURUSD", 1.08545, 1.08553)
        return desk.mt5.positions_get(ticket=position.ticket)[0].swap

    assert [next_midnight() for _ in range(7)] == [-0.71, -1.42, -3.55, -4.26, -4.97, -4.97, -4.97]


def test_swap_in_percent_of_the_price(desk: Desk) -> None:
    desk.price("US500", 5200.0, 5200.4)
    desk.buy(1.0, symbol="US500", type_filling=1)
    desk.clock.advance(seconds=86_400)
    desk.price("US500", 5200.0, 5200.4)
    assert desk.mt5.positions_get()[0].swap == -1.01


def test_stop_out_comes_when_equity_is_half_the_margin() -> None:
    desk = open_desk(settings=AccountSettings(deposit=100.0))
    desk.price("EURUSD", 1.08550, 1.08556)
    commission = 0.18
    assert desk.buy(0.05).retcode == 10009
    assert desk.mt5.account_info().margin == 54.28
    desk.price("EURUSD", 1.07099 + commission / 5000 + 0.00002, 1.0712)
    assert desk.mt5.positions_total() == 1
    desk.price("EURUSD", 1.07099 + commission / 5000 - 0.00002, 1.0712)
    assert desk.mt5.positions_total() == 0
    assert desk.deals()[-1].reason == desk.mt5.DEAL_REASON_SO


def test_order_check_of_the_documentation() -> None:
    desk = open_desk(settings=AccountSettings(deposit=10_000.17))
    result = desk.mt5.order_check({"action": 1, "symbol": "USDJPY", "volume": 1.0})
    assert (result.retcode, result.comment, result.balance, result.equity) == (0, "Done", 10_000.17, 10_000.17)
    assert (result.margin, result.margin_free) == (1000.0, 9000.17)
    assert result.margin_level == pytest.approx(1000.017)


def test_account_of_the_documentation() -> None:
    symbols = tuple(replace(profile, commission_per_lot=0.0) for profile in load_symbols())
    desk = open_desk(symbols=symbols)
    desk.price("USDJPY", 108.266, 108.27)
    desk.buy(1.0, symbol="USDJPY")
    desk.price("USDJPY", 108.1848, 108.19)
    info = desk.mt5.account_info()
    assert (info.balance, info.profit, info.equity) == (10_000.0, -78.75, 9921.25)
    assert (info.margin, info.margin_free) == (1000.0, 8921.25)
    assert info.margin_level == pytest.approx(992.125)


def test_commission_of_a_hundredth_lot_of_gold() -> None:
    symbols = tuple(replace(p, commission_per_lot=5.0) if p.name == "XAUUSD" else p for p in load_symbols())
    desk = open_desk(symbols=symbols)
    desk.buy(0.01, symbol="XAUUSD")
    assert desk.deals()[-1].commission == -0.05
