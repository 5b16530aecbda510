"""One reading of one server, and the middle of several: what every benchmark gives and the table shows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.child import Child


@dataclass(frozen=True, slots=True)
class Reading:
    """One run: units a second, the server's processor time for each, latencies.

    `load_share` is the load generator's share of its core, `delivered` the part of what a server sent that had arrived.
    """

    per_second: float
    cpu_us: float | None
    p50_ms: float
    p99_ms: float
    load_share: float | None = None
    delivered: float = 1.0


@dataclass(frozen=True, slots=True)
class Series:
    """The readings of one server, in the order of the rounds."""

    name: str
    readings: Sequence[Reading]

    @property
    def per_second(self) -> float:
        """Units a second, middle of the rounds."""
        return median(one.per_second for one in self.readings)

    @property
    def cpu_us(self) -> float | None:
        """Processor time of the server for one unit, in microseconds; None where the system does not say."""
        known = [one.cpu_us for one in self.readings if one.cpu_us is not None]
        return median(known) if known else None

    @property
    def p50_ms(self) -> float:
        """Middle latency, middle of the rounds."""
        return median(one.p50_ms for one in self.readings)

    @property
    def p99_ms(self) -> float:
        """99th percentile of the latency, middle of the rounds."""
        return median(one.p99_ms for one in self.readings)


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of medians, with the extremes that single rounds gave."""

    value: float
    lowest: float
    highest: float


def rate_ratio(ours: Series, theirs: Series) -> Ratio:
    """How many times as fast as the baseline; the rounds of both ran in turn."""
    each = [one.per_second / other.per_second for one, other in zip(ours.readings, theirs.readings, strict=True)]
    return Ratio(ours.per_second / theirs.per_second, min(each), max(each))


def cpu_ratio(ours: Series, theirs: Series) -> float | None:
    """The same by processor time of the servers, which other work on the machine disturbs less."""
    if not ours.cpu_us or not theirs.cpu_us:
        return None
    return theirs.cpu_us / ours.cpu_us


class Stopwatch:
    """Processor time of server and load generator during one run."""

    def __init__(self, server: Child, load: Child) -> None:
        self._children = (server, load)
        self._before = [one.cpu_seconds() for one in self._children]
        self._started = time.monotonic()

    def read(self, units: float) -> tuple[float | None, float | None]:
        """Give the server's microseconds for each of so many units, and the load generator's share of its core."""
        elapsed = time.monotonic() - self._started
        server, load = (
            after - before if before is not None and after is not None else None
            for before, after in zip(self._before, (one.cpu_seconds() for one in self._children), strict=True)
        )
        return (
            server / units * 1e6 if server is not None else None,
            load / elapsed if load is not None else None,
        )
