"""The arithmetic of bars, which are aligned to the server's clock. All times in seconds of that clock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from reference_server.domain.market import Timeframe

ROOM_MS: Final = 500
"""How long after a bar's end a tick of it may still be on its way."""
_DAY_SECONDS: Final = 86_400
WEEK_SECONDS: Final = 7 * _DAY_SECONDS
FIRST_SUNDAY: Final = 3 * _DAY_SECONDS
"""1970-01-04; a week's bar opens on Sunday 00:00 of the server."""


def bar_open(timeframe: Timeframe, at: int) -> int:
    """Opening of the bar that holds a second of the server's clock."""
    if timeframe is Timeframe.MN1:
        day = datetime.fromtimestamp(at, UTC)
        return int(datetime(day.year, day.month, 1, tzinfo=UTC).timestamp())
    if timeframe is Timeframe.W1:
        return at - (at - FIRST_SUNDAY) % WEEK_SECONDS
    return at - at % bar_seconds(timeframe)


def bar_end(timeframe: Timeframe, opened: int) -> int:
    """First second after the bar that opened then."""
    if timeframe is Timeframe.MN1:
        return bar_open(timeframe, opened + 31 * _DAY_SECONDS)
    return opened + bar_seconds(timeframe)


def bar_seconds(timeframe: Timeframe) -> int:
    """Length of a bar; of a month its shortest."""
    kind, count = timeframe.value[0], timeframe.value[1:]
    if timeframe is Timeframe.MN1:
        return 28 * _DAY_SECONDS
    return {"M": 60, "H": 3600, "D": _DAY_SECONDS, "W": WEEK_SECONDS}[kind] * int(count)
