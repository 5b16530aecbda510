"""The broker's clock is found from fresh ticks of two symbols, as a rule, and taken off every time."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_server.domain.account import Mt5Credentials
from reference_server.simulator import ManualPrices, ServerTime, SimulatedBroker, SimulatedMetaTrader5
from reference_server.terminals.adapter.adapter import MetaTraderAdapter
from reference_server.terminals.adapter.clock import BrokerClock
from reference_server.terminals.adapter.zones import ServerZone
from reference_server.terminals.polling.clockwork import ClockFollower
from tests.terminals.fakes import HandClock

HOUR = 3_600_000
DAY = 24 * HOUR
JUNE = int(datetime(2026, 6, 3, 10, tzinfo=UTC).timestamp()) * 1000
JANUARY = int(datetime(2026, 1, 7, 10, tzinfo=UTC).timestamp()) * 1000
BETWEEN_US_AND_EU = int(datetime(2026, 3, 17, 10, tzinfo=UTC).timestamp()) * 1000
SATURDAY = int(datetime(2026, 6, 6, 14, tzinfo=UTC).timestamp()) * 1000


def see(clock: BrokerClock, offset_ms: int, at_ms: int, *, late_ms: int = 0) -> None:
    """Show fresh ticks of two symbols."""
    for symbol in ("EURUSD", "GBPUSD"):
        clock.observe(symbol, at_ms + offset_ms - late_ms, at_ms)


@pytest.mark.parametrize("offset_ms", [0, 3 * HOUR, -5 * HOUR, 5 * HOUR + HOUR // 2, 5 * HOUR + 3 * HOUR // 4])
@pytest.mark.parametrize("late_ms", [0, 800, -800, 30_000, 240_000])
def test_the_offset_is_a_whole_quarter_of_an_hour(offset_ms: int, late_ms: int) -> None:
    clock = BrokerClock()
    see(clock, offset_ms, JUNE, late_ms=late_ms)
    assert clock.is_known
    assert clock.to_utc_ms(JUNE + offset_ms) == JUNE
    assert clock.to_server_ms(JUNE) == JUNE + offset_ms


def test_one_symbol_alone_is_used_and_not_yet_believed() -> None:
    clock = BrokerClock()
    for second in range(10):
        clock.observe("EURUSD", JUNE + HOUR + second * 1000, JUNE + second * 1000)
    assert clock.to_server_ms(JUNE) == JUNE + HOUR
    assert not clock.is_known


def test_two_symbols_that_disagree_confirm_nothing() -> None:
    clock = BrokerClock()
    see(clock, 3 * HOUR, JUNE)
    clock.observe("EURUSD", JUNE + 2 * HOUR, JUNE)
    clock.observe("GBPUSD", JUNE + HOUR, JUNE)
    clock.observe("USDJPY", JUNE + HOUR + 30 * 60_000, JUNE + 30 * 60_000)
    assert clock.to_server_ms(JUNE) == JUNE + 3 * HOUR


@pytest.mark.parametrize(
    ("seen", "zone"),
    [
        ({JUNE: 3}, "America/New_York+7"),
        ({JANUARY: 2}, "America/New_York+7"),
        ({BETWEEN_US_AND_EU: 3}, "America/New_York+7"),
        ({BETWEEN_US_AND_EU: 2}, "Europe/Athens"),
        ({JUNE: 2}, "Europe/Berlin"),
        ({JANUARY: 3}, "UTC+3"),
        ({JANUARY: 3, JUNE: 3}, "UTC+3"),
        ({JANUARY: 2, BETWEEN_US_AND_EU: 2}, "Europe/Athens"),
        ({JANUARY: 0}, "Europe/London"),
        ({JANUARY: 0, JUNE: 0}, "UTC"),
        ({JANUARY: 7, JANUARY + DAY: 2}, "America/New_York+7"),
    ],
)
def test_the_rule_is_the_likeliest_that_explains_what_was_seen(seen: dict[int, int], zone: str) -> None:
    clock = BrokerClock()
    for at_ms, hours in seen.items():
        see(clock, hours * HOUR, at_ms)
    assert clock.zone == ServerZone.parse(zone)


def test_a_bar_of_january_that_is_read_in_june_has_the_offset_of_january() -> None:
    clock = BrokerClock()
    see(clock, 3 * HOUR, JUNE)
    assert clock.to_utc_ms(JANUARY + 2 * HOUR) == JANUARY


@pytest.mark.parametrize("age_ms", [7 * 60_000, 40 * HOUR, 4 * DAY])
def test_a_stale_tick_at_login_is_no_hint(age_ms: int) -> None:
    clock = BrokerClock()
    clock.hint(JUNE + HOUR - age_ms, JUNE)
    assert clock.to_utc_ms(JUNE + 3 * HOUR) == JUNE


def test_a_tick_at_login_is_a_hint_on_a_weekday_and_never_at_a_weekend() -> None:
    clock = BrokerClock()
    clock.hint(SATURDAY - 5 * HOUR, SATURDAY)
    assert clock.to_server_ms(SATURDAY) == SATURDAY + 3 * HOUR
    clock.hint(JUNE + HOUR, JUNE)
    assert clock.to_server_ms(JUNE) == JUNE + HOUR
    assert not clock.is_known
    see(clock, 2 * HOUR, JUNE)
    clock.hint(JUNE + HOUR, JUNE)
    assert clock.to_server_ms(JUNE) == JUNE + 2 * HOUR


def test_a_zone_of_the_settings_ends_all_guessing() -> None:
    clock = BrokerClock(zone=ServerZone.parse("UTC+1"))
    see(clock, 3 * HOUR, JUNE)
    clock.hint(JUNE + 3 * HOUR, JUNE)
    assert clock.to_utc_ms(JUNE) == JUNE - HOUR


class Watched:
    """A simulated broker with a clock of its own, and the follower of its clock."""

    def __init__(self, zone: str, shift_hours: float, start_ms: int) -> None:
        self.clock = HandClock(start_ms)
        self.truth = ServerTime(zone, shift_hours=shift_hours)
        self.broker = SimulatedBroker(clock=self.clock, prices=ManualPrices(), server_time=self.truth)
        self.adapter = MetaTraderAdapter(SimulatedMetaTrader5(self.broker), self.clock)
        self.adapter.login(Mt5Credentials("1", "x", "Sim-Demo"))
        self.follower = ClockFollower(self.adapter)

    def run(self, seconds: int, *, ticks: bool = True) -> None:
        """Let time pass with polls, in seconds; every symbol ticks in each, or none does."""
        for _ in range(seconds):
            self.clock.ms += 1000
            if ticks:
                for symbol in ("EURUSD", "GBPUSD"):
                    wiggle = self.clock.ms // 1000 % 2 / 10_000
                    self.broker.set_price(symbol, 1.1 + wiggle, 1.1001 + wiggle)
            self.follower.poll()

    def error_ms(self, utc_ms: int) -> int:
        return self.adapter.broker_clock.to_utc_ms(self.truth.server_ms(utc_ms)) - utc_ms


@pytest.mark.parametrize(("zone", "shift"), [("America/New_York", 7), ("UTC", 0), ("Europe/Athens", 0), ("UTC", 5.5)])
def test_the_clock_is_found_within_seconds_of_ticks(zone: str, shift: float) -> None:
    watched = Watched(zone, shift, JUNE)
    watched.run(6)
    assert watched.adapter.broker_clock.is_known
    assert watched.error_ms(watched.clock.ms) == 0


def test_nothing_is_learned_while_no_tick_comes() -> None:
    watched = Watched("UTC", 0, SATURDAY)
    watched.run(400, ticks=False)
    assert watched.error_ms(watched.clock.ms) != 0, "a guess"
    watched.run(250)
    assert watched.adapter.broker_clock.is_known
    assert watched.error_ms(watched.clock.ms) == 0


@pytest.mark.parametrize(
    ("zone", "shift", "before"),
    [
        ("America/New_York", 7, datetime(2026, 3, 7, tzinfo=UTC)),
        ("America/New_York", 7, datetime(2026, 10, 31, tzinfo=UTC)),
        ("Europe/Athens", 0, datetime(2026, 3, 7, tzinfo=UTC)),
        ("Europe/Athens", 0, datetime(2026, 3, 28, tzinfo=UTC)),
        ("Europe/Athens", 0, datetime(2026, 10, 24, tzinfo=UTC)),
        ("Europe/Athens", 0, datetime(2026, 10, 31, tzinfo=UTC)),
        ("UTC", 3, datetime(2026, 10, 31, tzinfo=UTC)),
    ],
)
def test_daylight_saving_is_noticed_within_an_hour_of_ticks(zone: str, shift: float, before: datetime) -> None:
    """From the day before a change to the day after it, and then everything since is converted rightly."""
    start_ms = int(before.timestamp()) * 1000
    watched = Watched(zone, shift, start_ms)
    for _ in range(72):
        watched.run(10)
        watched.clock.ms += HOUR - 10_000
    watched.run(10)
    assert watched.error_ms(watched.clock.ms) == 0
    assert watched.error_ms(start_ms + HOUR) == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(JANUARY, JANUARY + 365 * DAY), st.sampled_from([("America/New_York", 7), ("Europe/Athens", 0)]))
def test_once_a_year_was_seen_every_moment_of_it_is_converted(utc_ms: int, keeps: tuple[str, int]) -> None:
    truth = ServerTime(keeps[0], shift_hours=keeps[1])
    clock = BrokerClock()
    for day in range(0, 365, 3):
        at_ms = JANUARY + day * DAY
        see(clock, truth.offset_ms(at_ms), at_ms)
    assert clock.to_utc_ms(truth.server_ms(utc_ms)) - utc_ms in (0, -HOUR)
