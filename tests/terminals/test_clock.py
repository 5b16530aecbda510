"""The broker's clock is found from a fresh tick and taken off every time."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.simulator import ServerTime
from reference_server.terminals.adapter.clock import BrokerClock

HOUR = 3_600_000
JUNE = int(datetime(2026, 6, 3, 10, tzinfo=UTC).timestamp()) * 1000
JANUARY = int(datetime(2026, 1, 7, 10, tzinfo=UTC).timestamp()) * 1000


@pytest.mark.parametrize("offset_ms", [0, 3 * HOUR, -5 * HOUR, 5 * HOUR + HOUR // 2, 5 * HOUR + 3 * HOUR // 4])
@pytest.mark.parametrize("delay_ms", [0, 800, -800, 30_000])
def test_the_offset_is_a_whole_quarter_of_an_hour(offset_ms: int, delay_ms: int) -> None:
    clock = BrokerClock()
    clock.observe(JUNE + offset_ms - delay_ms, JUNE)
    assert clock.to_utc_ms(JUNE + offset_ms) == JUNE
    assert clock.to_server_ms(JUNE) == JUNE + offset_ms


def test_the_usual_rule_follows_daylight_saving() -> None:
    clock = BrokerClock()
    clock.observe(JUNE + 3 * HOUR, JUNE)
    assert clock.to_utc_ms(JANUARY + 2 * HOUR) == JANUARY


def test_a_fixed_offset_stays_in_winter() -> None:
    clock = BrokerClock()
    clock.observe(JUNE + HOUR, JUNE)
    assert clock.to_utc_ms(JANUARY + HOUR) == JANUARY


@pytest.mark.parametrize("age_ms", [7 * 60_000, 40 * HOUR, 4 * 24 * HOUR])
def test_a_stale_tick_teaches_nothing(age_ms: int) -> None:
    clock = BrokerClock()
    clock.observe(JUNE + 3 * HOUR - age_ms, JUNE)
    assert clock.to_utc_ms(JUNE + 3 * HOUR) == JUNE


def test_an_offset_once_seen_is_kept_for_a_day() -> None:
    clock = BrokerClock()
    clock.observe(JUNE, JUNE)
    clock.observe(JUNE + 2 * HOUR, JUNE + HOUR)
    assert clock.to_server_ms(JUNE) == JUNE
    clock.observe(JUNE + 26 * HOUR, JUNE + 25 * HOUR)
    assert clock.to_server_ms(JUNE) == JUNE + HOUR


def test_an_offset_of_a_tick_that_was_there_before_gives_way_to_one_that_came() -> None:
    clock = BrokerClock()
    clock.observe(JUNE + 2 * HOUR, JUNE, certain=False)
    clock.observe(JUNE + 3 * HOUR, JUNE + 1)
    assert clock.to_server_ms(JUNE) == JUNE + 3 * HOUR


def test_an_override_ends_all_guessing() -> None:
    clock = BrokerClock(override_ms=HOUR)
    clock.observe(JUNE + 3 * HOUR, JUNE)
    assert clock.to_utc_ms(JUNE) == JUNE - HOUR


@given(st.integers(JANUARY, JANUARY + 2 * 365 * 24 * HOUR))
def test_there_and_back_is_the_same_moment_but_for_the_repeated_hour(utc_ms: int) -> None:
    clock, truth = BrokerClock(), ServerTime()
    server_ms = truth.server_ms(utc_ms)
    assert clock.to_server_ms(utc_ms) == server_ms
    assert clock.to_utc_ms(server_ms) - utc_ms in (0, -HOUR)
    assert clock.to_server_ms(clock.to_utc_ms(server_ms)) == server_ms
