"""The broker's clock: MT5 stamps everything in the server's wall time written as if it were UTC.

Which zone a server keeps cannot be asked. It is found from a tick that has only just come, against the host's clock,
and kept. Most brokers keep New York + 7 hours (UTC+2, in summer UTC+3, changing with the United States), so that the
trading day ends at midnight; when the observed offset is the one that this rule gives now, the rule is used, and a
change of daylight saving costs nothing. Otherwise the offset is taken as fixed and looked at again each day.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
_STEP_MS: Final = 15 * 60_000
"""Every time zone is a multiple of a quarter of an hour."""
_NEVER_MS: Final = 1 << 62
_FRESH_MS: Final = 60_000
"""How far from a whole quarter an observation may lie: delay of a tick, and error of the host's clock."""
_EARLIEST_MS: Final = -12 * _HOUR_MS
_LATEST_MS: Final = 14 * _HOUR_MS
_NEW_YORK: Final = ZoneInfo("America/New_York")
_AHEAD: Final = timedelta(hours=7)


def new_york_close_offset_ms(utc_ms: int) -> int:
    """Offset of a server that ends its day at 17:00 in New York, at a moment in UTC."""
    shift = datetime.fromtimestamp(utc_ms // 1000, UTC).astimezone(_NEW_YORK).utcoffset() or timedelta()
    return int((shift + _AHEAD).total_seconds()) * 1000


class BrokerClock:
    """Converts between the server's clock and UTC, in ms. `override_ms` fixes the offset and ends all guessing."""

    def __init__(self, *, override_ms: int | None = None) -> None:
        self.use(override_ms)

    def use(self, override_ms: int | None) -> None:
        """Begin anew, for another server."""
        self.is_known = override_ms is not None
        self._fixed_ms: int | None = override_ms
        self._next_look_ms = 0 if override_ms is None else _NEVER_MS
        self._hour_start = 0
        self._hour_end = 0
        self._hour_offset = 0

    def observe(self, server_ms: int, now_ms: int, *, certain: bool = True) -> None:
        """Learn from a tick that has just come, once a day. A stale tick (a closed market) teaches nothing.

        `certain`: the tick was seen to arrive. One that was merely there at login may be old by a whole quarter of an
        hour, so the next one is looked at again.
        """
        if now_ms < self._next_look_ms:
            return
        difference = server_ms - now_ms
        offset = round(difference / _STEP_MS) * _STEP_MS
        if abs(difference - offset) > _FRESH_MS or not _EARLIEST_MS <= offset <= _LATEST_MS:
            return
        self.is_known = True
        self._fixed_ms = None if offset == new_york_close_offset_ms(now_ms) else offset
        if certain:
            self._next_look_ms = now_ms + _DAY_MS
        self._hour_end = self._hour_start

    def to_utc_ms(self, server_ms: int) -> int:
        """Convert a time of the server to UTC."""
        if self._hour_start <= server_ms < self._hour_end:
            return server_ms - self._hour_offset
        return server_ms - self._look_up(server_ms)

    def to_server_ms(self, utc_ms: int) -> int:
        """Convert a UTC time to the server's clock."""
        return utc_ms + (self._fixed_ms if self._fixed_ms is not None else new_york_close_offset_ms(utc_ms))

    def _look_up(self, server_ms: int) -> int:
        """Find the offset in force in this hour of the server and keep it: daylight saving changes on the hour."""
        start = server_ms - server_ms % _HOUR_MS
        offset = self._fixed_ms
        if offset is None:
            in_new_york = datetime.fromtimestamp(start // 1000, UTC) - _AHEAD
            shift = in_new_york.replace(tzinfo=_NEW_YORK).utcoffset() or timedelta()
            offset = int((shift + _AHEAD).total_seconds()) * 1000
        self._hour_start, self._hour_end, self._hour_offset = start, start + _HOUR_MS, offset
        return offset
