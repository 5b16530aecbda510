"""When sockets are written to: together, once a turn of the event loop, and for a part of the time only."""

from __future__ import annotations

import asyncio
from typing import Final

from reference_server.usecases.outbox import Outbox
from reference_server.usecases.ports import Clock

_REST: Final = 7.0
"""For each second of writing so many seconds pass before the next: ticks that come meanwhile go out in one write."""

_LONGEST_REST_SECONDS: Final = 0.005


class Flushes:
    """Drains the outboxes that were announced.

    An idle gateway writes at the end of the turn in which something happened. A busy one would spend all its time on
    writes of a single message, each a system call; it rests between them, a few milliseconds at most.
    """

    def __init__(self, clock: Clock, *, longest_rest_seconds: float = _LONGEST_REST_SECONDS) -> None:
        self._now = clock.monotonic
        self._longest_rest = longest_rest_seconds
        self._ready: list[Outbox] = []
        self._not_before = 0.0

    def add(self, outbox: Outbox) -> None:
        """Drain this outbox soon."""
        if not self._ready:
            loop = asyncio.get_running_loop()
            rest = self._not_before - self._now()
            if rest > 0:
                loop.call_later(rest, self._flush)
            else:
                loop.call_soon(self._flush)
        self._ready.append(outbox)

    def _flush(self) -> None:
        ready, self._ready = self._ready, []
        began = self._now()
        for outbox in ready:
            outbox.drain()
        asyncio.get_running_loop().call_soon(self._rest, began)  # uvloop writes at the end of the turn

    def _rest(self, began: float) -> None:
        now = self._now()
        self._not_before = now + min((now - began) * _REST, self._longest_rest)
