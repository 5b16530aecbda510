"""A server's clock as a rule."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.simulator import ServerTime
from reference_server.terminals.adapter.zones import HOUR_MS, NEW_YORK_CLOSE, ServerZone


def utc(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=UTC).timestamp()) * 1000  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("text", "winter", "summer"),
    [
        ("UTC", 0, 0),
        ("UTC+3", 3, 3),
        ("UTC-5", -5, -5),
        ("UTC+5:30", 5.5, 5.5),
        ("America/New_York+7", 2, 3),
        ("Europe/Athens", 2, 3),
        (" Europe/London+1 ", 1, 2),
    ],
)
def test_a_zone_is_read_as_it_is_written(text: str, winter: float, summer: float) -> None:
    zone = ServerZone.parse(text)
    assert zone.offset_at_utc(utc(2026, 1, 7)) == winter * HOUR_MS
    assert zone.offset_at_utc(utc(2026, 7, 7)) == summer * HOUR_MS


@pytest.mark.parametrize("text", ["", "+3", "3", "Mars/Base", "UTC+3:60", "UTC+x", "Europe/Athens+7h", "/etc/passwd"])
def test_what_is_no_zone_says_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match="write one like UTC\\+3, Europe/Athens"):
        ServerZone.parse(text)


@pytest.mark.parametrize(
    ("zone", "changes_at_utc"),
    [
        ("America/New_York+7", [(2026, 3, 8, 7), (2026, 11, 1, 6)]),
        ("Europe/Athens", [(2026, 3, 29, 1), (2026, 10, 25, 1)]),
    ],
)
def test_the_offset_changes_on_the_dates_of_the_zone(zone: str, changes_at_utc: list[tuple[int, ...]]) -> None:
    for moment in changes_at_utc:
        rule = ServerZone.parse(zone)
        assert abs(rule.offset_at_utc(utc(*moment)) - rule.offset_at_utc(utc(*moment) - 1000)) == HOUR_MS


@given(
    st.integers(utc(2024, 1, 1), utc(2028, 1, 1)),
    st.sampled_from([("America/New_York", 7), ("Europe/Athens", 0), ("UTC", 3), ("Europe/Berlin", 1)]),
)
def test_there_and_back_is_the_same_moment_but_for_the_repeated_hour(utc_ms: int, keeps: tuple[str, int]) -> None:
    zone, hours = keeps
    rule, truth = ServerZone(zone, hours * HOUR_MS), ServerTime(zone, shift_hours=hours)
    server_ms = truth.server_ms(utc_ms)
    assert utc_ms + rule.offset_at_utc(utc_ms) == server_ms
    back_ms = server_ms - rule.offset_at_server(server_ms)
    assert back_ms - utc_ms in (0, -HOUR_MS)
    assert back_ms + rule.offset_at_utc(back_ms) == server_ms


def test_the_usual_rule_ends_the_day_at_five_in_new_york() -> None:
    assert NEW_YORK_CLOSE.offset_at_utc(utc(2026, 1, 6, 22)) == 2 * HOUR_MS
    assert (utc(2026, 1, 6, 22) + 2 * HOUR_MS) % (24 * HOUR_MS) == 0
