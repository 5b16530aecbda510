"""The numbered events of one account, the newest of them kept for those who come back."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Final

from reference_server.domain.events import AccountEvent
from reference_server.usecases.encoding import Encoder
from reference_server.usecases.ports import StreamPositions

DEFAULT_KEPT: Final = 1_000
"""Events kept for each account; encoded, which few ever are, less than half a megabyte."""

RESERVED_AT_ONCE: Final = 1_024

_UNKNOWN: Final = -1


class Kept:
    """An event with its number; `message` once somebody wanted it."""

    __slots__ = ("event", "message", "seq")

    def __init__(self, event: AccountEvent, seq: int) -> None:
        self.event = event
        self.seq = seq
        self.message: bytes | None = None


class AccountEvents:
    """Numbers events without gaps and keeps the newest of them.

    A number is left out where something may have happened that no event tells: at the start, which may be that of a new
    process, and at `cut`. Nobody whose last number lies before it can then be taken for one who missed nothing. Nothing
    is reserved before it is needed.
    """

    def __init__(
        self, account_id: str, encoder: Encoder, positions: StreamPositions, *, keep: int = DEFAULT_KEPT
    ) -> None:
        self._account_id = account_id
        self._encoder = encoder
        self._positions = positions
        self._kept: deque[Kept] = deque(maxlen=keep)
        self._newest = self._reserved = _UNKNOWN
        self._has_lost = False

    @property
    def newest(self) -> int:
        """Number of the last event, or of the gap behind it. Raises what keeps it from being reserved."""
        if self._newest == _UNKNOWN or self._has_lost:
            self._next()
        return self._newest

    def add(self, event: AccountEvent) -> Kept:
        """Give the event the next number and keep it. Raises what keeps a number from being reserved."""
        kept = Kept(event, self._next())
        self._kept.append(kept)
        return kept

    def message_of(self, kept: Kept) -> bytes:
        """Return the message of an event, encoded when it is wanted first."""
        message = kept.message
        if message is None:
            message = kept.message = self._encoder.event(kept.event, kept.seq)
        return message

    def cut(self) -> None:
        """Leave a number out and forget what is kept: what happens now, no event tells. Raises as `add` does."""
        self._next()
        self._kept.clear()

    def since(self, seq: int) -> list[bytes] | None:
        """Return the messages of all events after this number, None where they are not all kept. Raises as `newest`."""
        missed = self.newest - seq
        if not 0 <= missed <= len(self._kept):
            return None
        return [self.message_of(one) for one in islice(self._kept, len(self._kept) - missed, None)]

    def _next(self) -> int:
        if self._newest >= self._reserved:
            self._reserve()
        self._newest += 1
        return self._newest

    def _reserve(self) -> None:
        try:
            before = self._positions.reserve(self._account_id, RESERVED_AT_ONCE)
        except BaseException:
            self._has_lost = self._newest != _UNKNOWN
            raise
        self._reserved = before + RESERVED_AT_ONCE
        if before != self._newest or self._has_lost:  # what another process told, or nobody, is not known here
            self._newest = before + 1
            self._kept.clear()
            self._has_lost = False
