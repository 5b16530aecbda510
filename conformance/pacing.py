"""Stay below the plan's request rate, so that the suite itself never trips it."""

from collections import deque
from collections.abc import Callable

__all__ = ["Pacer"]

WINDOW_SECONDS = 60.0
RESERVE = 2
"""Requests per window that are left to others: a gateway may count a request that the suite did not see it count."""


class Pacer:
    """A sliding window over one user's requests. A limit of None never waits."""

    def __init__(self, clock: Callable[[], float], per_minute: int | None) -> None:
        self._clock = clock
        self._sent: deque[float] = deque()
        self._not_before = 0.0
        self.per_minute = per_minute

    @property
    def free(self) -> int:
        """Return how many requests fit into the window now."""
        if self._clock() < self._not_before:
            return 0
        if self.per_minute is None:
            return 1_000_000
        self._drop_old()
        return max(0, self._usable - len(self._sent))

    @property
    def _usable(self) -> int:
        assert self.per_minute is not None
        return max(1, self.per_minute - RESERVE)

    def wait_seconds(self) -> float:
        """Return how long the next request has to wait."""
        now = self._clock()
        hold = max(0.0, self._not_before - now)
        if self.per_minute is None:
            return hold
        self._drop_old()
        if len(self._sent) < self._usable:
            return hold
        return max(hold, self._sent[len(self._sent) - self._usable] + WINDOW_SECONDS - now)

    def count(self) -> None:
        """Count a request that is being sent."""
        self._sent.append(self._clock())

    def hold(self, seconds: float) -> None:
        """Send nothing for `seconds`, because the gateway said so."""
        self._not_before = max(self._not_before, self._clock() + seconds)

    def forget(self) -> None:
        """Count from nothing again, where a 429 is harmless and waiting to be sure is not worth its time."""
        self._sent.clear()

    def _drop_old(self) -> None:
        horizon = self._clock() - WINDOW_SECONDS
        while self._sent and self._sent[0] <= horizon:
            self._sent.popleft()
