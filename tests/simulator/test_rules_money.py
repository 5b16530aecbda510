"""Whatever happens, an account says what its deals and the formulas of MetaTrader 5 say."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_server.simulator import (
    AccountSettings,
    ManualPrices,
    SimulatedBroker,
    SimulatedMetaTrader5,
    SymbolProfile,
    load_symbols,
)
from tests.simulator.conftest import Desk, open_desk
from tests.simulator.rules_oracle import Oracle

LISTED = {profile.name: profile for profile in load_symbols()}
PAIR = LISTED["EURUSD"]
FUTURE = replace(
    LISTED["US500"], name="FUT", calc_mode=33, digits=2, tick_size=0.25, tick_value=12.5, margin_initial=5000.0,
    margin_maintenance=4000.0, contract_size=50.0, execution_mode=3, filling_mode=3, liquidity=5.0, volume_min=1.0,
    volume_step=1.0, margin_rate=1.0, chart_mode=1, mid_price=5200.0, swap_mode=0,
)  # fmt: skip
STOCK = replace(
    LISTED["GER40"], name="STK", calc_mode=32, digits=2, contract_size=10.0, margin_rate=0.5, margin_rate_sell=0.75,
    volume_min=0.1, volume_step=0.1, mid_price=150.0, spread_points=4, execution_mode=1, swap_mode=4, swap_long=-0.3,
    commission_percent=0.02, order_gtc_mode=1,
)  # fmt: skip
INDEX = replace(LISTED["USTEC"], name="IDX", tick_value=0.02, swap_mode=7, swap_long=-15.0, swap_short=5.0)
PROFILES: tuple[SymbolProfile, ...] = (
    replace(PAIR, margin_hedged=50_000.0, volume_limit=30.0),
    replace(LISTED["USDJPY"], margin_hedged_use_leg=True, swap_mode=2, swap_long=1.5, swap_short=-3.0),
    replace(LISTED["EURJPY"], swap_mode=3, swap_long=-2.0, swap_short=1.0, commission_entry_only=True),
    replace(LISTED["XAUUSD"], swap_mode=6, swap_long=-3.0, swap_short=1.0),
    replace(LISTED["GBPUSD"], calc_mode=5, margin_rate=0.05, swap_mode=8, swap_long=-4.0),
    LISTED["GER40"],
    FUTURE,
    STOCK,
    INDEX,
)
NAMES = [profile.name for profile in PROFILES]
ACTIONS = ("buy", "sell", "close", "part", "move", "jump", "stops", "pending", "modify", "remove", "by", "wait", "pay")

step = st.tuples(st.sampled_from(ACTIONS), st.sampled_from(NAMES), st.integers(1, 60), st.integers(-300, 300))
steps = st.lists(step, max_size=30)


def volume_of(profile: SymbolProfile, size: int) -> float:
    return round(max(round(size / 25 / profile.volume_step), 1) * profile.volume_step + profile.volume_min, 8)


def price_near(profile: SymbolProfile, price: float, shift: int) -> float:
    tick = profile.tick_size or 10.0**-profile.digits
    return round(round(price * (1 + shift / 10_000) / tick) * tick, profile.digits)


def take(desk: Desk, what: str, profile: SymbolProfile, size: int, shift: int) -> None:
    """One step. Refusals are fine."""
    mt5, name = desk.mt5, profile.name
    tick = mt5.symbol_info_tick(name)
    filling = (0, 1, 2)[size % 3]
    order: dict[str, Any] = {"symbol": name, "volume": volume_of(profile, size), "type_filling": filling}
    order |= {"deviation": 10_000_000, "price": tick.ask}
    near = price_near(profile, tick.bid, shift)
    positions, orders = mt5.positions_get(symbol=name), mt5.orders_get(symbol=name)
    if what in ("buy", "sell"):
        mt5.order_send({**order, "action": 1, "type": int(what == "sell")})
    elif what in ("move", "jump"):
        bid = near if what == "move" else price_near(profile, tick.bid, shift * 5)
        desk.price(name, bid, price_near(profile, bid + (profile.tick_size or 1e-5) * (1 + size % 7), 1))
    elif what == "pending":
        kind = 2 + size % 6
        lasting = {0: {}, 1: {"type_time": 1}, 2: {"type_time": 2, "expiration": tick.time + 100_000}}[size % 3]
        mt5.order_send(
            {**order, **lasting, "action": 5, "type": kind, "price": near, "type_filling": 2,
             "stoplimit": price_near(profile, near, -20 if kind == 6 else 20) if kind > 5 else 0.0}
        )  # fmt: skip
    elif what == "modify" and orders:
        mt5.order_send({"action": 7, "order": orders[0].ticket, "price": near, "stoplimit": near})
    elif what == "remove" and orders:
        mt5.order_send({"action": 8, "order": orders[-1].ticket})
    elif what == "wait":
        desk.clock.advance(seconds=size * 3600)
        mt5.account_info()
    elif what == "pay":
        desk.broker.pay("Sim-" + mt5.account_info().server[4:], 42, float(shift), "paid", is_credit=size % 2 == 0)
    elif what == "by" and len(positions) > 1:
        mt5.order_send({"action": 10, "position": positions[0].ticket, "position_by": positions[-1].ticket})
    elif what == "stops" and positions:
        level = {"sl": near} if size % 2 else {"tp": near}
        mt5.order_send({"action": 6, "position": positions[0].ticket, "symbol": name, **level})
    elif what in ("close", "part") and positions:
        held = positions[size % len(positions)]
        volume = held.volume
        if what == "part":
            volume = round(round(volume / 2 / profile.volume_step) * profile.volume_step, 8)
        mt5.order_send({**order, "action": 1, "type": 1 - held.type, "position": held.ticket, "volume": volume})


def play(desk: Desk, profiles: tuple[SymbolProfile, ...], sequence: list[tuple[str, str, int, int]]) -> None:
    """Take the steps, and ask the oracle after each."""
    by_name = {profile.name: profile for profile in profiles}
    oracle = Oracle(desk, profiles)
    for what, name, size, shift in sequence:
        if name in by_name:
            take(desk, what, by_name[name], size, shift)
            oracle.observe()
            oracle.check()
            if what in ("move", "jump") and desk.mt5.positions_get(symbol=name):
                info = desk.mt5.account_info()
                assert not info.margin or info.margin_level >= info.margin_so_so


def assert_survives_a_restart(desk: Desk, profiles: tuple[SymbolProfile, ...]) -> None:
    state = json.loads(json.dumps(desk.broker.dump()))
    broker = SimulatedBroker(clock=desk.clock, prices=ManualPrices(), symbols=profiles, settings=desk.broker.settings)
    broker.load(state)
    mt5, before = SimulatedMetaTrader5(broker), desk.mt5
    assert mt5.initialize(login=42, password="secret", server=before.account_info().server)
    assert mt5.account_info() == before.account_info()
    assert mt5.positions_get() == before.positions_get()
    assert mt5.orders_get() == before.orders_get()
    assert mt5.history_orders_get(0, 2**31 - 1) == before.history_orders_get(0, 2**31 - 1)
    assert broker.dump() == state


@pytest.mark.parametrize("currency", ["USD", "EUR", "JPY"])
@pytest.mark.parametrize("server", ["Sim-Hedging", "Sim-Netting"])
def test_retail_accounts_agree_with_the_formulas(server: str, currency: str) -> None:
    deposit = 20_000.0 if currency != "JPY" else 3_000_000.0

    @settings(max_examples=30, deadline=None)
    @given(steps)
    def run(sequence: list[tuple[str, str, int, int]]) -> None:
        desk = open_desk(server, symbols=PROFILES, settings=AccountSettings(currency=currency, deposit=deposit))
        play(desk, PROFILES, sequence)
        assert_survives_a_restart(desk, PROFILES)

    run()


RESERVED = (replace(PAIR, execution_mode=3, liquidity=0.5), FUTURE, replace(STOCK, currency_margin="USD",
            currency_profit="USD", currency_base="USD", execution_mode=3, filling_mode=7, liquidity=1.0))  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(step.filter(lambda taken: taken[1] in ("EURUSD", "FUT", "STK")), max_size=50))
def test_exchange_accounts_agree_with_the_formulas_and_reserve_margin(
    sequence: list[tuple[str, str, int, int]],
) -> None:
    desk = open_desk("Sim-Exchange", symbols=RESERVED, settings=AccountSettings(deposit=40_000.0))
    play(desk, RESERVED, sequence)
    assert_survives_a_restart(desk, RESERVED)


def net_volumes(desk: Desk) -> dict[str, float]:
    net: dict[str, float] = {}
    for position in desk.mt5.positions_get():
        net[position.symbol] = round(net.get(position.symbol, 0.0) + position.volume * (1 - 2 * position.type), 8)
    return {symbol: volume for symbol, volume in net.items() if volume}


trade = st.tuples(st.sampled_from(("EURUSD", "USDJPY", "XAUUSD")), st.integers(0, 1), st.integers(1, 50))


@settings(max_examples=40, deadline=None)
@given(st.lists(trade, max_size=25))
def test_the_same_market_orders_leave_the_same_net_exposure(trades: list[tuple[str, int, int]]) -> None:
    terms = AccountSettings(deposit=1_000_000.0)
    desks = [open_desk(server, settings=terms) for server in ("Sim-Hedging", "Sim-Netting", "Sim-Exchange")]
    for symbol, side, size in trades:
        for desk in desks:
            assert desk.send(action=1, symbol=symbol, type=side, volume=size / 100).retcode == 10009
    hedging, netting, exchange = map(net_volumes, desks)
    assert hedging == netting == exchange
