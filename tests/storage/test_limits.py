"""A minute's requests at once, then one every 60/N seconds."""

from __future__ import annotations

from typing import Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.storage.limits import SteadyLimiter


class MovableClock(Protocol):
    seconds: float

    def now_ms(self) -> int: ...

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class Steps:
    """A clock for one generated example: fixtures are shared by all examples of a test."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now_ms(self) -> int:
        return int(self.seconds * 1000)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


pauses = st.lists(st.one_of(st.just(0.0), st.floats(0, 0.5), st.floats(0, 90)), max_size=200)


@given(st.integers(1, 12), pauses)
def test_any_span_holds_at_most_one_bucket_and_what_refilled_meanwhile(limit: int, steps: list[float]) -> None:
    clock = Steps()
    limiter = SteadyLimiter(clock)
    accepted: list[float] = []
    for pause in steps:
        clock.seconds += pause
        decision = limiter.hit("someone", limit)
        assert 0 <= decision.remaining < limit
        assert 0 < decision.reset_seconds <= 60
        if decision.allowed:
            accepted.append(clock.seconds)
    for start in range(len(accepted)):
        for end in range(start, len(accepted)):
            seconds = accepted[end] - accepted[start]
            assert end - start + 1 <= limit + seconds * limit / 60 + 0.01


@given(st.integers(1, 600), st.floats(0, 1e8))
def test_a_whole_minutes_requests_are_served_at_once_and_no_more(limit: int, start: float) -> None:
    clock = Steps()
    clock.seconds = start
    limiter = SteadyLimiter(clock)
    decisions = [limiter.hit("someone", limit) for _ in range(limit + 1)]
    assert [decision.allowed for decision in decisions] == [True] * limit + [False]
    assert [decision.remaining for decision in decisions] == [*reversed(range(limit)), 0]
    assert decisions[-1].reset_seconds == pytest.approx(60 / limit, abs=2e-3)


@given(st.integers(1, 60))
def test_who_asks_at_the_pace_of_the_plan_is_never_refused(limit: int) -> None:
    clock = Steps()
    limiter = SteadyLimiter(clock)
    for _ in range(3 * limit):
        assert limiter.hit("someone", limit).allowed
        clock.seconds += 60 / limit


@given(st.integers(1, 12), pauses)
def test_refused_hit_is_accepted_after_exactly_the_announced_wait(limit: int, steps: list[float]) -> None:
    clock = Steps()
    limiter = SteadyLimiter(clock)
    for pause in steps:
        clock.seconds += pause
        decision = limiter.hit("someone", limit)
        if not decision.allowed:
            freed = clock.seconds + decision.reset_seconds
            clock.seconds = freed - 0.01
            assert not limiter.hit("someone", limit).allowed
            clock.seconds = freed
            assert limiter.hit("someone", limit).allowed


def test_keys_do_not_share_a_window(clock: MovableClock) -> None:
    limiter = SteadyLimiter(clock)
    assert limiter.hit("one", 1).allowed
    assert limiter.hit("other", 1).allowed
    assert not limiter.hit("one", 1).allowed


def test_lowered_limit_counts_hits_made_under_the_higher_one(clock: MovableClock) -> None:
    limiter = SteadyLimiter(clock)
    for _ in range(5):
        assert limiter.hit("one", 5).allowed
        clock.seconds += 1
    decision = limiter.hit("one", 2)
    assert not decision.allowed
    clock.seconds += decision.reset_seconds
    assert limiter.hit("one", 2).allowed


@pytest.mark.parametrize("limit", [0, -1])
def test_limit_of_nothing_refuses_everything(clock: MovableClock, limit: int) -> None:
    limiter = SteadyLimiter(clock)
    assert not limiter.hit("one", limit).allowed
    assert limiter.hit("one", 1).allowed
    decision = limiter.hit("one", limit)
    assert not decision.allowed
    assert decision.reset_seconds == 60


def test_memory_is_bounded_by_forgetting_the_key_idle_longest(clock: MovableClock) -> None:
    limiter = SteadyLimiter(clock, max_keys=10)
    for number in range(100):
        assert limiter.hit(f"address {number}", 1).allowed
    assert not limiter.hit("address 99", 1).allowed
    assert not limiter.hit("address 95", 1).allowed
    assert limiter.hit("address 0", 1).allowed


def test_keys_that_are_over_make_room(clock: MovableClock) -> None:
    limiter = SteadyLimiter(clock)
    for number in range(1000):
        limiter.hit(f"address {number}", 1)
    clock.seconds += 61
    for number in range(600):
        limiter.hit(f"later {number}", 1)
    assert len(limiter._full_at) == 600
