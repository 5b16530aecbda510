"""Bars: the same in every request, made of the ticks, aligned to the server's clock, at any depth."""

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
)
from reference_server.simulator.market.bars import TIMEFRAMES
from tests.simulator.conftest import Desk

START = 1_717_408_837_500  # 37.5 s into a minute, on a Monday
SERVER_S = ServerTime().server_ms(START) // 1000
CLOCK_CHANGE_S = int(np.datetime64("2024-03-10T09:00", "s").astype(np.int64))  # 02:00 in New York


def opened(
    *, always_open: bool = True, at_ms: int = START, manual: bool = False
) -> tuple[ManualClock, SimulatedMetaTrader5]:
    clock = ManualClock(at_ms)
    prices = ManualPrices() if manual else GeneratedPrices(1)
    mt5 = SimulatedMetaTrader5(SimulatedBroker(clock=clock, prices=prices, always_open=always_open))
    assert mt5.initialize()
    return clock, mt5


def bars_of(
    mt5: SimulatedMetaTrader5, from_s: int, to_s: int, symbol: str = "EURUSD", timeframe: int = 1
) -> list[object]:
    found = mt5.copy_rates_range(symbol, timeframe, from_s, to_s)
    return [] if found is None else list(found.tolist())


@pytest.mark.parametrize(("always_open", "manual"), [(True, False), (False, False), (True, True), (False, True)])
@settings(max_examples=25, deadline=None)
@given(
    start=st.integers(0, 40 * 1440),
    length=st.integers(1, 6000),
    cuts=st.lists(st.integers(0, 6000), max_size=3),
    symbol=st.sampled_from(["EURUSD", "EURJPY", "BTCUSD"]),
)
def test_any_split_of_a_range_gives_the_same_bars(
    always_open: bool, manual: bool, start: int, length: int, cuts: list[int], symbol: str
) -> None:
    _, mt5 = opened(always_open=always_open, manual=manual)
    from_s, to_s = SERVER_S - start * 60, SERVER_S - start * 60 + length * 60
    whole = bars_of(mt5, from_s, to_s, symbol)
    edges = sorted({from_s, to_s + 1, *(from_s + cut * 60 for cut in cuts if cut < length)})
    parts = [bars_of(mt5, one, other - 1, symbol) for one, other in pairwise(edges)]
    assert [bar for part in parts for bar in part] == whole


@pytest.mark.parametrize("always_open", [True, False])
@pytest.mark.parametrize("symbol", ["EURUSD", "EURJPY", "XAUUSD", "BTCUSD"])
def test_bars_are_made_of_the_ticks_at_any_depth(always_open: bool, symbol: str) -> None:
    clock, mt5 = opened(always_open=always_open)
    for _ in range(8):
        clock.advance(seconds=30)
        mt5.symbol_info_tick(symbol)
    now_s = ServerTime().server_ms(clock.now_ms()) // 1000
    for from_s in (now_s - 1200, now_s - 40 * 86_400, now_s - 400 * 86_400):
        first_s = from_s - from_s % 60
        bars = mt5.copy_rates_range(symbol, 1, first_s, first_s + 1199)
        ticks = mt5.copy_ticks_range(symbol, first_s, first_s + 1200, mt5.COPY_TICKS_ALL)
        minutes = ticks["time"] // 60 * 60
        assert sorted(set(minutes[minutes < first_s + 1200].tolist())) == (
            bars["time"].tolist() if bars is not None else []
        )
        point = mt5.symbol_info(symbol).point
        for bar in bars if bars is not None else ():
            own = ticks[minutes == bar["time"]]
            spreads = np.rint((own["ask"] - own["bid"]) / point)
            made = own["bid"][0], own["bid"].max(), own["bid"].min(), own["bid"][-1], len(own), spreads.min(), 0
            assert bar.tolist()[1:] == made


def test_bars_do_not_depend_on_when_the_terminal_was_started() -> None:
    clock, early = opened()
    for _ in range(20):
        clock.advance(seconds=17)
        early.symbol_info_tick("EURUSD")
    _, late = opened(at_ms=clock.now_ms())
    slept, sleeper = opened(at_ms=START - 3 * 86_400_000)
    sleeper.symbol_info_tick("EURUSD")
    slept.advance(milliseconds=clock.now_ms() - slept.now_ms())
    for timeframe in (1, 5, 16385):
        expected = bars_of(early, SERVER_S - 7200, SERVER_S + 7200, timeframe=timeframe)
        assert bars_of(late, SERVER_S - 7200, SERVER_S + 7200, timeframe=timeframe) == expected
        assert bars_of(sleeper, SERVER_S - 7200, SERVER_S + 7200, timeframe=timeframe) == expected


def test_a_price_set_by_hand_is_in_the_bar_that_is_forming_and_stays() -> None:
    clock, mt5 = opened()
    mt5.broker.set_price("EURUSD", 1.5, 1.5001)
    before = mt5.copy_rates_from_pos("EURUSD", 1, 0, 1)[0]
    assert (before["high"], before["close"]) == (1.5, 1.5)
    assert before["tick_volume"] > 1
    clock.advance(seconds=120)
    mt5.broker.set_price("EURUSD", 1.6, 1.6001)
    bars = mt5.copy_rates_from_pos("EURUSD", 1, 0, 3)
    assert bars["high"].tolist()[1:] == [1.5, 1.6]
    assert bars[1].tolist() == before.tolist()


@pytest.mark.parametrize("away_s", [0, 1, 30, 200, 7200, 3 * 86_400])
def test_bars_and_ticks_do_not_depend_on_a_restart(away_s: int) -> None:
    clock, mt5 = opened()
    clock.advance(seconds=45)
    saved = mt5.broker.dump()
    clock.advance(seconds=away_s)
    resumed = SimulatedMetaTrader5(SimulatedBroker(clock=clock, prices=GeneratedPrices(1)))
    resumed.broker.load(saved)
    assert resumed.initialize()
    clock.advance(seconds=10)
    last_s = SERVER_S + away_s + 60
    expected = bars_of(mt5, SERVER_S - 600, last_s)
    assert bars_of(resumed, SERVER_S - 600, last_s) == expected
    assert resumed.copy_ticks_from("EURUSD", last_s - 600, 5000, -1).tolist() == (
        mt5.copy_ticks_from("EURUSD", last_s - 600, 5000, -1).tolist()
    )
    assert resumed.symbol_info_tick("EURUSD") == mt5.symbol_info_tick("EURUSD")


@pytest.mark.parametrize("timeframe", sorted(TIMEFRAMES))
def test_bars_of_every_timeframe_are_consistent(timeframe: int) -> None:
    clock, mt5 = opened()
    clock.advance(seconds=300)
    bars = mt5.copy_rates_from_pos("EURUSD", timeframe, 0, 5)
    assert len(bars) == 5
    assert (np.diff(bars["time"]) > 0).all()
    assert (bars["high"] >= np.maximum(bars["open"], bars["close"])).all()
    assert (bars["low"] <= np.minimum(bars["open"], bars["close"])).all()
    assert bars["close"][-1] == mt5.symbol_info_tick("EURUSD").bid
    assert bars["time"][-1] <= mt5.symbol_info_tick("EURUSD").time
    again = mt5.copy_rates_range("EURUSD", timeframe, int(bars["time"][0]), int(bars["time"][-1]))
    assert again.tolist() == bars.tolist()
    earlier = mt5.copy_rates_from("EURUSD", timeframe, int(bars["time"][3]), 2)
    assert earlier.tolist() == bars[2:4].tolist()
    assert mt5.copy_rates_from_pos("EURUSD", timeframe, 1, 3).tolist() == bars[1:4].tolist()


@pytest.mark.parametrize("timeframe", [5, 30, 16385, 16388, 16408, 32769, 49153])
def test_bars_of_a_timeframe_add_up_those_of_a_minute(timeframe: int) -> None:
    _, mt5 = opened(always_open=False)
    bar = mt5.copy_rates_from_pos("XAUUSD", timeframe, 1, 1)[0]
    after = mt5.copy_rates_from_pos("XAUUSD", timeframe, 0, 1)[0]
    minutes = mt5.copy_rates_range("XAUUSD", 1, int(bar["time"]), int(after["time"]) - 1)
    assert bar["tick_volume"] == minutes["tick_volume"].sum()
    assert (bar["high"], bar["low"]) == (minutes["high"].max(), minutes["low"].min())
    assert (bar["open"], bar["close"]) == (minutes["open"][0], minutes["close"][-1])


@pytest.mark.parametrize("always_open", [True, False])
def test_the_day_of_a_symbol_is_its_bar_of_a_day(always_open: bool) -> None:
    clock, mt5 = opened(always_open=always_open)
    for _ in range(3):
        clock.advance(seconds=100)
        info, day = mt5.symbol_info("EURUSD"), mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_D1, 0, 1)[0]
        assert (info.session_open, info.bidhigh, info.bidlow) == (day["open"], day["high"], day["low"])
        assert info.bidlow < info.asklow <= info.askhigh
        assert info.askhigh >= info.bidhigh


def test_bars_of_a_session_follow_the_server_clock_through_daylight_saving() -> None:
    _, mt5 = opened(always_open=False)
    days = mt5.copy_rates_range("EURUSD", mt5.TIMEFRAME_D1, CLOCK_CHANGE_S - 7 * 86_400, CLOCK_CHANGE_S + 7 * 86_400)
    weekdays = (days["time"] // 86_400 + 3) % 7
    assert weekdays.tolist() == [0, 1, 2, 3, 4] * 2
    assert (days["time"] % 86_400 == 0).all()
    minutes = mt5.copy_rates_range("EURUSD", 1, CLOCK_CHANGE_S - 3 * 86_400, CLOCK_CHANGE_S + 86_400)
    shown = minutes["time"] % 86_400 // 60
    assert shown.max() <= 23 * 60 + 58


@pytest.mark.parametrize("change", ["2024-03-10T07:00", "2024-11-03T06:00"])
def test_a_market_that_is_open_while_the_clock_is_changed_has_every_minute_once(change: str) -> None:
    _, mt5 = opened(at_ms=int(np.datetime64("2024-12-01", "ms").astype(np.int64)))
    middle = ServerTime().server_ms(int(np.datetime64(change, "ms").astype(np.int64))) // 1000
    bars = mt5.copy_rates_range("BTCUSD", 1, middle - 4 * 3600, middle + 4 * 3600)
    assert (np.diff(bars["time"]) > 0).all()
    half = mt5.copy_rates_range("BTCUSD", 1, middle - 1800, middle + 4 * 3600)
    assert half.tolist() == bars[bars["time"] >= middle - 1800].tolist()


def test_bars_are_made_of_what_is_set(desk: Desk) -> None:
    desk.clock.advance(seconds=60)
    for bid in (1.0860, 1.0850, 1.0870, 1.0865):
        desk.price("EURUSD", bid, bid + 0.0001)
    bar = desk.mt5.copy_rates_from_pos("EURUSD", 1, 0, 1)[0]
    assert bar.tolist()[1:6] == (1.0860, 1.0870, 1.0850, 1.0865, 4)


def test_a_terminal_gives_no_more_bars_than_its_setting() -> None:
    broker = SimulatedBroker(clock=ManualClock(START), max_bars=10)
    mt5 = SimulatedMetaTrader5(broker)
    assert mt5.initialize()
    assert mt5.terminal_info().maxbars == 10
    assert len(mt5.copy_rates_from_pos("EURUSD", 1, 0, 100)) == 10
    assert len(mt5.copy_rates_from("EURUSD", 1, SERVER_S, 100)) == 10
    assert len(bars_of(mt5, SERVER_S - 7200, SERVER_S)) == 10


def test_arrays_have_the_genuine_layout(desk: Desk) -> None:
    rates = desk.mt5.copy_rates_from_pos("EURUSD", desk.mt5.TIMEFRAME_M5, 0, 10)
    tick_array = desk.mt5.copy_ticks_from("EURUSD", 0, 10, desk.mt5.COPY_TICKS_ALL)
    assert rates.dtype.itemsize == tick_array.dtype.itemsize == 60
    assert rates.dtype.names == ("time", "open", "high", "low", "close", "tick_volume", "spread", "real_volume")
    with pytest.raises(ValueError, match="read-only"):
        rates["open"] = 0.0
