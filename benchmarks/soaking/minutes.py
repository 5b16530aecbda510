"""Figures minute by minute."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

MINUTE_SECONDS: Final = 60.0


@dataclass(slots=True)
class Minute:
    """What happened in one minute. Latencies in ms.

    Those of orders from when they were due, and from when they were sent, which is later once a rate is not held; those
    of ticks from their time.
    """

    due_ms: list[float] = field(default_factory=list)
    sent_ms: list[float] = field(default_factory=list)
    ticks_ms: list[int] = field(default_factory=list)
    deliveries: int = 0
    events: int = 0


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle, the 99th percentile and the largest of many."""

    p50: float
    p99: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Summarise; zeros of nothing."""
        ordered = sorted(values) or [0.0]
        return cls(ordered[len(ordered) // 2], ordered[min(len(ordered) * 99 // 100, len(ordered) - 1)], ordered[-1])


class Minutes:
    """Sorts what happens into minutes from the moment at which it was made."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.all: list[Minute] = [Minute()]

    @property
    def now(self) -> Minute:
        """The minute that runs."""
        index = int((time.monotonic() - self._began) / MINUTE_SECONDS)
        while len(self.all) <= index:
            self.all.append(Minute())
        return self.all[index]

    def order(self, since_due: float, since_sent: float) -> None:
        """Note how long an order took, in seconds from when it was due and from when it was sent."""
        minute = self.now
        minute.due_ms.append(since_due * 1_000)
        minute.sent_ms.append(since_sent * 1_000)
