"""When orders and stops fire, when their time ends, and how near to the market they may be."""

from dataclasses import replace
from typing import Any

import pytest

from reference_server.simulator import (
    AccountSettings,
    ManualClock,
    ManualPrices,
    PricePoint,
    SimulatedBroker,
    SimulatedMetaTrader5,
    SymbolProfile,
    load_symbols,
)
from tests.simulator.conftest import Desk, open_desk

LISTED = {profile.name: profile for profile in load_symbols()}
BUY, SELL, BUY_LIMIT, SELL_LIMIT, BUY_STOP, SELL_STOP, BUY_STOP_LIMIT, SELL_STOP_LIMIT = range(8)
FOK, IOC, RETURN, BOC = range(4)
DAY, SPECIFIED, SPECIFIED_DAY = 1, 2, 3
PLACED, CANCELED, PARTIAL, FILLED, REJECTED, EXPIRED = 1, 2, 3, 4, 5, 6
HOUR = 3600


def desk_with(server: str = "TonpoSim-Demo", always_open: bool = True, **changes: Any) -> Desk:
    symbols = tuple(replace(p, **changes) if p.name == "EURUSD" else p for p in LISTED.values())
    return open_desk(server, symbols=symbols, always_open=always_open)


def tick(desk: Desk, bid: float = 1.08545, ask: float = 1.08553) -> None:
    desk.clock.advance(milliseconds=100)
    desk.price("EURUSD", bid, ask)


def past(desk: Desk, ticket: int) -> Any:
    return desk.mt5.history_orders_get(ticket=ticket)[0]


def test_triggers_and_charts_by_the_last_deal() -> None:
    desk = desk_with(chart_mode=1)
    assert desk.mt5.symbol_info("EURUSD").chart_mode == 1
    set_price = desk.broker.set_price
    set_price("EURUSD", 1.0850, 1.0860, last=1.0855)
    position = desk.buy(0.1, sl=1.0800, tp=1.0900).order
    limit, stop = desk.pending(BUY_LIMIT, 1.0830).order, desk.pending(BUY_STOP, 1.0880).order
    set_price("EURUSD", 1.0700, 1.0829, last=1.0831)
    assert (desk.mt5.orders_total(), desk.mt5.positions_total()) == (2, 1)
    set_price("EURUSD", 1.0820, 1.0840, last=1.0830)
    assert desk.mt5.positions_get(ticket=limit)[0].price_open == 1.0830
    set_price("EURUSD", 1.0869, 1.0881, last=1.0870)
    assert desk.mt5.orders_get()[0].ticket == stop
    set_price("EURUSD", 1.0870, 1.0875, last=1.0880)
    assert desk.mt5.positions_get(ticket=stop)[0].price_open == 1.0875
    set_price("EURUSD", 1.0895, 1.0905, last=1.0900)
    closed = desk.deals()[-1]
    assert (closed.position_id, closed.reason, closed.price) == (position, 5, 1.0900)


def test_a_day_order_ends_at_the_servers_midnight(desk: Desk) -> None:
    ticket = desk.pending(BUY_LIMIT, 1.08, type_time=DAY).order
    setup = desk.mt5.orders_get()[0].time_setup
    desk.clock.advance(seconds=11 * HOUR - 1)
    assert desk.mt5.orders_total() == 1
    desk.clock.advance(seconds=2 * HOUR)
    assert desk.mt5.orders_total() == 0
    order = past(desk, ticket)
    assert (order.state, order.time_done) == (EXPIRED, setup + 11 * HOUR)
    assert order.time_done % 86_400 == 0


def test_an_order_until_the_end_of_a_day(desk: Desk) -> None:
    now = desk.mt5.symbol_info_tick("EURUSD").time
    today = now - now % 86_400
    assert desk.pending(BUY_LIMIT, 1.08, type_time=SPECIFIED, expiration=today).retcode == 10022
    assert desk.pending(BUY_LIMIT, 1.08, type_time=SPECIFIED_DAY, expiration=today - 1).retcode == 10022
    ticket = desk.pending(BUY_LIMIT, 1.08, type_time=SPECIFIED_DAY, expiration=today).order
    desk.clock.advance(seconds=11 * HOUR)
    assert past(desk, ticket).time_done == today + 86_400


def test_an_end_outside_the_session_is_put_off_to_the_next_one() -> None:
    desk = desk_with(always_open=False)
    friday = desk.mt5.symbol_info_tick("EURUSD").time // 86_400 * 86_400 + 4 * 86_400
    ticket = desk.pending(BUY_LIMIT, 1.08, type_time=SPECIFIED_DAY, expiration=friday).order
    desk.clock.advance(seconds=5 * 86_400)
    assert [order.ticket for order in desk.mt5.orders_get()] == [ticket]
    desk.clock.advance(seconds=3 * 86_400)
    assert past(desk, ticket).time_done == friday + 3 * 86_400 + 5 * 60


@pytest.mark.parametrize(("kind", "bit"), [(0, 1), (1, 2), (2, 4), (3, 8)])
def test_expirations_need_their_bit(kind: int, bit: int) -> None:
    end = 1_800_000_000
    assert desk_with(expiration_mode=bit).pending(BUY_LIMIT, 1.08, type_time=kind, expiration=end).retcode == 10009
    desk = desk_with(expiration_mode=15 - bit)
    assert desk.pending(BUY_LIMIT, 1.08, type_time=kind, expiration=end).retcode == 10022
    assert desk.pending(BUY_LIMIT, 1.08, type_time=4, expiration=end).retcode == 10022


@pytest.mark.parametrize(("mode", "orders", "levels"), [(0, 2, (1.07, 1.1)), (1, 1, (0.0, 0.0)), (2, 1, (1.07, 1.1))])
def test_orders_that_last_for_a_day_only(mode: int, orders: int, levels: tuple[float, float]) -> None:
    desk = desk_with(order_gtc_mode=mode)
    assert desk.mt5.symbol_info("EURUSD").order_gtc_mode == mode
    desk.buy(sl=1.07, tp=1.1)
    dated = desk.pending(BUY_LIMIT, 1.08, type_time=SPECIFIED, expiration=1_800_000_000).order
    endless = desk.pending(BUY_LIMIT, 1.08).order
    desk.clock.advance(seconds=12 * HOUR)
    position = desk.mt5.positions_get()[0]
    assert (position.sl, position.tp) == levels
    left = [order.ticket for order in desk.mt5.orders_get()]
    assert left == ([dated, endless] if orders == 2 else [dated])
    if orders == 1:
        assert (past(desk, endless).state, past(desk, endless).time_done % 86_400) == (EXPIRED, 0)


def test_orders_expire_before_they_can_be_filled_by_a_later_tick(desk: Desk) -> None:
    now = desk.mt5.symbol_info_tick("EURUSD").time
    ticket = desk.pending(BUY_LIMIT, 1.08, type_time=SPECIFIED, expiration=now + 60).order
    desk.clock.advance(seconds=61)
    desk.broker.market.set_price("EURUSD", 1.0790, 1.0791)
    assert (past(desk, ticket).state, desk.mt5.positions_total()) == (EXPIRED, 0)


def test_a_stop_limit_over_a_gap_waits_for_its_limit(desk: Desk) -> None:
    placed = desk.pending(SELL_STOP_LIMIT, 1.0800, stoplimit=1.0820, sl=1.0840, tp=1.0700).order
    desk.price("EURUSD", 1.0750, 1.0751)
    order = desk.mt5.orders_get()[0]
    assert (order.type, order.price_open, order.price_stoplimit, order.state) == (SELL_LIMIT, 1.082, 0.0, PLACED)
    desk.price("EURUSD", 1.0830, 1.0831)
    position = desk.mt5.positions_get()[0]
    assert (position.ticket, position.price_open, position.sl, position.tp) == (placed, 1.083, 1.084, 1.07)


def test_limits_and_take_profits_over_a_gap_are_filled_better(desk: Desk) -> None:
    desk.sell(0.1, tp=1.08)
    limit = desk.pending(BUY_LIMIT, 1.0790).order
    desk.price("EURUSD", 1.0700, 1.0701)
    assert desk.mt5.positions_get(ticket=limit)[0].price_open == 1.0701
    assert (desk.deals()[-1].price, desk.deals()[-1].comment) == (1.0701, "[tp 1.08000]")


def test_placing_on_the_wrong_side_or_too_near_is_no_price() -> None:
    desk = desk_with(stops_level=10)
    for kind, near, far in (
        (BUY_LIMIT, 1.08544, 1.08543),
        (SELL_LIMIT, 1.08554, 1.08555),
        (BUY_STOP, 1.08562, 1.08563),
        (SELL_STOP, 1.08536, 1.08535),
    ):
        assert desk.pending(kind, near).retcode == 10015
        assert desk.pending(kind, far).retcode == 10009
    assert desk.pending(BUY_STOP_LIMIT, 1.09, stoplimit=1.08991).retcode == 10015
    assert desk.pending(BUY_STOP_LIMIT, 1.09, stoplimit=1.0899).retcode == 10009
    assert desk.pending(BUY_STOP_LIMIT, 1.09, stoplimit=1.091).retcode == 10015
    assert desk.pending(BUY_STOP_LIMIT, 1.09).retcode == 10015


def test_a_position_at_its_stops_level_is_kept_apart_from_its_freeze_level() -> None:
    desk = desk_with(freeze_level=20)
    ticket = desk.buy(sl=1.0800).order
    assert desk.buy(0.1).retcode == 10009
    desk.price("EURUSD", 1.08019, 1.08027)
    assert desk.mt5.order_send({"action": 6, "position": ticket, "sl": 1.07}).retcode == 10029
    assert desk.sell(position=ticket).retcode == 10029
    assert desk.buy(0.1).retcode == 10009


def test_adding_to_a_netting_position_is_not_frozen() -> None:
    desk = desk_with("Sim-Netting", freeze_level=20)
    desk.buy(0.1, sl=1.08530)
    assert desk.sell(0.1).retcode == 10029
    assert desk.buy(0.1).retcode == 10009


class Unquoted(ManualPrices):
    """Still prices of everything but one symbol, which has none."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def opening(self, symbol: SymbolProfile, at_ms: int) -> PricePoint:
        if symbol.name == self._name:
            return PricePoint(at_ms, 0.0, 0.0)
        return super().opening(symbol, at_ms)


def test_what_is_converted_at_a_pair_without_a_quote_has_no_prices() -> None:
    broker = SimulatedBroker(clock=ManualClock(), prices=Unquoted("EURUSD"))
    mt5: Any = SimulatedMetaTrader5(broker)
    assert mt5.initialize(login=42, password="secret", server="TonpoSim-Demo")
    request = {"action": 1, "symbol": "GER40", "volume": 1.0, "type_filling": IOC}
    assert mt5.order_send(request).retcode == 10021
    assert mt5.symbol_info("GER40").trade_tick_value == 0.0
    assert len(mt5.symbols_get()) == mt5.symbols_total()
    assert mt5.order_calc_margin(0, "GER40", 1.0, 18000.0) is None
    assert mt5.order_calc_profit(0, "GER40", 1.0, 18000.0, 18100.0) is None
    assert mt5.last_error()[0] == -1
    broker.set_price("EURUSD", 1.08545, 1.08553)
    assert mt5.order_send(request).retcode == 10009


def test_a_symbol_without_a_quote_has_no_prices() -> None:
    broker = SimulatedBroker(clock=ManualClock(), prices=Unquoted("USOIL"))
    mt5: Any = SimulatedMetaTrader5(broker)
    assert mt5.initialize(login=42, password="secret", server="TonpoSim-Demo")
    request = {"action": 1, "symbol": "USOIL", "volume": 0.1, "type_filling": IOC}
    result = mt5.order_send(request)
    assert (result.retcode, result.comment) == (10021, "No prices")
    assert mt5.order_check(request).retcode == 0
    assert mt5.order_send({**request, "action": 5, "type": 2, "price": 50.0, "sl": 40.0}).retcode == 10021
    broker.set_price("USOIL", 78.0, 78.02)
    assert mt5.order_send(request).retcode == 10009


def test_levels_that_stand_are_no_change_whatever_the_noise(desk: Desk) -> None:
    ticket = desk.buy(sl=1.08).order
    assert desk.mt5.order_send({"action": 6, "position": ticket, "sl": 1.0800000000000003}).retcode == 10025


def test_levels_of_a_netting_position_are_set_by_its_symbol() -> None:
    desk = open_desk("Sim-Netting")
    assert desk.mt5.order_send({"action": 6, "symbol": "EURUSD", "sl": 1.08}).retcode == 10013
    desk.buy(0.1)
    before = desk.mt5.positions_get()[0].time_update_msc
    desk.clock.advance(seconds=5)
    assert desk.mt5.order_send({"action": 6, "symbol": "EURUSD", "sl": 1.08}).retcode == 10009
    position = desk.mt5.positions_get()[0]
    assert (position.sl, position.time_update_msc) == (1.08, before + 5000)
    desk.buy(0.1, tp=1.09)
    assert desk.mt5.positions_get()[0][11:13] == (0.0, 1.09)
    desk.sell(0.1, sl=1.2)
    assert desk.mt5.positions_get()[0][11:13] == (0.0, 1.09)


def test_history_keeps_the_order_of_time(desk: Desk) -> None:
    now = desk.mt5.symbol_info_tick("EURUSD").time
    late = desk.pending(BUY_LIMIT, 1.08, type_time=SPECIFIED, expiration=now + 120).order
    early = desk.pending(BUY_LIMIT, 1.08, type_time=SPECIFIED, expiration=now + 60).order
    desk.clock.advance(seconds=200)
    done = {order.ticket: order.time_done for order in desk.mt5.history_orders_get(0, 2**31 - 1)}
    assert done[early] == now + 60
    assert done[late] == now + 120
    assert list(done.values()) == sorted(done.values())


def test_only_stop_limits_have_a_limit_and_only_dated_orders_an_end(desk: Desk) -> None:
    ticket = desk.pending(BUY_LIMIT, 1.08, stoplimit=1.07, expiration=1_800_000_000).order
    order = desk.mt5.orders_get()[0]
    assert (order.price_stoplimit, order.time_expiration) == (0.0, 0)
    modify = {"action": 7, "order": ticket, "price": 1.08, "stoplimit": 1.07, "expiration": 1_800_000_000}
    assert desk.mt5.order_send(modify).retcode == 10025
    dated = {**modify, "type_time": SPECIFIED}
    assert desk.mt5.order_send(dated).retcode == 10009
    assert desk.mt5.orders_get()[0].time_expiration == 1_800_000_000
    assert desk.mt5.order_send({"action": 7, "order": ticket, "price": 1.08}).retcode == 10009
    assert desk.mt5.orders_get()[0].time_expiration == 0


def test_a_pending_order_is_paid_for_at_its_own_price() -> None:
    desk = open_desk("Sim-Exchange", settings=AccountSettings(deposit=115.0))
    assert desk.pending(SELL_LIMIT, 1.16).retcode == 10019
    assert desk.pending(SELL_LIMIT, 1.14).retcode == 10009
    assert desk.mt5.account_info().margin == 114.0


def test_a_profit_that_nothing_converts_is_not_begun() -> None:
    symbols = tuple(replace(p, currency_margin="USD") if p.name == "GER40" else p for p in LISTED.values())
    broker = SimulatedBroker(clock=ManualClock(), prices=Unquoted("EURUSD"), symbols=symbols)
    mt5: Any = SimulatedMetaTrader5(broker)
    assert mt5.initialize(login=42, password="secret", server="TonpoSim-Demo")
    request = {"action": 1, "symbol": "GER40", "volume": 1.0, "type_filling": IOC}
    assert mt5.order_send(request).retcode == 10021
    assert mt5.positions_get() == ()
    assert mt5.account_info().balance == 10_000.0
