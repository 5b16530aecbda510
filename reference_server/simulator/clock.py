"""Clocks: where the simulator's time comes from, and the broker's own wall clock."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

MS_PER_MINUTE = 60_000
MS_PER_HOUR = 3_600_000
MS_PER_QUARTER = 900_000
QUARTERS_PER_PERIOD = 10 * 96
MS_PER_PERIOD = QUARTERS_PER_PERIOD * MS_PER_QUARTER
PERIODS_KEPT = 1000
FASTEST = 10_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Integers = NDArray[np.int64]


class Clock(Protocol):
    """A source of the present time."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch, UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch, UTC."""
        return time.time_ns() // 1_000_000


class ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now_ms: int = 1_717_408_800_000) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """Milliseconds since the epoch, UTC."""
        return self._now_ms

    def advance(self, *, seconds: float = 0, milliseconds: int = 0) -> None:
        """Move forward. Raises ValueError on a negative step."""
        step = round(seconds * 1000) + milliseconds
        if step < 0:
            raise ValueError(f"a clock moves forward only; the step was {step} ms")
        self._now_ms += step


class ScaledClock:
    """A clock that runs `factor` times as fast as the machine's, from `start_ms` on (by default the present moment).

    Raises ValueError for a factor that is not above 0, or above ten million, with which a second is four months.
    """

    def __init__(self, factor: float, *, start_ms: int | None = None) -> None:
        if not 0 < factor <= FASTEST:
            raise ValueError(f"a clock runs forward: its factor must be above 0, and at most {FASTEST}, not {factor}")
        self._factor = factor
        self._began_ns = time.monotonic_ns()
        self._start_ms = SystemClock().now_ms() if start_ms is None else start_ms

    def now_ms(self) -> int:
        """Milliseconds since the epoch, UTC."""
        return self._start_ms + int((time.monotonic_ns() - self._began_ns) * self._factor) // 1_000_000


class ServerTime:
    """The broker's wall clock written as if it were UTC, as MetaTrader 5 reports every time.

    The default rule, New York + 7 hours, is that of most retail brokers: UTC+2 in winter, UTC+3 in summer, by the
    daylight-saving dates of the United States, so that the trading week has five days. `ServerTime("UTC",
    shift_hours=3)` is a fixed offset, `ServerTime("Europe/Athens", shift_hours=0)` one with the dates of the European
    Union. Raises ValueError for a zone that the time-zone database lacks.
    """

    def __init__(self, zone: str = "America/New_York", *, shift_hours: float = 7) -> None:
        try:
            self._zone = ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{zone!r} is no time zone, such as Europe/Athens or UTC") from None
        self._shift_ms = round(shift_hours * MS_PER_HOUR)
        self._quarter = -1
        self._offset_ms = 0
        self._changes: dict[int, tuple[list[int], list[int]]] = {}

    def offset_ms(self, utc_ms: int) -> int:
        """Server clock minus UTC at that moment."""
        quarter = utc_ms // MS_PER_QUARTER
        if quarter != self._quarter:
            self._offset_ms = self._look_up(quarter)
            self._quarter = quarter
        return self._offset_ms

    def offsets_ms(self, utc_ms: Integers) -> Integers:
        """The same for moments in ascending order."""
        if not len(utc_ms):
            return np.zeros(0, dtype=np.int64)
        starts: list[int] = []
        offsets: list[int] = []
        for period in range(int(utc_ms[0]) // MS_PER_PERIOD, int(utc_ms[-1]) // MS_PER_PERIOD + 1):
            found = self._period(period)
            starts += found[0]
            offsets += found[1]
        if len(set(offsets)) == 1:
            return np.full(len(utc_ms), offsets[0], dtype=np.int64)
        places = np.searchsorted(utc_ms, starts)
        places[0] = 0
        return np.repeat(np.array(offsets, dtype=np.int64), np.diff(places, append=len(utc_ms)))

    def _period(self, period: int) -> tuple[list[int], list[int]]:
        """From when on which offset holds within ten days, found by halving: no zone changes twice in them."""
        found = self._changes.get(period)
        if found is None:
            low, high = period * QUARTERS_PER_PERIOD, (period + 1) * QUARTERS_PER_PERIOD - 1
            starts, offsets = [low * MS_PER_QUARTER], [self._look_up(low)]
            last = self._look_up(high)
            if last != offsets[0]:
                while high - low > 1:
                    middle = (low + high) // 2
                    if self._look_up(middle) == offsets[0]:
                        low = middle
                    else:
                        high = middle
                starts.append(high * MS_PER_QUARTER)
                offsets.append(last)
            if len(self._changes) >= PERIODS_KEPT:
                self._changes.clear()
            found = self._changes[period] = starts, offsets
        return found

    def _look_up(self, quarter: int) -> int:
        offset = (EPOCH + timedelta(minutes=15 * quarter)).astimezone(self._zone).utcoffset()
        return round(offset.total_seconds() * 1000) + self._shift_ms if offset is not None else self._shift_ms

    def server_ms(self, utc_ms: int) -> int:
        """The server's wall clock, as epoch milliseconds, at a moment of UTC."""
        return utc_ms + self.offset_ms(utc_ms)

    def utc_ms(self, server_ms: int) -> int:
        """The moment of UTC at which the server's wall clock shows this (the later one in a repeated hour)."""
        guess = server_ms - self.offset_ms(server_ms)
        return server_ms - self.offset_ms(guess)

    def all_utc_ms(self, server_ms: Integers) -> Integers:
        """The same for moments in ascending order."""
        guesses = server_ms - self.offsets_ms(server_ms)
        return server_ms - self.offsets_ms(guesses)

    def utc_span(self, from_ms: int, until_ms: int) -> tuple[int, int]:
        """Two moments of UTC between which lies all that the server's clock shows as [from, until).

        Wider by an hour where the clock is changed nearby; what does not belong is to be left out by its server time.
        """
        first, end = self.utc_ms(from_ms), self.utc_ms(until_ms)
        if self.offset_ms(first - MS_PER_HOUR) != self.offset_ms(first + MS_PER_HOUR):
            first -= MS_PER_HOUR
        if self.offset_ms(end - MS_PER_HOUR) != self.offset_ms(end + MS_PER_HOUR):
            end += MS_PER_HOUR
        return first, end
