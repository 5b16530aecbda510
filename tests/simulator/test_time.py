"""Clocks, and the server's clock through the changes of daylight saving."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.simulator import (
    ManualClock,
    ScaledClock,
    ServerTime,
    SimulatedBroker,
    SimulatedMetaTrader5,
    SystemClock,
)
from tests.simulator.conftest import Desk

HOUR_MS = 3_600_000
DEFAULT, ATHENS, FIXED = ServerTime(), ServerTime("Europe/Athens", shift_hours=0), ServerTime("UTC", shift_hours=3)
LORD_HOWE = ServerTime("Australia/Lord_Howe", shift_hours=0)  # changes by half an hour, on half an hour of UTC
MOMENTS = st.integers(1_300_000_000_000, 2_000_000_000_000)


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def test_times_are_the_servers_wall_clock(desk: Desk) -> None:
    assert desk.mt5.symbol_info_tick("EURUSD").time_msc - desk.clock.now_ms() == 3 * HOUR_MS


@pytest.mark.parametrize(
    ("server", "utc", "hours"),
    [
        (DEFAULT, "2024-03-10T06:59:59", 2),
        (DEFAULT, "2024-03-10T07:00:00", 3),
        (DEFAULT, "2024-11-03T05:59:59", 3),
        (DEFAULT, "2024-11-03T06:00:00", 2),
        (ATHENS, "2024-03-10T07:00:00", 2),
        (ATHENS, "2024-03-31T00:59:59", 2),
        (ATHENS, "2024-03-31T01:00:00", 3),
        (ATHENS, "2024-10-27T00:59:59", 3),
        (ATHENS, "2024-10-27T01:00:00", 2),
        (FIXED, "2024-01-01T00:00:00", 3),
        (FIXED, "2024-07-01T00:00:00", 3),
        (LORD_HOWE, "2024-04-06T14:59:59", 11),
        (LORD_HOWE, "2024-04-06T15:00:00", 10.5),
    ],
)
def test_the_server_clock_changes_on_the_dates_of_its_rule(server: ServerTime, utc: str, hours: float) -> None:
    assert server.offset_ms(at(utc)) == hours * HOUR_MS
    assert server.offsets_ms(np.array([at(utc)])).tolist() == [hours * HOUR_MS]


@pytest.mark.parametrize("server", [DEFAULT, ATHENS, FIXED, LORD_HOWE])
@given(utc_ms=MOMENTS)
def test_server_time_and_back(server: ServerTime, utc_ms: int) -> None:
    back = server.utc_ms(server.server_ms(utc_ms))
    assert back == utc_ms or abs(back - utc_ms) <= HOUR_MS
    assert server.offset_ms(back) != server.offset_ms(utc_ms) or back == utc_ms


@pytest.mark.parametrize("server", [DEFAULT, ATHENS, ServerTime("Africa/Casablanca", shift_hours=0)])
@given(moments=st.lists(MOMENTS, max_size=20))
def test_a_column_of_moments_is_converted_like_each(server: ServerTime, moments: list[int]) -> None:
    column = np.array(sorted(moments), dtype=np.int64)
    assert server.offsets_ms(column).tolist() == [server.offset_ms(moment) for moment in sorted(moments)]
    assert server.all_utc_ms(column).tolist() == [server.utc_ms(moment) for moment in sorted(moments)]


@given(utc_ms=st.integers(at("2024-11-02T00:00:00"), at("2024-11-04T00:00:00")), length=st.integers(1, 10**7))
def test_a_span_of_the_server_clock_holds_every_moment_that_it_shows(utc_ms: int, length: int) -> None:
    shown = DEFAULT.server_ms(utc_ms)
    first, end = DEFAULT.utc_span(shown, shown + length)
    assert first <= utc_ms < end


def test_no_such_zone() -> None:
    with pytest.raises(ValueError, match="'Atlantis/Sunken' is no time zone"):
        ServerTime("Atlantis/Sunken")


def test_a_clock_that_is_moved_by_hand() -> None:
    clock = ManualClock(1000)
    clock.advance(seconds=1.5, milliseconds=2)
    assert clock.now_ms() == 2502
    with pytest.raises(ValueError, match="forward only"):
        clock.advance(milliseconds=-1)


def test_a_fast_clock_begins_where_it_is_told_and_passes_the_machines() -> None:
    fast, slow = ScaledClock(1000.0, start_ms=5), ScaledClock(1e-9, start_ms=5)
    until = SystemClock().now_ms() + 20
    while SystemClock().now_ms() < until:
        assert fast.now_ms() >= 5
    assert fast.now_ms() >= 15_000
    assert slow.now_ms() == 5
    assert abs(ScaledClock(2.0).now_ms() - SystemClock().now_ms()) < 60_000


def test_a_broker_on_a_fast_clock_lives_days_in_a_moment() -> None:
    start = at("2024-06-03T10:00:00")
    mt5 = SimulatedMetaTrader5(SimulatedBroker(clock=ScaledClock(10_000_000.0, start_ms=start)))
    assert mt5.initialize()
    seen = [mt5.symbol_info_tick("EURUSD").time_msc]
    while seen[-1] < start + 5 * 86_400_000:
        seen.append(mt5.symbol_info_tick("EURUSD").time_msc)
    assert seen == sorted(seen)
    days = mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_D1, 0, 4)
    assert np.diff(days["time"]).tolist() == [86_400] * 3


@pytest.mark.parametrize("factor", [0.0, -1.0, float("inf"), float("nan")])
def test_a_clock_does_not_stand_or_run_back(factor: float) -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        ScaledClock(factor)
