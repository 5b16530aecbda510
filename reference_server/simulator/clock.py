"""Clocks: where the simulator's time comes from, and the broker's own wall clock."""

import time
from datetime import UTC, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

MS_PER_HOUR = 3_600_000


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


class ServerTime:
    """The broker's wall clock written as if it were UTC, as MetaTrader 5 reports every time.

    The default rule, New York + 7 hours, is that of most retail brokers: UTC+2 in winter, UTC+3 in summer, by the
    daylight-saving dates of the United States, so that the trading week has five days.
    """

    def __init__(self, zone: str = "America/New_York", *, shift_hours: float = 7) -> None:
        self._zone = ZoneInfo(zone)
        self._shift_ms = round(shift_hours * MS_PER_HOUR)
        self._hour = -1
        self._offset_ms = 0

    def offset_ms(self, utc_ms: int) -> int:
        """Server clock minus UTC at that moment."""
        hour = utc_ms // MS_PER_HOUR
        if hour != self._hour:
            offset = datetime.fromtimestamp(utc_ms / 1000, UTC).astimezone(self._zone).utcoffset()
            seconds = offset.total_seconds() if offset is not None else 0.0
            self._offset_ms = round(seconds * 1000) + self._shift_ms
            self._hour = hour
        return self._offset_ms

    def server_ms(self, utc_ms: int) -> int:
        """The server's wall clock, as epoch milliseconds, at a moment of UTC."""
        return utc_ms + self.offset_ms(utc_ms)

    def utc_ms(self, server_ms: int) -> int:
        """The moment of UTC at which the server's wall clock shows this (the later one in a repeated hour)."""
        guess = server_ms - self.offset_ms(server_ms)
        return server_ms - self.offset_ms(guess)
