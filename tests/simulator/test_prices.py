"""Prices: deterministic, never crossed, bounded in memory; bars and ticks made of them; the server's clock."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_server.simulator import (
    GeneratedPrices,
    ManualClock,
    ReplayedPrices,
    ServerTime,
    SimulatedBroker,
    SimulatedMetaTrader5,
    load_symbols,
)
from reference_server.simulator.market.bars import TIMEFRAMES
from tests.simulator.conftest import Desk

START = 1_717_408_800_000


def moving(seed: int = 1) -> tuple[ManualClock, SimulatedMetaTrader5]:
    """A terminal on generated prices."""
    clock = ManualClock(START)
    mt5 = SimulatedMetaTrader5(SimulatedBroker(clock=clock, prices=GeneratedPrices(seed)))
    assert mt5.initialize()
    return clock, mt5


def ticks(mt5: SimulatedMetaTrader5, symbol: str = "EURUSD") -> list[tuple[object, ...]]:
    since = ServerTime().server_ms(START) // 1000
    found: list[tuple[object, ...]] = mt5.copy_ticks_from(symbol, since, 10_000, mt5.COPY_TICKS_ALL).tolist()
    return found


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 30_000), min_size=1, max_size=4))
def test_ticks_do_not_depend_on_how_often_one_looks(steps: list[int]) -> None:
    clock, often = moving()
    for step in steps:
        clock.advance(milliseconds=step)
        often.symbol_info_tick("EURUSD")
    other, once = moving()
    other.advance(milliseconds=sum(steps))
    assert ticks(often) == ticks(once)


def test_another_seed_is_another_market() -> None:
    assert moving(1)[1].symbol_info_tick("EURUSD") != moving(2)[1].symbol_info_tick("EURUSD")


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32), st.integers(START, START + 10**11))
def test_generated_prices_are_positive_and_never_crossed(seed: int, at_ms: int) -> None:
    source = GeneratedPrices(seed)
    for symbol in load_symbols():
        points = source.points(symbol, at_ms, at_ms + 60_000)
        assert points
        assert [point.time_ms for point in points] == sorted(point.time_ms for point in points)
        assert all(0 < point.bid < point.ask for point in points)
        assert all(point.bid == round(point.bid, symbol.digits) for point in points)
        assert abs(points[0].bid / symbol.mid_price - 1) < 0.6


def test_ticks_are_a_few_per_second_and_bounded() -> None:
    clock, mt5 = moving()
    clock.advance(seconds=60)
    assert 60 <= len(ticks(mt5)) <= 300
    for _ in range(16):
        clock.advance(seconds=120)
        mt5.symbol_info_tick("EURUSD")
    quote = mt5.broker.market.quotes["EURUSD"]
    assert len(quote.recent) == 4096 < len(ticks(mt5))


def test_a_long_silence_is_played_within_bounds() -> None:
    clock, mt5 = moving()
    clock.advance(seconds=40 * 86_400)
    tick = mt5.symbol_info_tick("EURUSD")
    now = ServerTime().server_ms(clock.now_ms())
    assert now - 5_000 < tick.time_msc <= now


def test_times_are_the_servers_wall_clock(desk: Desk) -> None:
    assert desk.mt5.symbol_info_tick("EURUSD").time_msc - desk.clock.now_ms() == 3 * 3_600_000


@pytest.mark.parametrize(
    ("utc", "hours"),
    [
        ("2024-03-10T06:59:59", 2),
        ("2024-03-10T07:00:00", 3),
        ("2024-11-03T05:59:59", 3),
        ("2024-11-03T06:00:00", 2),
    ],
)
def test_the_server_clock_changes_with_new_york(utc: str, hours: int) -> None:
    utc_ms = int(np.datetime64(utc, "ms").astype(np.int64))
    assert ServerTime().offset_ms(utc_ms) == hours * 3_600_000


@given(st.integers(1_600_000_000_000, 1_900_000_000_000))
def test_server_time_and_back(utc_ms: int) -> None:
    server = ServerTime()
    back = server.utc_ms(server.server_ms(utc_ms))
    assert back == utc_ms or abs(back - utc_ms) == 3_600_000


def test_arrays_have_the_genuine_layout(desk: Desk) -> None:
    rates = desk.mt5.copy_rates_from_pos("EURUSD", desk.mt5.TIMEFRAME_M5, 0, 10)
    tick_array = desk.mt5.copy_ticks_from("EURUSD", 0, 10, desk.mt5.COPY_TICKS_ALL)
    assert rates.dtype.itemsize == tick_array.dtype.itemsize == 60
    assert rates.dtype.names == ("time", "open", "high", "low", "close", "tick_volume", "spread", "real_volume")
    with pytest.raises(ValueError, match="read-only"):
        rates["open"] = 0.0


@pytest.mark.parametrize("timeframe", sorted(TIMEFRAMES))
def test_bars_of_every_timeframe_are_consistent(timeframe: int) -> None:
    clock, mt5 = moving()
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


def test_bars_are_made_of_the_ticks(desk: Desk) -> None:
    desk.clock.advance(seconds=60)
    for bid in (1.0860, 1.0850, 1.0870, 1.0865):
        desk.price("EURUSD", bid, bid + 0.0001)
    bar = desk.mt5.copy_rates_from_pos("EURUSD", 1, 0, 1)[0]
    assert bar.tolist()[1:6] == (1.0860, 1.0870, 1.0850, 1.0865, 4)


def test_questions_without_an_answer(desk: Desk) -> None:
    mt5 = desk.mt5
    assert mt5.copy_rates_from_pos("EURUSD", 7, 0, 1) is None
    assert mt5.last_error() == (-2, "Terminal: Invalid params")
    assert mt5.copy_rates_from_pos("NOPE", 1, 0, 1) is None
    assert mt5.last_error() == (-4, "Terminal: Not found")
    assert mt5.copy_rates_range("EURUSD", 1, 0, 1) is None
    assert mt5.last_error() == (-1, "Terminal: Call failed")
    with pytest.raises(SystemError):
        mt5.copy_rates_from_pos("EURUSD", "M1", 0, 1)


def test_a_moved_symbol_stays_where_it_was_put() -> None:
    clock, mt5 = moving()
    mt5.broker.set_price("EURUSD", 1.5, 1.5001)
    clock.advance(seconds=30)
    assert mt5.symbol_info_tick("EURUSD").bid == 1.5
    mt5.broker.market.release("EURUSD")
    clock.advance(seconds=30)
    assert mt5.symbol_info_tick("EURUSD").bid != 1.5
    with pytest.raises(ValueError, match="no price"):
        mt5.broker.set_price("EURUSD", 1.2, 1.1)


def test_ticks_of_a_file_are_replayed(tmp_path: Path) -> None:
    file = tmp_path / "ticks.csv"
    file.write_text("time_ms,symbol,bid,ask\n1000,EURUSD,1.1,1.1001\n2000,EURUSD,1.2,1.2001\n2500,GBPUSD,1.3,1.3001\n")
    clock = ManualClock(START)
    mt5 = SimulatedMetaTrader5(SimulatedBroker(clock=clock, prices=ReplayedPrices(file, starting_ms=START)))
    mt5.initialize()
    assert mt5.symbol_info_tick("EURUSD").bid == 1.1
    clock.advance(milliseconds=999)
    assert mt5.symbol_info_tick("EURUSD").bid == 1.1
    clock.advance(milliseconds=1)
    assert mt5.symbol_info_tick("EURUSD").bid == 1.2
    file.write_text("time_ms,symbol,bid,ask\n1000,EURUSD,1.1,1.0\n")
    with pytest.raises(ValueError, match="row 2"):
        ReplayedPrices(file)


def test_following_the_sessions_nothing_moves_on_a_weekend() -> None:
    clock = ManualClock(1_717_848_000_000)
    mt5 = SimulatedMetaTrader5(SimulatedBroker(clock=clock, always_open=False))
    mt5.initialize()
    before = mt5.symbol_info_tick("EURUSD"), mt5.symbol_info_tick("BTCUSD")
    clock.advance(seconds=60)
    assert mt5.symbol_info_tick("EURUSD") == before[0]
    assert mt5.symbol_info_tick("BTCUSD") != before[1]
    days = mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_D1, 0, 5)["time"] // 86_400
    assert set(((days + 3) % 7).tolist()[:-1]) <= set(range(5))


def test_spreads_are_wide_around_the_servers_midnight() -> None:
    source, euro = GeneratedPrices(), load_symbols()[0]
    midnight = ServerTime().utc_ms(1_717_459_200_000)
    day, night = (source.points(euro, at, at + 60_000) for at in (midnight - 3_600_000, midnight))
    assert max(point.ask - point.bid for point in day) < min(point.ask - point.bid for point in night)
