"""Symbols and accounts with other rules than the default profile."""

from dataclasses import replace
from typing import Any

import pytest

from reference_server.simulator import AccountSettings, ServerTime, load_symbols
from tests.simulator.conftest import Desk, open_desk


def desk_with(**changes: Any) -> Desk:
    """A desk whose EURUSD is changed."""
    symbols = load_symbols()
    return open_desk(symbols=(replace(symbols[0], **changes), *symbols[1:]))


def test_instant_execution_requotes_beyond_the_deviation() -> None:
    desk = desk_with(execution_mode=1)
    refused = desk.buy(price=1.08550, deviation=2)
    assert (refused.retcode, refused.bid, refused.ask, refused.comment) == (10004, 1.08545, 1.08553, "Requote")
    assert desk.buy(price=1.08550, deviation=3).retcode == 10009
    assert desk.buy(price=1.08553, type_filling=2).retcode == 10009


def test_exchange_execution_takes_return() -> None:
    assert desk_with(execution_mode=3).buy(type_filling=2).retcode == 10009


def test_nothing_changes_within_the_freeze_level() -> None:
    desk = desk_with(freeze_level=10)
    ticket = desk.buy(sl=1.08540).order
    assert desk.mt5.order_send({"action": 6, "position": ticket, "sl": 1.08}).retcode == 10029
    assert desk.sell(position=ticket).retcode == 10029
    order = desk.pending(2, 1.08545).order
    assert desk.mt5.order_send({"action": 8, "order": order}).retcode == 10029
    desk.price("EURUSD", 1.09, 1.0901)
    assert desk.mt5.order_send({"action": 8, "order": order}).retcode == 10009
    assert desk.sell(position=ticket).retcode == 10009


@pytest.mark.parametrize(
    ("mode", "buys", "sells"), [(0, 10017, 10017), (1, 10009, 10042), (2, 10043, 10009), (3, 10044, 10044)]
)
def test_trade_modes(mode: int, buys: int, sells: int) -> None:
    desk = desk_with(trade_mode=mode)
    assert (desk.buy().retcode, desk.sell().retcode) == (buys, sells)


def test_a_long_only_symbol_can_be_closed() -> None:
    desk = desk_with(trade_mode=1)
    assert desk.sell(position=desk.buy().order).retcode == 10009


def test_order_modes() -> None:
    desk = desk_with(order_mode=1 | 16)
    assert desk.buy(sl=1.08).retcode == 10009
    assert desk.buy(tp=1.09).retcode == 10035
    assert desk.pending(2, 1.08).retcode == 10035


def test_volume_limit_counts_one_direction() -> None:
    desk = desk_with(volume_limit=0.3)
    assert desk.buy(0.2).retcode == 10009
    assert desk.pending(2, 1.08, volume=0.1).retcode == 10009
    assert desk.buy(0.01).retcode == 10034
    assert desk.sell(0.3).retcode == 10009


def test_active_orders_are_limited() -> None:
    desk = open_desk(settings=AccountSettings(limit_orders=1))
    assert desk.pending(2, 1.08).retcode == 10009
    assert desk.pending(2, 1.08).retcode == 10033


@pytest.mark.parametrize(
    ("changes", "margin"),
    [
        ({"margin_hedged": 0.0}, 0.0),
        ({"margin_hedged": 100_000.0}, 108.55),
        ({"margin_hedged": 50_000.0}, 54.27),
        ({"margin_hedged_use_leg": True}, 108.55),
    ],
)
def test_hedged_margin(changes: dict[str, Any], margin: float) -> None:
    desk = desk_with(**changes)
    desk.buy(0.1)
    desk.sell(0.1)
    assert desk.mt5.account_info().margin == pytest.approx(margin, abs=0.011)


def test_a_pending_order_without_money_is_rejected_when_it_triggers() -> None:
    desk = open_desk(settings=AccountSettings(deposit=150.0))
    placed = desk.pending(4, 1.09, volume=0.1)
    assert placed.retcode == 10009
    desk.buy(0.1)
    desk.price("EURUSD", 1.0899, 1.0901)
    assert desk.mt5.history_orders_get(ticket=placed.order)[0].state == desk.mt5.ORDER_STATE_REJECTED
    assert desk.mt5.positions_total() == 1


def test_stop_out_closes_the_most_losing_position_first() -> None:
    desk = open_desk(settings=AccountSettings(deposit=250.0))
    small, large = desk.buy(0.05).order, desk.buy(0.15).order
    desk.price("EURUSD", 1.07830, 1.07838)
    assert [position.ticket for position in desk.mt5.positions_get()] == [small]
    deal = desk.deals()[-1]
    assert (deal.position_id, deal.reason) == (large, desk.mt5.DEAL_REASON_SO)
    assert deal.comment.startswith("[so ")


# The variants (a) to (j) that a test-suite should switch on.


def test_variant_a_instant_execution_with_a_stops_level() -> None:
    desk = desk_with(execution_mode=1, filling_mode=1, stops_level=10)
    desk.price("EURUSD", 1.0860, 1.0861)
    refused = desk.buy(price=1.08553, deviation=20)
    assert (refused.retcode, refused.bid, refused.ask) == (10004, 1.0860, 1.0861)
    assert desk.buy(price=1.0861, sl=1.08591).retcode == 10016
    assert desk.buy(price=1.0861, sl=1.0859).retcode == 10009


def test_variant_b_exchange_execution_last_charts_and_a_coarse_tick() -> None:
    changes: dict[str, Any] = {
        "execution_mode": 3, "filling_mode": 3, "chart_mode": 1, "tick_size": 0.25, "tick_value": 12.5, "calc_mode": 33,
        "margin_initial": 500.0, "contract_size": 50.0, "volume_min": 1.0, "volume_step": 1.0, "liquidity": 2.0,
    }  # fmt: skip
    symbols = tuple(replace(p, **changes) if p.name == "US500" else p for p in load_symbols())
    desk = open_desk("Broker-Exchange", symbols=symbols)
    desk.broker.set_price("US500", 5200.0, 5200.25, last=5200.25)
    info = desk.mt5.symbol_info("US500")
    assert (info.trade_tick_size, info.trade_tick_value, info.trade_exemode) == (0.25, 12.5, 3)
    assert desk.pending(2, 5190.1, symbol="US500", volume=1.0).retcode == 10015
    assert desk.pending(2, 5190.25, symbol="US500", volume=1.0, type_filling=2).retcode == 10009
    bought = desk.buy(3.0, symbol="US500", type_filling=2)
    assert (bought.retcode, bought.volume, desk.mt5.orders_total()) == (10010, 2.0, 2)
    desk.broker.set_price("US500", 5201.0, 5201.25, last=5201.0)
    position = desk.mt5.positions_get()[0]
    assert (position.volume, position.profit) == (3.0, 2 * 0.75 / 0.25 * 12.5 - 12.5)


def test_variant_c_netting() -> None:
    desk = open_desk("Broker-Netting")
    desk.buy(0.1)
    desk.buy(0.1)
    desk.sell(0.3)
    assert [(position.type, position.volume) for position in desk.mt5.positions_get()] == [(1, 0.1)]


def test_variant_d_names_with_suffixes() -> None:
    suffixed = tuple(replace(profile, name=f"{profile.name}.raw") for profile in load_symbols())
    desk = open_desk(symbols=suffixed)
    assert desk.buy().retcode == 10013
    assert desk.buy(symbol="EURUSD.raw").retcode == 10009
    assert desk.buy(symbol="GER40.raw", volume=0.1, type_filling=1).retcode == 10009
    assert desk.mt5.symbol_info("EURUSD.RAW") is None
    assert desk.mt5.account_info().margin > 0


@pytest.mark.parametrize(("currency", "digits"), [("EUR", 2), ("JPY", 0)])
def test_variant_e_accounts_in_euros_and_yen(currency: str, digits: int) -> None:
    desk = open_desk(settings=AccountSettings(currency=currency, deposit=1_000_000.0))
    assert desk.buy(0.13).retcode == 10009
    assert desk.buy(0.13, symbol="EURJPY").retcode == 10009
    info = desk.mt5.account_info()
    assert (info.currency, info.currency_digits) == (currency, digits)
    assert all(value == round(value, digits) for value in (info.balance, info.profit, info.margin, info.equity))


def test_variant_f_stops_and_freeze_order_modes_and_a_volume_limit() -> None:
    desk = desk_with(stops_level=3, freeze_level=3, order_mode=63, volume_limit=15.0, volume_max=10.0)
    assert desk.buy(0.1, sl=1.08543).retcode == 10016
    first, second = desk.buy(0.1, sl=1.08540).order, desk.sell(0.1).order
    assert desk.mt5.order_send({"action": 10, "position": first, "position_by": second}).retcode == 10035
    desk.price("EURUSD", 1.08543, 1.08551)
    assert desk.sell(0.1, position=first).retcode == 10029
    assert desk.pending(2, 1.05, volume=10.0).retcode == 10019
    assert desk.buy(11.0).retcode == 10014


def test_variant_g_no_swap_whatever_its_values() -> None:
    desk = desk_with(swap_mode=0, swap_long=2.56, swap_short=-7.8)
    desk.buy(0.1)
    desk.clock.advance(seconds=5 * 86_400)
    assert desk.mt5.positions_get()[0].swap == 0.0
    info = desk.mt5.symbol_info("EURUSD")
    assert (info.swap_mode, info.swap_long, info.swap_short) == (0, 2.56, -7.8)


@pytest.mark.parametrize(
    ("server_time", "hours"), [(ServerTime("UTC", shift_hours=0), 14), (ServerTime("Europe/Athens", shift_hours=0), 11)]
)
def test_variant_h_other_server_clocks_have_other_midnights(server_time: ServerTime, hours: int) -> None:
    desk = open_desk(server_time=server_time)
    desk.buy(1.0)
    desk.pending(2, 1.05, type_time=1)
    desk.clock.advance(seconds=hours * 3600 - 1)
    assert (desk.mt5.positions_get()[0].swap, desk.mt5.orders_total()) == (0.0, 1)
    desk.clock.advance(seconds=1)
    assert (desk.mt5.positions_get()[0].swap, desk.mt5.orders_total()) == (-7.1, 0)


def test_variant_i_long_only_short_only_and_close_only() -> None:
    for mode, opened, reverse in ((1, 0, 10042), (2, 1, 10043)):
        desk = open_desk("Sim-Netting", symbols=desk_with(trade_mode=mode).broker.market.symbols.values())
        assert desk.send(action=1, type=opened, volume=0.2).retcode == 10009
        assert desk.send(action=1, type=1 - opened, volume=0.1).retcode == 10009
        assert desk.send(action=1, type=1 - opened, volume=0.2).retcode == reverse
        assert desk.pending(3 - opened, 1.09 if opened == 0 else 1.08).retcode == reverse
    closing = desk_with(trade_mode=3)
    assert closing.buy().retcode == 10044
    assert closing.pending(2, 1.08).retcode == 10044


def test_variant_j_first_in_first_out() -> None:
    desk = open_desk(settings=AccountSettings(fifo_close=True, hedging_prohibited=True))
    first, second = desk.buy(0.1).order, desk.buy(0.1).order
    assert desk.sell(0.1, position=second).retcode == 10045
    assert desk.sell(0.1).retcode == 10046
    assert desk.sell(0.1, position=first).retcode == 10009
    assert desk.sell(0.1, position=second).retcode == 10009
