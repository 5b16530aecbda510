"""When a symbol trades, as its bars show it: the `MetaTrader5` package has no function for sessions.

A quarter of an hour of the server's week in which there was a bar in any of the last three weeks belongs to a session.
So a holiday does not shorten one, a break that is shorter than a quarter does not show, and in a symbol that hardly
trades a session may look interrupted.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from reference_server.domain.market import Session, Timeframe
from reference_server.terminals.adapter.bars import FIRST_SUNDAY, WEEK_SECONDS, bar_seconds

SESSION_TIMEFRAME: Final = Timeframe.M15
"""Clocks differ by whole quarters of an hour, so that a quarter of the server is one of UTC."""
_QUARTER_SECONDS: Final = bar_seconds(SESSION_TIMEFRAME)
_QUARTER_MINUTES: Final = _QUARTER_SECONDS // 60
_QUARTERS: Final = WEEK_SECONDS // _QUARTER_SECONDS
SESSION_BARS: Final = 3 * _QUARTERS


def sessions_of(openings: Iterable[int], now: int, offset_seconds: int) -> tuple[Session, ...] | None:
    """Derive the sessions from the openings of the newest bars, seconds of the server's clock; None from too few.

    `now` is the server's time, `offset_seconds` how far its clock is ahead of UTC now: brokers keep their hours by
    their own clock all year.
    """
    recent = [opened for opened in openings if opened >= now - 3 * WEEK_SECONDS]
    if not recent or min(recent) > now - WEEK_SECONDS:  # a terminal that is still fetching has the newest first
        return None
    shift = offset_seconds // _QUARTER_SECONDS
    traded = {((opened - FIRST_SUNDAY) // _QUARTER_SECONDS - shift) % _QUARTERS for opened in recent}
    if len(traded) == _QUARTERS:
        return (Session(0, _QUARTERS * _QUARTER_MINUTES),)
    sessions = []
    for start in sorted(traded):
        if (start - 1) % _QUARTERS in traded:
            continue
        end = start + 1
        while end % _QUARTERS in traded:
            end += 1
        sessions.append(Session(start * _QUARTER_MINUTES, end * _QUARTER_MINUTES))
    return tuple(sessions)


def is_within(sessions: Iterable[Session], utc_ms: int) -> bool:
    """Whether a moment lies in one of these sessions."""
    week = _QUARTERS * _QUARTER_MINUTES
    minute = (utc_ms // 1000 - FIRST_SUNDAY) // 60 % week
    return any(session.from_minute <= at < session.to_minute for session in sessions for at in (minute, minute + week))
