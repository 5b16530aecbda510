"""Margin call and stop-out: when, in which order, and what remains."""

from dataclasses import replace
from typing import Any

import pytest

from reference_server.simulator import AccountSettings, load_symbols
from tests.simulator.conftest import Desk, open_desk

LISTED = {profile.name: profile for profile in load_symbols()}


def desk_of(server: str = "TonpoSim-Demo", symbols: Any = None, **terms: Any) -> Desk:
    return open_desk(server, settings=AccountSettings(**terms), symbols=symbols)


def changed(**changes: Any) -> Any:
    return tuple(replace(p, **changes) if p.name == "EURUSD" else p for p in LISTED.values())


def is_margin_call(desk: Desk) -> bool:
    return desk.broker.accounts["TonpoSim-Demo", 42].is_margin_call


def test_the_margin_call_is_only_a_state() -> None:
    desk = desk_of(deposit=120.0)
    desk.buy(0.1)
    assert not is_margin_call(desk)
    desk.price("EURUSD", 1.0840, 1.08408)
    assert is_margin_call(desk)
    assert desk.mt5.account_info().margin_level < 100
    assert desk.mt5.positions_total() == 1


def test_a_threshold_in_money_compares_equity() -> None:
    desk = desk_of(deposit=1000.0, stop_out_in_money=True, margin_call_level=996.0, stop_out_level=990.0)
    desk.buy(0.1)
    desk.price("EURUSD", 1.08508, 1.08516)
    assert (is_margin_call(desk), desk.mt5.account_info().equity) == (True, 995.15)
    assert desk.mt5.positions_total() == 1
    desk.price("EURUSD", 1.08455, 1.08463)
    assert desk.mt5.positions_total() == 0
    deal = desk.deals()[-1]
    assert (deal.reason, deal.comment) == (desk.mt5.DEAL_REASON_SO, "[so 989.85/108.55]")


def test_exactly_the_level_is_no_stop_out() -> None:
    desk = desk_of(symbols=changed(commission_per_lot=0.0), deposit=100.0)
    desk.price("EURUSD", 1.0, 1.0)
    desk.buy(0.05)
    desk.price("EURUSD", 0.995, 0.995)
    desk.price("EURUSD", 0.985, 0.985)
    assert desk.mt5.account_info().margin_level == 50.0
    assert desk.mt5.positions_total() == 1
    desk.price("EURUSD", 0.98499, 0.98499)
    deal = desk.deals()[-1]
    assert (desk.mt5.positions_total(), deal.comment) == (0, "[so 49.90%/24.95/50.00]")
    order = desk.mt5.history_orders_get(ticket=deal.order)[0]
    assert (order.reason, order.state, order.type) == (desk.mt5.ORDER_REASON_SO, 4, 1)


def test_orders_that_hold_margin_go_before_any_position() -> None:
    desk = desk_of("Sim-Exchange", deposit=500.0)
    desk.buy(0.1)
    small, large = desk.pending(2, 1.05, volume=0.05).order, desk.pending(2, 1.05, volume=0.1).order
    assert desk.mt5.account_info().margin == round(108.553 + 52.5 + 105.0, 2)
    desk.price("EURUSD", 1.0485, 1.0501)
    assert desk.mt5.account_info().margin_level > 50
    desk.price("EURUSD", 1.0471, 1.0501)
    assert [order.ticket for order in desk.mt5.orders_get()] == [small]
    assert desk.mt5.history_orders_get(ticket=large)[0].state == desk.mt5.ORDER_STATE_CANCELED
    assert desk.mt5.positions_total() == 1
    desk.price("EURUSD", 1.0430, 1.0501)
    assert (desk.mt5.orders_total(), desk.mt5.positions_total()) == (0, 1)
    desk.price("EURUSD", 1.0400, 1.0501)
    assert desk.mt5.positions_total() == 0


def test_retail_orders_hold_nothing_and_stay() -> None:
    desk = desk_of(deposit=110.0)
    order = desk.pending(2, 1.0, volume=0.01).order
    desk.buy(0.1)
    desk.price("EURUSD", 1.0790, 1.0791)
    assert desk.mt5.positions_total() == 0
    assert [waiting.ticket for waiting in desk.mt5.orders_get()] == [order]


def test_a_hedged_book_is_closed_after_what_is_not_hedged() -> None:
    desk = desk_of(symbols=changed(margin_hedged=100_000.0), deposit=400.0)
    desk.price("USDJPY", 156.0, 156.01)
    desk.buy(0.1)
    desk.sell(0.1)
    open_leg = desk.buy(0.1, symbol="USDJPY").order
    desk.price("EURUSD", 1.0850, 1.0880)
    desk.price("USDJPY", 151.79, 151.8)
    deal = desk.deals()[-1]
    assert (deal.position_id, deal.reason) == (open_leg, desk.mt5.DEAL_REASON_SO)
    assert desk.mt5.positions_total() == 2
    desk.price("EURUSD", 1.0850, 1.0990)
    assert desk.mt5.positions_total() < 2


def test_a_hedged_loss_is_kept_though_it_is_the_greatest() -> None:
    desk = desk_of(symbols=changed(margin_hedged=100_000.0), deposit=400.0)
    desk.price("USDJPY", 156.0, 156.01)
    desk.buy(0.1)
    desk.sell(0.1)
    open_leg = desk.buy(0.1, symbol="USDJPY").order
    desk.price("EURUSD", 1.1450, 1.1453)
    desk.price("USDJPY", 151.49, 151.5)
    profits = {deal.position_id: deal.profit for deal in desk.deals()[-1:]}
    assert min(position.profit for position in desk.mt5.positions_get()) < profits[open_leg] < 0


def test_a_netting_position_is_closed_whole() -> None:
    desk = desk_of("Sim-Netting", deposit=300.0)
    desk.buy(0.1)
    desk.buy(0.15)
    desk.price("EURUSD", 1.0780, 1.0781)
    deal = desk.deals()[-1]
    assert (desk.mt5.positions_total(), deal.volume, deal.entry, deal.reason) == (0, 0.25, 1, 6)


def test_a_gap_can_leave_a_negative_balance() -> None:
    desk = desk_of(deposit=120.0)
    desk.buy(0.1)
    desk.price("EURUSD", 1.05, 1.0501)
    info = desk.mt5.account_info()
    assert (info.balance, info.equity, info.margin, info.margin_level) == (-236.0, -236.0, 0.0, 0.0)


def test_another_pair_can_cause_the_stop_out_through_the_conversion() -> None:
    desk = desk_of(deposit=1000.0)
    desk.price("GER40", 18000.0, 18001.0)
    desk.price("EURUSD", 1.08545, 1.08553)
    desk.send(action=1, symbol="GER40", type=0, volume=1.0, type_filling=1)
    desk.price("GER40", 17700.0, 17701.0)
    assert desk.mt5.positions_total() == 1
    before = desk.mt5.account_info().profit
    desk.price("EURUSD", 1.2, 1.20008)
    assert desk.mt5.account_info().profit == round(before / 1.08553 * 1.20008, 2)
    desk.price("EURUSD", 1.3, 1.30008)
    assert desk.mt5.positions_total() == 1
    desk.price("EURUSD", 1.3, 2.0)
    assert desk.mt5.positions_total() == 0
    assert desk.deals()[-1].reason == desk.mt5.DEAL_REASON_SO


@pytest.mark.parametrize("server", ["TonpoSim-Demo", "Sim-Netting"])
def test_levels_are_zero_without_positions(server: str) -> None:
    desk = desk_of(server)
    info = desk.mt5.account_info()
    assert (info.margin, info.margin_level, info.margin_free) == (0.0, 0.0, 10_000.0)


def test_a_symbol_whose_session_is_closed_is_not_closed() -> None:
    friday_night = 1_717_790_100_000  # 22:55 server time on Friday 7 June 2024
    desk = open_desk(settings=AccountSettings(deposit=500.0), always_open=False)
    desk.clock.advance(milliseconds=friday_night - desk.clock.now_ms())
    desk.price("BTCUSD", 65000.0, 65010.0)
    desk.buy(0.1)
    bitcoin = desk.send(action=1, symbol="BTCUSD", type=0, volume=0.05, type_filling=1).order
    desk.price("EURUSD", 1.0700, 1.07008)
    desk.clock.advance(seconds=3 * 3600)
    desk.price("BTCUSD", 62000.0, 62010.0)
    assert [deal.position_id for deal in desk.deals()[3:]] == [bitcoin]
    assert [position.symbol for position in desk.mt5.positions_get()] == ["EURUSD"]
