"""Sessions are what bars show of three weeks: whatever one week lacks another has, and too few bars tell nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.domain.account import Mt5Credentials
from reference_server.domain.market import Session
from reference_server.simulator import GeneratedPrices, SimulatedBroker, SimulatedMetaTrader5
from reference_server.terminals.adapter.adapter import MetaTraderAdapter
from reference_server.terminals.adapter.bars import FIRST_SUNDAY, WEEK_SECONDS
from reference_server.terminals.adapter.sessions import is_within, sessions_of
from tests.terminals.fakes import MONDAY_MS, HandClock, HandMadeModule

QUARTER = 900
SUNDAY = FIRST_SUNDAY + 2800 * WEEK_SECONDS
NOW = SUNDAY + 2 * 86_400
"""A Tuesday of the server."""


def week(first: int, last: int, start: int = SUNDAY) -> list[int]:
    """Bars from one quarter of a server's week until before another."""
    return [start + quarter * QUARTER for quarter in range(first, last)]


def weeks(first: int, last: int) -> list[int]:
    return [at for back in (3, 2, 1) for at in week(first, last, SUNDAY - back * WEEK_SECONDS)]


def test_adjacent_quarters_are_one_session_in_utc() -> None:
    monday_to_friday = weeks(96, 6 * 96)
    assert sessions_of(monday_to_friday, NOW, 0) == (Session(1440, 6 * 1440),)
    assert sessions_of(monday_to_friday, NOW, 3 * 3600) == (Session(1440 - 180, 6 * 1440 - 180),)


def test_a_market_that_never_closes_is_one_session() -> None:
    assert sessions_of(weeks(0, 672), NOW, 2 * 3600) == (Session(0, 10_080),)


def test_a_break_parts_sessions_and_one_may_pass_the_end_of_the_week() -> None:
    openings = weeks(0, 4) + weeks(8, 12) + weeks(670, 672)
    assert sessions_of(openings, NOW, 0) == (Session(120, 180), Session(670 * 15, 672 * 15 + 60))


def test_a_holiday_does_not_shorten_a_session() -> None:
    openings = [at for at in weeks(96, 576) if not SUNDAY - WEEK_SECONDS <= at < SUNDAY - WEEK_SECONDS + 2 * 86_400]
    assert sessions_of(openings, NOW, 0) == (Session(1440, 6 * 1440),)


@pytest.mark.parametrize(
    "openings", [[], week(96, 192), week(300, 576, SUNDAY - WEEK_SECONDS) + week(96, 192), [NOW - 5 * WEEK_SECONDS]]
)
def test_too_few_bars_tell_nothing(openings: list[int]) -> None:
    assert sessions_of(openings, NOW, 0) is None


@given(
    traded=st.sets(st.integers(0, 671), min_size=1),
    offset=st.sampled_from([-5 * 3600, 0, 5400, 3 * 3600]),
    at=st.integers(0, 671),
)
def test_a_moment_is_within_exactly_where_there_were_bars(traded: set[int], offset: int, at: int) -> None:
    openings = [SUNDAY - back * WEEK_SECONDS + quarter * QUARTER for quarter in traded for back in (1, 2, 3)]
    sessions = sessions_of(openings, NOW, offset)
    assert sessions is not None
    utc_ms = (SUNDAY + at * QUARTER - offset) * 1000
    assert is_within(sessions, utc_ms) == (at in traded)
    assert sum(session.to_minute - session.from_minute for session in sessions) == 15 * len(traded)


def test_a_simulated_pair_trades_from_sunday_to_friday_evening_in_new_york(clock: HandClock) -> None:
    broker = SimulatedBroker(clock=clock, prices=GeneratedPrices(1), always_open=False)
    adapter = MetaTraderAdapter(SimulatedMetaTrader5(broker), clock)
    adapter.login(Mt5Credentials("7", "x", "Sim-Demo"))
    sessions = adapter.specification("EURUSD").sessions
    assert sessions is not None
    assert (sessions[0].from_minute, sessions[-1].to_minute) == (21 * 60, 5 * 1440 + 21 * 60)
    assert is_within(sessions, MONDAY_MS)
    assert not is_within(sessions, MONDAY_MS - 36 * 3_600_000)


def test_bars_are_not_read_again_for_hours_and_after_a_failure_for_a_minute(
    module: HandMadeModule, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = MetaTraderAdapter(module, clock)
    adapter.login(Mt5Credentials("7", "x", "Hand-Made"))
    reads: list[int] = []
    read = module.copy_rates_from_pos

    def counted(*asked: Any) -> Any:
        reads.append(clock.ms)
        return read(*asked)

    monkeypatch.setattr(module, "copy_rates_from_pos", counted)
    for _ in range(50):
        assert adapter.specification("EURUSD").sessions is None
        clock.ms += 2000
    assert len(reads) == 2


def test_the_value_of_a_tick_is_at_most_seconds_old(module: HandMadeModule, clock: HandClock) -> None:
    adapter = MetaTraderAdapter(module, clock)
    adapter.login(Mt5Credentials("7", "x", "Hand-Made"))
    assert adapter.specification("EURUSD").tick_value == 1.0
    module.symbol["trade_tick_value"] = 1.25
    assert adapter.specification("EURUSD").tick_value == 1.0
    clock.ms += 2000
    assert adapter.specification("EURUSD").tick_value == 1.25


@pytest.mark.parametrize(
    ("mask", "execution", "modes"),
    [
        (1, 2, ("fok",)),
        (2, 2, ("ioc",)),
        (7, 2, ("fok", "ioc", "boc")),
        (1, 3, ("fok", "return")),
        (0, 1, ("fok", "ioc", "return")),
    ],
)
def test_filling_modes_follow_the_mask_and_the_execution(
    clock: HandClock, mask: int, execution: int, modes: tuple[str, ...]
) -> None:
    adapter = MetaTraderAdapter(HandMadeModule(filling_mode=mask, trade_exemode=execution), clock)
    adapter.login(Mt5Credentials("7", "x", "Hand-Made"))
    assert adapter.specification("EURUSD").filling_modes == modes
