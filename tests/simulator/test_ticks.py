"""Ticks: as deep as one asks, the same whenever one asks, with flags; deals of symbols that are charted by them."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_server.simulator import (
    GeneratedPrices,
    ManualClock,
    ManualPrices,
    ServerTime,
    SimulatedBroker,
    SimulatedMetaTrader5,
    SymbolProfile,
    load_symbols,
)

START = 1_717_408_837_500
SERVER_S = ServerTime().server_ms(START) // 1000
EVERY_DAY = dict.fromkeys(range(7), ((0, 1440),))


def share() -> SymbolProfile:
    """A symbol that is charted by its deals, in steps of a quarter."""
    euro = load_symbols()[0]
    return replace(
        euro, name="SHARE", digits=2, tick_size=0.25, chart_mode=1, calc_mode=32, contract_size=1.0, mid_price=150.0,
        currency_base="USD", currency_margin="USD", spread_points=50, night_spread_points=100, price_range=0.5,
        daily_volatility=0.02, tick_interval_ms=500, sessions=EVERY_DAY,
    )  # fmt: skip


def opened(*, always_open: bool = True, at_ms: int = START) -> tuple[ManualClock, SimulatedMetaTrader5]:
    clock = ManualClock(at_ms)
    broker = SimulatedBroker(
        clock=clock, prices=GeneratedPrices(1), symbols=[*load_symbols(), share()], always_open=always_open
    )
    mt5 = SimulatedMetaTrader5(broker)
    assert mt5.initialize()
    return clock, mt5


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 30_000), min_size=1, max_size=4))
def test_ticks_do_not_depend_on_how_often_one_looks(steps: list[int]) -> None:
    clock, often = opened()
    for step in steps:
        clock.advance(milliseconds=step)
        often.symbol_info_tick("EURUSD")
    _, late = opened(at_ms=clock.now_ms())
    other, once = opened()
    other.advance(milliseconds=sum(steps))
    for symbol in ("EURUSD", "SHARE"):
        expected = often.copy_ticks_from(symbol, SERVER_S - 300, 10_000, -1).tolist()
        assert len(expected) > 300
        assert once.copy_ticks_from(symbol, SERVER_S - 300, 10_000, -1).tolist() == expected
        assert late.copy_ticks_from(symbol, SERVER_S - 300, 10_000, -1).tolist() == expected


@pytest.mark.parametrize("always_open", [True, False])
def test_history_is_what_was_seen_live(always_open: bool) -> None:
    clock, mt5 = opened(always_open=always_open)
    seen = set()
    for _ in range(3000):
        clock.advance(milliseconds=50)
        seen.add(tuple(mt5.symbol_info_tick("EURUSD")))
    told = {tuple(row) for row in mt5.copy_ticks_from("EURUSD", SERVER_S - 60, 10_000, mt5.COPY_TICKS_ALL).tolist()}
    assert len(seen) > 300
    assert len(seen - told) <= 1  # the first one seen was there when the terminal started


def test_requests_reach_far_behind_the_4096_ticks_in_memory() -> None:
    clock, mt5 = opened()
    for _ in range(20):
        clock.advance(seconds=120)
        mt5.symbol_info_tick("EURUSD")
    assert len(mt5.broker.market.quotes["EURUSD"].recent) == 4096
    whole = mt5.copy_ticks_from("EURUSD", SERVER_S - 3600, 10**6, mt5.COPY_TICKS_ALL)
    assert len(whole) > 15_000
    assert (np.diff(whole["time_msc"]) > 0).all()
    half = mt5.copy_ticks_from("EURUSD", SERVER_S - 3600, 5000, mt5.COPY_TICKS_ALL)
    assert half.tolist() == whole[:5000].tolist()
    oldest = mt5.copy_ticks_from("EURUSD", 0, 10, mt5.COPY_TICKS_ALL)
    assert abs(oldest["time"][0] - (SERVER_S - 730 * 86_400)) < 86_400


@settings(max_examples=20, deadline=None)
@given(start=st.integers(0, 7200), lengths=st.lists(st.integers(0, 900), min_size=1, max_size=4))
def test_any_split_of_a_range_gives_the_same_ticks(start: int, lengths: list[int]) -> None:
    _, mt5 = opened()
    edges = (SERVER_S - 7200 - start + np.cumsum([0, *lengths])).tolist()
    whole = mt5.copy_ticks_range("EURUSD", edges[0], edges[-1], mt5.COPY_TICKS_ALL).tolist()
    parts = [mt5.copy_ticks_range("EURUSD", one, other, mt5.COPY_TICKS_ALL).tolist() for one, other in pairwise(edges)]
    joined = [tick for part in parts for tick in part]
    assert sorted({tick[5]: tick for tick in joined}.values(), key=lambda tick: tick[5]) == whole


def test_both_ends_of_a_range_are_whole_seconds_and_belong_to_it() -> None:
    clock = ManualClock(START)
    mt5 = SimulatedMetaTrader5(SimulatedBroker(clock=clock, prices=ManualPrices()))
    assert mt5.initialize()
    for number in range(4):
        clock.advance(milliseconds=500)
        mt5.broker.set_price("EURUSD", 1.1 + number / 100, 1.2 + number / 100)
    ticks = mt5.copy_ticks_range("EURUSD", SERVER_S + 1, SERVER_S + 2, mt5.COPY_TICKS_ALL)
    assert ticks["time_msc"].tolist() == [SERVER_S * 1000 + 1000, SERVER_S * 1000 + 1500, SERVER_S * 1000 + 2000]


def test_flags_say_which_side_changed() -> None:
    clock, mt5 = opened()
    clock.advance(seconds=60)
    ticks = mt5.copy_ticks_from("EURUSD", SERVER_S - 60, 10_000, mt5.COPY_TICKS_ALL)
    has_new_bid = np.diff(ticks["bid"]) != 0
    has_new_ask = np.diff(ticks["ask"]) != 0
    assert (has_new_bid | has_new_ask).all()
    assert (
        ticks["flags"][1:].tolist()
        == np.where(has_new_bid & has_new_ask, 134, np.where(has_new_bid, 130, 132)).tolist()
    )
    info = mt5.copy_ticks_from("EURUSD", SERVER_S - 60, 10_000, mt5.COPY_TICKS_INFO)
    assert info.tolist() == ticks.tolist()
    assert len(mt5.copy_ticks_from("EURUSD", SERVER_S - 60, 10_000, mt5.COPY_TICKS_TRADE)) == 0


def test_a_symbol_that_is_charted_by_deals_has_them() -> None:
    clock, mt5 = opened()
    for _ in range(5):
        clock.advance(seconds=60)
        mt5.symbol_info_tick("SHARE")
    first_s = SERVER_S - SERVER_S % 60 - 1200
    ticks = mt5.copy_ticks_from("SHARE", first_s, 100_000, mt5.COPY_TICKS_ALL)
    bought, sold = ticks["flags"] & 32 > 0, ticks["flags"] & 64 > 0
    assert (bought ^ sold).all()
    assert (ticks["last"][bought] == ticks["ask"][bought]).all()
    assert (ticks["last"][sold] == ticks["bid"][sold]).all()
    assert (ticks["last"] % 0.25 == 0).all()
    assert (ticks["bid"] < ticks["ask"]).all()
    assert (ticks["volume"] > 0).all()
    assert (ticks["volume_real"] == ticks["volume"]).all()
    assert mt5.copy_ticks_from("SHARE", first_s, 100_000, mt5.COPY_TICKS_TRADE).tolist() == ticks.tolist()
    minutes = ticks["time"] // 60 * 60
    for bar in mt5.copy_rates_range("SHARE", 1, first_s, SERVER_S + 600):
        own = ticks[minutes == bar["time"]]
        last = own["last"]
        assert bar.tolist()[1:6] == (last[0], last.max(), last.min(), last[-1], len(own))
        assert bar["real_volume"] == own["volume"].sum()


def test_a_deal_can_be_set_by_hand() -> None:
    clock = ManualClock(START)
    mt5 = SimulatedMetaTrader5(SimulatedBroker(clock=clock, prices=ManualPrices(), symbols=[share()]))
    assert mt5.initialize()
    market = mt5.broker.market
    assert mt5.symbol_info_tick("SHARE").last == market.quotes["SHARE"].bid
    market.set_price("SHARE", 150.0, 150.5, last=150.25, volume=3.0, flags=32)
    tick = mt5.symbol_info_tick("SHARE")
    assert (tick.last, tick.volume, tick.volume_real, tick.flags & 0x7E) == (150.25, 3, 3.0, 2 | 4 | 8 | 16 | 32)
    info = mt5.symbol_info("SHARE")
    assert (info.last, info.volume, info.volume_real) == (150.25, 3, 3.0)
    market.set_price("SHARE", 151.0, 151.5)
    tick = mt5.symbol_info_tick("SHARE")
    assert (tick.last, tick.volume, tick.flags & 16) == (151.0, 0, 0)
    bar = mt5.copy_rates_from_pos("SHARE", 1, 0, 1)[0]
    assert (bar["high"], bar["close"], bar["real_volume"]) == (151.0, 151.0, 3)
    with pytest.raises(ValueError, match="no deal"):
        market.set_price("SHARE", 150.0, 150.5, last=-1.0)
