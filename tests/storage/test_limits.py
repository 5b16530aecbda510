"""Never more than N accepted hits in any 60 seconds, and no fewer than that without need."""

from __future__ import annotations

from itertools import pairwise
from typing import Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.storage.limits import SlidingWindowLimiter


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
def test_any_window_holds_at_most_the_limit_and_no_hit_is_refused_below_it(limit: int, steps: list[float]) -> None:
    clock = Steps()
    limiter = SlidingWindowLimiter(clock)
    accepted: list[float] = []
    for pause in steps:
        clock.seconds += pause
        in_window = sum(time + 60 > clock.seconds for time in accepted)
        decision = limiter.hit("someone", limit)
        assert decision.allowed == (in_window < limit)
        assert decision.remaining == max(0, limit - in_window - decision.allowed)
        assert 0 < decision.reset_seconds <= 60
        if decision.allowed:
            accepted.append(clock.seconds)
    for first, over in zip(accepted, accepted[limit:], strict=False):
        assert over >= first + 60


@given(st.integers(1, 12), pauses)
def test_refused_hit_is_accepted_after_exactly_the_announced_wait(limit: int, steps: list[float]) -> None:
    clock = Steps()
    limiter = SlidingWindowLimiter(clock)
    for pause in steps:
        clock.seconds += pause
        decision = limiter.hit("someone", limit)
        if not decision.allowed:
            freed = clock.seconds + decision.reset_seconds
            clock.seconds = freed - 0.001
            assert not limiter.hit("someone", limit).allowed
            clock.seconds = freed + 0.000001
            assert limiter.hit("someone", limit).allowed


def test_keys_do_not_share_a_window(clock: MovableClock) -> None:
    limiter = SlidingWindowLimiter(clock)
    assert limiter.hit("one", 1).allowed
    assert limiter.hit("other", 1).allowed
    assert not limiter.hit("one", 1).allowed


def test_lowered_limit_counts_hits_made_under_the_higher_one(clock: MovableClock) -> None:
    limiter = SlidingWindowLimiter(clock)
    for _ in range(5):
        assert limiter.hit("one", 5).allowed
        clock.seconds += 1
    decision = limiter.hit("one", 2)
    assert not decision.allowed
    clock.seconds += decision.reset_seconds
    assert limiter.hit("one", 2).allowed


@pytest.mark.parametrize("limit", [0, -1])
def test_limit_of_nothing_refuses_everything(clock: MovableClock, limit: int) -> None:
    limiter = SlidingWindowLimiter(clock)
    assert not limiter.hit("one", limit).allowed
    assert limiter.hit("one", 1).allowed
    decision = limiter.hit("one", limit)
    assert not decision.allowed
    assert decision.reset_seconds == 60


def test_memory_is_bounded_by_forgetting_the_key_idle_longest(clock: MovableClock) -> None:
    limiter = SlidingWindowLimiter(clock, max_keys=10)
    for number in range(100):
        assert limiter.hit(f"address {number}", 1).allowed
    assert not limiter.hit("address 99", 1).allowed
    assert not limiter.hit("address 95", 1).allowed
    assert limiter.hit("address 0", 1).allowed


def test_keys_that_are_over_make_room(clock: MovableClock) -> None:
    limiter = SlidingWindowLimiter(clock)
    for number in range(1000):
        limiter.hit(f"address {number}", 1)
    clock.seconds += 61
    for number in range(600):
        limiter.hit(f"later {number}", 1)
    assert len(limiter._ends) == 600


def test_announced_resets_move_forward(clock: MovableClock) -> None:
    limiter = SlidingWindowLimiter(clock)
    ends = []
    for _ in range(200):
        ends.append(clock.seconds + limiter.hit("one", 7).reset_seconds)
        clock.seconds += 1.7
    assert all(later >= earlier for earlier, later in pairwise(ends))
