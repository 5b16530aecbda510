"""The broker's clock: MT5 stamps everything in the server's wall time written as if it were UTC.

Which clock a server keeps cannot be asked. Its offset is seen from ticks that have only just come, against the host's
clock, and two symbols must agree. From all offsets seen so far follows the rule: the likeliest one that none of them
contradicts, else a fixed offset. The rule, and not today's offset, converts a bar of January read in July.
"""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from itertools import takewhile
from typing import Final

from reference_server.terminals.adapter.zones import HOUR_MS, KNOWN_RULES, NEW_YORK_CLOSE, ServerZone

STEP_MS: Final = 15 * 60_000
"""Every time zone is a multiple of a quarter of an hour."""
_LATE_MS: Final = 5 * 60_000
"""How far from a whole quarter the time of a tick that was seen to come may lie: the error of the host's clock."""
_HINT_LATE_MS: Final = 60_000
"""As above, for a tick that was there already and may be old."""
_EARLIEST_MS: Final = -12 * HOUR_MS
_LATEST_MS: Final = 14 * HOUR_MS
_AGREE_WITHIN_MS: Final = 10 * 60_000
_MOST_SEEN: Final = 1000
_MOST_ERRORS: Final = 8


def offset_seen(server_ms: int, now_ms: int, *, late_ms: int = _LATE_MS) -> int | None:
    """Give the offset that a fresh tick shows, None when it is too far from any."""
    difference = server_ms - now_ms
    offset = round(difference / STEP_MS) * STEP_MS
    if abs(difference - offset) > late_ms or not _EARLIEST_MS <= offset <= _LATEST_MS:
        return None
    return offset


class BrokerClock:
    """Converts between the server's clock and UTC, in ms. A `zone` that is set ends all guessing."""

    def __init__(self, *, zone: ServerZone | None = None) -> None:
        self.use(zone)

    def use(self, zone: ServerZone | None) -> None:
        """Begin anew, for another server."""
        self.is_known = zone is not None
        """Whether the offset is set or was confirmed; until then it is a guess."""
        self.is_set = zone is not None
        """Whether the zone came from the settings, so that there is nothing to find out."""
        self.confirmations = 0
        """How often two symbols agreed."""
        self._seen: dict[int, int] = {}
        self._errors: deque[int] = deque(maxlen=_MOST_ERRORS)
        self._proposal: tuple[str, int, int] | None = None
        self._apply(zone or NEW_YORK_CLOSE)

    @property
    def zone(self) -> ServerZone:
        """The rule in use."""
        return self._zone

    def hint(self, server_ms: int, now_ms: int) -> None:
        """Guess from the newest of several ticks that were there at login; they may be old, at a weekend they are."""
        offset = offset_seen(server_ms, now_ms, late_ms=_HINT_LATE_MS)
        if self.is_known or offset is None or _is_weekend(now_ms):
            return
        self._apply(_likeliest({now_ms: offset}))

    def observe(self, symbol: str, server_ms: int, now_ms: int) -> None:
        """Learn from a tick that has only just come. What one symbol shows is believed when another shows it too."""
        if self.is_set:
            return
        offset = offset_seen(server_ms, now_ms)
        if offset is None:
            return
        self._errors.append(server_ms - now_ms - offset)
        first = self._proposal
        if first is None or first[1] != offset or now_ms - first[2] > _AGREE_WITHIN_MS:
            self._proposal = (symbol, offset, now_ms)
            if not self.is_known:
                self._apply(_likeliest({now_ms: offset}))
        elif first[0] != symbol:
            self._proposal = None
            self._confirm(offset, now_ms)

    def to_utc_ms(self, server_ms: int) -> int:
        """Convert a time of the server to UTC."""
        if self._hour_start <= server_ms < self._hour_end:
            return server_ms - self._hour_offset
        return server_ms - self._look_up(server_ms)

    def to_server_ms(self, utc_ms: int) -> int:
        """Convert a UTC time to the server's clock."""
        return utc_ms + self._zone.offset_at_utc(utc_ms)

    def server_now_ms(self, now_ms: int) -> int:
        """The server's clock at this moment of the host's, without the host's error as far as ticks have shown it.

        Ticks take time to arrive, so of several the least late one tells how far the host is ahead or behind.
        """
        return self.to_server_ms(now_ms) + (max(self._errors) if self._errors else 0)

    def _confirm(self, offset: int, now_ms: int) -> None:
        """Note an offset that is certain, and keep the rule unless it contradicts."""
        self.confirmations += 1
        self._seen[now_ms - now_ms % HOUR_MS] = offset
        while len(self._seen) > _MOST_SEEN:
            del self._seen[next(iter(self._seen))]
        if not self.is_known or self._zone.offset_at_utc(now_ms) != offset:
            self._apply(_likeliest(self._seen))
        self.is_known = True

    def _apply(self, zone: ServerZone) -> None:
        self._zone = zone
        self._hour_start = self._hour_end = self._hour_offset = 0

    def _look_up(self, server_ms: int) -> int:
        """Find the offset in force in this hour of the server and keep it: daylight saving changes on the hour."""
        start = server_ms - server_ms % HOUR_MS
        offset = self._zone.offset_at_server(start)
        self._hour_start, self._hour_end, self._hour_offset = start, start + HOUR_MS, offset
        return offset


def _likeliest(seen: dict[int, int]) -> ServerZone:
    """The rule that explains the most of what was seen, counted back from the newest; of equals the likelier one."""
    observations = list(reversed(seen.items()))

    def explained(rule: ServerZone) -> int:
        agreeing = takewhile(lambda one: rule.offset_at_utc(one[0]) == one[1], observations)
        return sum(1 for _ in agreeing)

    return max((*KNOWN_RULES, ServerZone.fixed(observations[0][1])), key=explained)


def _is_weekend(utc_ms: int) -> bool:
    """Whether currencies are not traded: Friday evening to Sunday evening, in UTC with room on both sides."""
    moment = datetime.fromtimestamp(utc_ms // 1000, UTC)
    hours = moment.weekday() * 24 + moment.hour
    return 4 * 24 + 20 <= hours < 6 * 24 + 23
