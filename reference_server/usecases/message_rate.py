"""How much one socket may say."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

_BURST_SECONDS: Final = 2.0
_TOO_MUCH: Final = 10
"""A client that goes on at so many times the limit does not read its errors: it is cut off."""


class Verdict(Enum):
    """What becomes of a message."""

    SERVED = auto()
    REFUSED = auto()
    CUT_OFF = auto()


class _Bucket:
    """Tokens that come back at a rate, up to what two seconds bring."""

    __slots__ = ("_at", "_most", "_per_second", "_tokens")

    def __init__(self, per_second: float, now: float) -> None:
        self._per_second = per_second
        self._most = self._tokens = max(1.0, per_second * _BURST_SECONDS)
        self._at = now

    def take(self, now: float) -> bool:
        self._tokens = min(self._most, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


class MessageRate:
    """Judges each message of a socket. Times in seconds of a monotonic clock.

    So many messages a second are served, and twice as many at once after a pause. One above that is refused. A second
    count goes up to ten times that, refused ones included; above it the socket is cut off.
    """

    __slots__ = ("_all", "_served")

    def __init__(self, per_second: int, now: float) -> None:
        self._served = _Bucket(per_second, now)
        self._all = _Bucket(per_second * _TOO_MUCH, now)

    def judge(self, now: float) -> Verdict:
        """Count one message and say what becomes of it."""
        if not self._all.take(now):
            return Verdict.CUT_OFF
        return Verdict.SERVED if self._served.take(now) else Verdict.REFUSED
