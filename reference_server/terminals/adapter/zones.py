"""The rules by which brokers set their servers' clocks.

Most keep New York + 7 hours, so that the trading day ends at midnight: UTC+2, in summer UTC+3, changing with the United
States. Others change with Europe, or not at all. Source: published recordings of many brokers; no rule can be asked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

HOUR_MS: Final = 3_600_000
_WRITTEN: Final = re.compile(r"([A-Za-z][A-Za-z0-9_/+-]*?)(?:([+-])(\d{1,2})(?::([0-5]\d))?)?")


@dataclass(frozen=True, slots=True)
class ServerZone:
    """A server's clock: the wall clock of a time zone, and so many ms beyond it. Written `America/New_York+7`."""

    zone: str
    ahead_ms: int = 0

    @classmethod
    def parse(cls, text: str) -> ServerZone:
        """Read a zone as settings have it: `UTC+3`, `Europe/Athens`, `America/New_York+7`. Raises ValueError."""
        match = _WRITTEN.fullmatch(text.strip())
        if match is not None:
            name, sign, hours, minutes = match.groups()
            ahead = int(hours or 0) * HOUR_MS + int(minutes or 0) * 60_000
            try:
                ZoneInfo(name)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                pass
            else:
                return cls(name, -ahead if sign == "-" else ahead)
        raise ValueError(
            f"{text!r} is no time zone of a server: write one like UTC+3, Europe/Athens or America/New_York+7."
        )

    @classmethod
    def fixed(cls, offset_ms: int) -> ServerZone:
        """A clock that never changes."""
        return cls("UTC", offset_ms)

    def offset_at_utc(self, utc_ms: int) -> int:
        """Server clock minus UTC, in ms, at a moment of UTC."""
        if self.zone == "UTC":
            return self.ahead_ms
        shift = datetime.fromtimestamp(utc_ms // 1000, UTC).astimezone(_zone(self.zone)).utcoffset() or timedelta()
        return int(shift.total_seconds()) * 1000 + self.ahead_ms

    def offset_at_server(self, server_ms: int) -> int:
        """Server clock minus UTC, in ms, when the server shows this; of an hour shown twice, the first."""
        if self.zone == "UTC":
            return self.ahead_ms
        local = datetime.fromtimestamp((server_ms - self.ahead_ms) // 1000, UTC).replace(tzinfo=_zone(self.zone))
        return int((local.utcoffset() or timedelta()).total_seconds()) * 1000 + self.ahead_ms


NEW_YORK_CLOSE: Final = ServerZone("America/New_York", 7 * HOUR_MS)
"""The trading day ends at 17:00 in New York, which is midnight on the server."""

KNOWN_RULES: Final = (
    NEW_YORK_CLOSE,
    ServerZone("Europe/Athens"),
    ServerZone("Europe/Berlin"),
    ServerZone("Europe/London"),
)
"""Rules that change in summer, the likelier first."""


@lru_cache(maxsize=16)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
