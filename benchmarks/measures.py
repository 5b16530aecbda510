"""One reading of one server, and the middle of several: what every benchmark gives and the table shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Reading:
    """One run: units a second, processor time of the server for each, and latencies."""

    per_second: float
    cpu_us: float | None
    p50_ms: float
    p99_ms: float


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
