"""Requests per minute, in memory.

A sliding log of accepted hits per key: exactly `per_minute` in any 60 seconds, with exact remaining and reset. The
PyPI package `limits` was measured and left out: its in-memory storage reads time.time() itself, so that no clock can be
handed in, and starts a timer thread; this needs neither.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final

from reference_server.usecases.ports import Clock, RateDecision

WINDOW_SECONDS: Final = 60.0
MAX_KEYS: Final = 100_000
"""Bound on memory. Beyond it the key that has been idle longest is forgotten and starts afresh."""


class SlidingWindowLimiter:
    """Implements the RateLimiter port. A refused hit does not count."""

    def __init__(self, clock: Clock, *, max_keys: int = MAX_KEYS) -> None:
        self._clock = clock
        self._max_keys = max_keys
        self._ends: OrderedDict[str, deque[float]] = OrderedDict()  # when each hit leaves; least recently hit key first

    def hit(self, key: str, per_minute: int) -> RateDecision:
        """Count one hit unless the window is full. `reset_seconds`: until it has room, or until the oldest leaves."""
        now = self._clock.monotonic()
        ends = self._ends.get(key)
        if ends is None:
            self._forget(now)
            if per_minute <= 0:
                return RateDecision(allowed=False, remaining=0, reset_seconds=WINDOW_SECONDS)
            ends = self._ends[key] = deque()
        while ends and ends[0] <= now:
            ends.popleft()
        used = len(ends)
        if used >= per_minute:
            frees = ends[used - per_minute] if per_minute > 0 else now + WINDOW_SECONDS
            return RateDecision(allowed=False, remaining=0, reset_seconds=min(frees - now, WINDOW_SECONDS))
        ends.append(now + WINDOW_SECONDS)
        self._ends.move_to_end(key)
        reset = min(ends[0] - now, WINDOW_SECONDS)  # rounding may exceed the window by a hair
        return RateDecision(allowed=True, remaining=per_minute - used - 1, reset_seconds=reset)

    def _forget(self, now: float) -> None:
        """Drop up to two keys that are over; each new key pays for old ones, so that no sweep ever stalls the loop."""
        for _ in range(2):
            oldest = next(iter(self._ends.values()), None)
            if oldest is None:
                return
            is_over = not oldest or oldest[-1] <= now
            if not is_over and len(self._ends) < self._max_keys:
                return
            self._ends.popitem(last=False)
