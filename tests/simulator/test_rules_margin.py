"""Margin and profit by calculation mode, hedged, reserved, and the sides that currencies are converted at."""

from dataclasses import replace
from typing import Any

import pytest

from reference_server.simulator import AccountSettings, load_symbols
from tests.simulator.conftest import Desk, open_desk

LISTED = {profile.name: profile for profile in load_symbols()}


def desk_with(name: str, *, server: str = "TonpoSim-Demo", terms: Any = None, **changes: Any) -> Desk:
    symbols = tuple(replace(p, **changes) if p.name == name else p for p in LISTED.values())
    return open_desk(server, symbols=symbols, settings=terms)


@pytest.mark.parametrize(
    ("changes", "margin", "profit"),
    [
        ({"calc_mode": 0}, 2 * 100 / 100, 2 * 100 * 10.0),
        ({"calc_mode": 5}, 2 * 100, 2 * 100 * 10.0),
        ({"calc_mode": 1, "margin_initial": 750.0}, 2 * 750, 2 * 100 * 10.0),
        ({"calc_mode": 1, "margin_initial": 750.0, "tick_size": 0.5, "tick_value": 4.0}, 1500, 2 * 10 / 0.5 * 4.0),
        ({"calc_mode": 2}, 2 * 100 * 500, 2 * 100 * 10.0),
        ({"calc_mode": 3}, 2 * 100 * 500, 2 * 100 * 10.0),
        ({"calc_mode": 3, "tick_size": 0.5, "tick_value": 0.25}, 2 * 100 * 500 * 0.5, 2 * 100 * 10.0),
        ({"calc_mode": 4}, 2 * 100 * 500 / 100, 2 * 100 * 10.0),
        ({"calc_mode": 32}, 2 * 100 * 500, 2 * 100 * 10.0),
        ({"calc_mode": 38}, 2 * 100 * 500, 2 * 100 * 10.0),
        ({"calc_mode": 33, "margin_initial": 750.0, "tick_size": 0.5, "tick_value": 4.0}, 1500, 2 * 10 / 0.5 * 4.0),
        ({"calc_mode": 2, "margin_initial": 9.0}, 18, 2 * 100 * 10.0),
    ],
)
@pytest.mark.parametrize("rate", [1.0, 0.05])
def test_calculation_modes(changes: dict[str, Any], margin: float, profit: float, rate: float) -> None:
    desk = desk_with("USOIL", contract_size=100.0, margin_rate=rate, digits=2, **changes)
    assert desk.mt5.order_calc_margin(0, "USOIL", 2.0, 500.0) == round(margin * rate, 2)
    assert desk.mt5.order_calc_profit(0, "USOIL", 2.0, 500.0, 510.0) == profit
    assert desk.mt5.order_calc_profit(1, "USOIL", 2.0, 500.0, 510.0) == -profit


def test_directions_may_have_rates_of_their_own() -> None:
    desk = desk_with("EURUSD", margin_rate=2.0, margin_rate_sell=0.5)
    assert desk.mt5.order_calc_margin(0, "EURUSD", 1.0, 1.1) == 2200.0
    assert desk.mt5.order_calc_margin(1, "EURUSD", 1.0, 1.1) == 550.0
    assert desk.mt5.order_calc_margin(3, "EURUSD", 1.0, 1.1) == 550.0
    desk.sell(0.1)
    assert desk.mt5.account_info().margin == round(0.1 * 1000 * 1.08545 * 0.5, 2)


def test_open_positions_need_the_maintenance_margin() -> None:
    desk = desk_with("US500", calc_mode=33, margin_initial=500.0, margin_maintenance=400.0, margin_rate=1.0)
    info = desk.mt5.symbol_info("US500")
    assert (info.margin_initial, info.margin_maintenance) == (500.0, 400.0)
    assert desk.mt5.order_calc_margin(0, "US500", 2.0, 5200.0) == 1000.0
    assert desk.send(action=1, symbol="US500", type=0, volume=2.0, type_filling=1).retcode == 10009
    assert desk.mt5.account_info().margin == 800.0
    assert desk.send(action=1, symbol="US500", type=0, volume=18.5, type_filling=1).retcode == 10019


@pytest.mark.parametrize(
    ("changes", "margin"),
    [
        ({"margin_hedged": 0.0}, 1085.53 * 0.2 / 0.3 * 0.3),
        ({"margin_hedged": 100_000.0}, 1085.53 * 0.2 + (1085.53 * 0.3 + 1085.45 * 0.1) / 0.4 * 0.1),
        ({"margin_hedged": 50_000.0}, 1085.53 * 0.2 + (1085.53 * 0.3 + 1085.45 * 0.1) / 0.4 * 0.05),
        ({"margin_hedged_use_leg": True, "margin_hedged": 50_000.0}, 1085.53 * 0.3),
        ({"margin_initial": 1000.0, "margin_hedged": 500.0}, 1085.53 * 0.2 + 0.1 * 500 * 1.08551),
    ],
)
def test_hedged_volume_counts_by_the_symbols_rule(changes: dict[str, Any], margin: float) -> None:
    desk = desk_with("EURUSD", **changes)
    desk.buy(0.3)
    desk.sell(0.1)
    assert desk.mt5.account_info().margin == pytest.approx(margin, abs=0.006)


def test_covered_volume_costs_the_average_of_both_sides() -> None:
    desk = desk_with("EURUSD", margin_hedged=100_000.0)
    desk.price("EURUSD", 1.0, 1.0)
    desk.buy(0.3)
    desk.price("EURUSD", 1.2, 1.2)
    desk.sell(0.1)
    assert desk.mt5.account_info().margin == 1000.0 * 0.2 + (300.0 + 120.0) / 0.4 * 0.1


def test_margin_of_a_netting_position_is_that_of_its_parts() -> None:
    desk = open_desk("Sim-Netting")
    for price, margin in ((1.0, 100.0), (1.2, 340.0)):
        desk.price("EURUSD", price, price)
        desk.buy(0.1 if price == 1.0 else 0.2)
        assert desk.mt5.account_info().margin == margin


def test_a_hedge_needs_no_money_that_is_not_there() -> None:
    desk = desk_with("EURUSD", terms=AccountSettings(deposit=1100.0))
    assert desk.buy(1.0).retcode == 10009
    assert desk.buy(0.1).retcode == 10019
    assert desk.sell(1.0).retcode == 10009


@pytest.mark.parametrize(
    ("opposite", "margin"), [(0.1, 217.11), (0.2, 217.11), (0.3, 217.11), (0.5, 325.64), (1.0, 868.36)]
)
def test_a_check_against_a_netting_position_adds_and_never_subtracts(opposite: float, margin: float) -> None:
    desk = open_desk("Sim-Netting")
    desk.buy(0.2)
    result = desk.mt5.order_check({"action": 1, "symbol": "EURUSD", "type": 1, "volume": opposite})
    assert (result.retcode, result.margin) == (0, margin)
    assert result.margin_free == round(result.equity - margin, 2)


def test_a_check_of_a_hedge_ignores_the_relief(desk: Desk) -> None:
    desk.buy(0.2)
    result = desk.mt5.order_check({"action": 1, "symbol": "EURUSD", "type": 1, "volume": 0.2})
    assert (result.retcode, result.margin) == (0, 217.11)


def test_limits_on_two_sides_reserve_the_bigger_side_and_stops_are_added() -> None:
    desk = open_desk("Sim-Exchange")

    def margin() -> float:
        return float(desk.mt5.account_info().margin)

    desk.pending(2, 1.05, volume=0.1)
    assert margin() == 105.0
    desk.pending(3, 1.10, volume=0.2)
    assert margin() == 220.0
    stop = desk.pending(4, 1.12, volume=0.1).order
    assert margin() == 332.0
    desk.pending(6, 1.12, volume=0.1, stoplimit=1.11)
    assert margin() == 443.0
    desk.buy(0.2)
    assert margin() == round(217.106 + 105.0 + 112.0 + 111.0, 2)
    assert desk.mt5.order_send({"action": 7, "order": stop, "price": 1.13}).retcode == 10009
    assert margin() == round(217.106 + 105.0 + 113.0 + 111.0, 2)
    assert desk.mt5.order_send({"action": 8, "order": stop}).retcode == 10009
    assert margin() == round(217.106 + 105.0 + 111.0, 2)


def test_a_pending_order_may_hold_a_part_on_a_retail_account() -> None:
    desk = desk_with("EURUSD", margin_rate_pending=0.5)
    desk.pending(2, 1.05, volume=0.1)
    desk.pending(3, 1.10, volume=0.1)
    assert desk.mt5.account_info().margin == 52.5 + 55.0
    desk.price("EURUSD", 1.0499, 1.05)
    assert (desk.mt5.orders_total(), desk.mt5.account_info().margin) == (1, 105.0 + 55.0)


def test_a_triggered_order_may_use_the_margin_that_it_held() -> None:
    desk = open_desk("Sim-Exchange", settings=AccountSettings(deposit=110.0))
    assert desk.pending(2, 1.05, volume=0.1).retcode == 10009
    desk.price("EURUSD", 1.0499, 1.05)
    assert (desk.mt5.positions_total(), desk.mt5.account_info().margin) == (1, 105.0)


def test_margin_converts_at_the_ask_for_buys_and_the_bid_for_sells(desk: Desk) -> None:
    desk.price("EURUSD", 1.08, 1.09)
    assert desk.mt5.order_calc_margin(0, "GER40", 1.0, 18000.0) == 981.0
    assert desk.mt5.order_calc_margin(1, "GER40", 1.0, 18000.0) == 972.0


def test_what_has_no_direct_pair_is_converted_through_dollars() -> None:
    symbols = tuple(p for p in LISTED.values() if p.name in ("EURUSD", "USDJPY", "GER40"))
    desk = open_desk(symbols=symbols, settings=AccountSettings(currency="JPY", deposit=1_000_000.0))
    desk.price("EURUSD", 1.08, 1.09)
    desk.price("USDJPY", 150.0, 151.0)
    mt5 = desk.mt5
    assert mt5.order_calc_margin(0, "GER40", 1.0, 18000.0) == 148_131.0
    assert mt5.order_calc_margin(1, "GER40", 1.0, 18000.0) == 145_800.0
    assert mt5.order_calc_profit(0, "GER40", 1.0, 18000.0, 18100.0) == 16_200.0
    assert mt5.order_calc_profit(0, "GER40", 1.0, 18000.0, 17900.0) == -16_459.0
    info = mt5.symbol_info("GER40")
    assert info.trade_tick_value_profit == pytest.approx(0.01 * 1.08 * 150)
    assert info.trade_tick_value_loss == pytest.approx(0.01 * 1.09 * 151)


def test_floating_profit_follows_the_conversion_rate_of_now(desk: Desk) -> None:
    desk.price("EURUSD", 1.1, 1.1)
    desk.price("GER40", 18000.0, 18000.0)
    desk.send(action=1, symbol="GER40", type=0, volume=1.0, type_filling=1)
    desk.price("GER40", 18100.0, 18100.0)
    assert desk.mt5.account_info().profit == 110.0
    desk.price("EURUSD", 1.2, 1.3)
    assert desk.mt5.account_info().profit == 120.0
    assert desk.mt5.positions_get()[0].profit == 120.0


@pytest.mark.parametrize(
    ("changes", "opening", "closing"),
    [
        ({"commission_per_lot": 5.0}, -1.0, -1.0),
        ({"commission_per_lot": 5.0, "commission_entry_only": True}, -1.0, 0.0),
        ({"commission_per_lot": 0.0, "commission_percent": 0.01}, -4.7, -4.7),
        ({"commission_per_lot": 5.0, "commission_percent": 0.01, "commission_entry_only": True}, -5.7, 0.0),
        ({"commission_per_lot": -1.0}, 0.2, 0.2),
    ],
)
def test_commission_modes(changes: dict[str, Any], opening: float, closing: float) -> None:
    desk = desk_with("XAUUSD", **changes)
    desk.price("XAUUSD", 2350.0, 2350.0)
    ticket = desk.buy(0.2, symbol="XAUUSD").order
    desk.sell(0.2, symbol="XAUUSD", position=ticket)
    assert [deal.commission for deal in desk.deals()[1:]] == [opening, closing]


def test_commission_in_percent_is_converted_and_a_reversal_pays_for_what_it_opens() -> None:
    desk = desk_with("GER40", server="Sim-Netting", commission_percent=0.01, commission_entry_only=True)
    desk.price("EURUSD", 1.1, 1.2)
    desk.price("GER40", 18000.0, 18000.0)
    desk.send(action=1, symbol="GER40", type=0, volume=1.0, type_filling=1)
    desk.send(action=1, symbol="GER40", type=1, volume=3.0, type_filling=1)
    desk.send(action=1, symbol="GER40", type=0, volume=1.0, type_filling=1)
    assert [deal.commission for deal in desk.deals()[1:]] == [-2.16, -4.32, 0.0]
