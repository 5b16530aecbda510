"""What waits to be written to one socket: bounded, with a rule for consumers that are too slow."""

from __future__ import annotations

import asyncio
from enum import IntEnum

DEFAULT_EVENTS = 1_000
DEFAULT_EVENT_BYTES = 8 * 1024 * 1024
"""A list of all positions can be large: a count alone would let one socket hold hundreds of megabytes."""


class CloseCode(IntEnum):
    """Why the gateway closes a socket. 1001 and 1012: RFC 6455 and its registry; 44xx: this gateway's own."""

    GOING_AWAY = 1001
    RESTARTING = 1012
    KEY_REVOKED = 4401
    SLOW_CONSUMER = 4408


class Outbox:
    """Encoded messages for one socket.

    Market data: the newest per key wins, so what waits is bounded by what is subscribed. Everything else keeps its
    order and is never dropped: when more than `events` of it wait, or several of more than `event_bytes` together, the
    outbox closes itself with 4408.
    """

    __slots__ = ("_byte_limit", "_bytes", "_events", "_limit", "_market", "_reader", "close_code")

    def __init__(self, *, events: int = DEFAULT_EVENTS, event_bytes: int = DEFAULT_EVENT_BYTES) -> None:
        self._limit = events
        self._byte_limit = event_bytes
        self._bytes = 0
        self._events: list[bytes] = []
        self._market: dict[object, bytes] = {}
        self._reader: asyncio.Future[None] | None = None
        self.close_code: CloseCode | None = None

    def put_event(self, message: bytes) -> None:
        """Add a message that must arrive. Ignored once closed."""
        if self.close_code is not None:
            return
        self._bytes += len(message)
        if self._events and (len(self._events) >= self._limit or self._bytes > self._byte_limit):
            self.close(CloseCode.SLOW_CONSUMER)
            return
        self._events.append(message)
        if self._reader is not None:
            self._wake()

    def put_market(self, key: object, message: bytes) -> None:
        """Add market data in place of what still waits under the same key. Ignored once closed."""
        if self.close_code is not None:
            return
        self._market[key] = message
        if self._reader is not None:
            self._wake()

    def forget_market(self, key: object) -> None:
        """Drop what waits under this key, because it is no longer wanted."""
        self._market.pop(key, None)

    def close(self, code: CloseCode) -> None:
        """Take nothing more; the first code stays.

        What still waits is sent before the gateway shuts down, and dropped for a slow consumer or a revoked key.
        """
        if self.close_code is not None:
            return
        self.close_code = code
        if code in (CloseCode.SLOW_CONSUMER, CloseCode.KEY_REVOKED):
            self._events = []
            self._market = {}
        self._wake()

    def take_now(self) -> list[bytes]:
        """Everything that waits, events first in their order; empty when nothing does."""
        batch = self._events
        if self._market:
            batch.extend(self._market.values())
            self._market = {}
        self._events = []
        self._bytes = 0
        return batch

    async def take_batch(self) -> list[bytes]:
        """Wait for something and return everything that is ready; empty only once closed: see `close_code`.

        For one reader at a time.
        """
        while not self._events and not self._market:
            if self.close_code is not None:
                return []
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self.take_now()

    @property
    def waiting(self) -> int:
        """How many messages wait."""
        return len(self._events) + len(self._market)

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
