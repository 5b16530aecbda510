"""Requests per minute, in memory.

A bucket per key holds a minute's requests and refills steadily (the generic cell rate algorithm: one number per key).
A client that has used up its minute is served again after 60/N seconds, not after a minute: a bot that called too often
must still be able to close its positions. The price is that up to 2N - 1 requests fit into the minute after an idle
one.

The PyPI package `limits` was measured and left out: its in-memory storage reads time.time() itself, so that no clock
can be handed in, and starts a timer thread; this needs neither.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from reference_server.usecases.ports import Clock, RateDecision

WINDOW_SECONDS: Final = 60.0
MAX_KEYS: Final = 100_000
"""Bound on memory. Beyond it the key that has been idle longest is forgotten and starts with a full bucket."""
ROUNDING_SECONDS: Final = 1e-3
"""Sums of 60/N are a hair off the true moment; waiting exactly as told must suffice."""


class SteadyLimiter:
    """Implements the RateLimiter port. A refused hit does not count."""

    def __init__(self, clock: Clock, *, max_keys: int = MAX_KEYS) -> None:
        self._clock = clock
        self._max_keys = max_keys
        self._full_at: OrderedDict[str, float] = OrderedDict()  # when each bucket is full; least recently hit key first

    def hit(self, key: str, per_minute: int) -> RateDecision:
        """Take one request out of the key's bucket unless it is empty.

        `reset_seconds`: refused, until the next request is served; allowed, until the bucket is full again.
        """
        now = self._clock.monotonic()
        if per_minute <= 0:
            return RateDecision(allowed=False, remaining=0, reset_seconds=WINDOW_SECONDS)
        full_at = self._full_at.get(key)
        if full_at is None:
            self._forget(now)
            full_at = now
        seconds_each = WINDOW_SECONDS / per_minute
        taken = max(full_at, now) + seconds_each
        beyond = taken - now - WINDOW_SECONDS
        if beyond > ROUNDING_SECONDS:
            return RateDecision(allowed=False, remaining=0, reset_seconds=min(beyond, WINDOW_SECONDS))
        self._full_at[key] = taken
        self._full_at.move_to_end(key)
        remaining = int((ROUNDING_SECONDS - beyond) / seconds_each)
        return RateDecision(allowed=True, remaining=remaining, reset_seconds=min(taken - now, WINDOW_SECONDS))

    def _forget(self, now: float) -> None:
        """Drop up to two keys that are over; each new key pays for old ones, so that no sweep ever stalls the loop."""
        for _ in range(2):
            oldest = next(iter(self._full_at.values()), None)
            if oldest is None or (oldest > now and len(self._full_at) < self._max_keys):
                return
            self._full_at.popitem(last=False)
