"""What waits to be written to one socket: bounded, with a rule for consumers that are too slow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Final, Protocol

DEFAULT_EVENTS: Final = 1_000
DEFAULT_EVENT_BYTES: Final = 8 * 1024 * 1024
"""A list of all positions can be large: a count alone would let one socket hold hundreds of megabytes."""

_QUEUED_MESSAGES: Final = 256
_QUEUED_BYTES: Final = 64 * 1024
"""What a socket that takes everything may be owed before it is written at once, in the middle of a turn."""


class CloseCode(IntEnum):
    """Why the gateway closes a socket. 1001, 1011, 1012: RFC 6455 and its registry; 44xx: this gateway's own."""

    GOING_AWAY = 1001
    INTERNAL_ERROR = 1011
    RESTARTING = 1012
    KEY_REVOKED = 4401
    SLOW_CONSUMER = 4408
    TOO_MANY_MESSAGES = 4429

    @property
    def is_orderly(self) -> bool:
        """Whether what still waits is sent before the socket is closed."""
        return self in (CloseCode.GOING_AWAY, CloseCode.RESTARTING)

    @property
    def reason(self) -> str:
        """What the close frame says in words."""
        return _REASONS[self]


_REASONS: Final = {
    CloseCode.GOING_AWAY: "the gateway is shutting down",
    CloseCode.INTERNAL_ERROR: "the gateway cannot number the events of the account: connect again",
    CloseCode.RESTARTING: "the gateway is restarting",
    CloseCode.KEY_REVOKED: "the API key is no longer valid",
    CloseCode.SLOW_CONSUMER: "the socket was read too slowly",
    CloseCode.TOO_MANY_MESSAGES: "the client went on at ten times the allowed rate",
}


class Sink(Protocol):
    """Where an outbox can write without waiting."""

    def write(self, messages: list[bytes]) -> bool:
        """Take all of these; tell whether it takes more. If not, `Outbox.resume` is called once it does again."""
        ...

    def close(self, code: CloseCode) -> None:
        """Close the socket behind what was written."""
        ...


Announce = Callable[["Outbox"], None]
"""Asked for a call of `drain` soon, when the first message is owed to a socket."""


class Outbox:
    """Encoded messages for one socket.

    While the socket takes them, all messages go out in their order, once a turn. When it does not, or nothing is
    connected, they wait. Market data: the newest per key wins, so what waits is bounded by what is subscribed.
    Everything else keeps its order and is never dropped: when more than `events` of it wait, or several of more than
    `event_bytes` together, the outbox closes itself with 4408.
    """

    __slots__ = (
        "_announce",
        "_byte_limit",
        "_bytes",
        "_events",
        "_extra",
        "_limit",
        "_market",
        "_queue",
        "_reader",
        "_sink",
        "close_code",
        "sweeps_behind",
        "sweeps_quiet",
    )

    def __init__(self, *, events: int = DEFAULT_EVENTS, event_bytes: int = DEFAULT_EVENT_BYTES) -> None:
        self._limit = events
        self._byte_limit = event_bytes
        self._bytes = 0
        self._extra = 0
        self._events: list[bytes] = []
        self._market: dict[object, bytes] = {}
        self._queue: list[bytes] | None = None
        """What the next `drain` writes; None while the socket takes nothing, and messages wait."""
        self._sink: Sink | None = None
        self._announce: Announce | None = None
        self._reader: asyncio.Future[None] | None = None
        self.close_code: CloseCode | None = None
        self.sweeps_quiet = 0
        """Sweeps since the last write; and since the socket stopped to take anything. See `pulse`."""
        self.sweeps_behind = 0

    def put_event(self, message: bytes) -> None:
        """Add a message that must arrive. Ignored once closed."""
        if self.close_code is not None:
            return
        queue = self._queue
        self._bytes += len(message)
        if queue is not None:
            if not queue:
                self._announce_first()
            queue.append(message)
            if len(queue) >= _QUEUED_MESSAGES or self._bytes > _QUEUED_BYTES:
                self.drain()
            return
        is_full = len(self._events) >= self._limit + self._extra or self._bytes > self._byte_limit
        if self._events and is_full:
            self.close(CloseCode.SLOW_CONSUMER)
            return
        self._events.append(message)
        if self._reader is not None:
            self._wake()

    def put_replay(self, messages: Sequence[bytes]) -> None:
        """Add what a client missed. It was asked for, so it may be more than may wait otherwise."""
        for message in messages:
            if self._queue is None:  # the socket may take some of them, and then no more
                self._extra += 1
            self.put_event(message)

    def put_market(self, key: object, message: bytes) -> None:
        """Add market data; while it waits, in place of what waits under the same key. Ignored once closed."""
        if self.close_code is not None:
            return
        queue = self._queue
        if queue is not None:
            if not queue:
                self._announce_first()
            queue.append(message)
            if len(queue) >= _QUEUED_MESSAGES:
                self.drain()
            return
        self._market[key] = message
        if self._reader is not None:
            self._wake()

    def forget_market(self, key: object) -> None:
        """Let nothing under this key be written any more: what is owed goes out now, what waits is dropped."""
        self.drain()
        self._market.pop(key, None)

    def close(self, code: CloseCode) -> None:
        """Take nothing more; the first code stays.

        What still waits is sent before an orderly close, and dropped for any other.
        """
        if self.close_code is not None:
            return
        self.close_code = code
        if not code.is_orderly:
            self._events = []
            self._market = {}
            self._queue = self._queue and []
        self._wake()
        self._close_sink()

    def connect(self, sink: Sink, announce: Announce) -> None:
        """Write to this sink from now on, beginning with what waits."""
        self._sink, self._announce = sink, announce
        self.resume()

    def resume(self) -> None:
        """The sink takes messages again: write what waits."""
        if self._sink is None or self._queue is not None:
            return
        self._queue = self.take_now()
        self.sweeps_behind = 0
        self.drain()
        self._close_sink()

    def drain(self) -> None:
        """Write what is owed, in one go."""
        queue = self._queue
        if not queue or self._sink is None:
            return
        self._bytes = self._extra = self.sweeps_quiet = 0
        self._queue = [] if self._sink.write(queue) else None

    def take_now(self) -> list[bytes]:
        """Everything that waits, events first in their order; empty when nothing does."""
        batch = self._events
        if self._market:
            batch.extend(self._market.values())
            self._market = {}
        self._events = []
        self._bytes = self._extra = 0
        if batch:
            self.sweeps_quiet = 0
        return batch

    async def take_batch(self) -> list[bytes]:
        """Wait for something and return everything that is ready; empty only once closed: see `close_code`.

        For one reader at a time, in place of a sink.
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
    def is_behind(self) -> bool:
        """Whether a connected socket takes nothing now."""
        return self._sink is not None and self._queue is None

    @property
    def waiting(self) -> int:
        """How many messages wait."""
        return len(self._events) + len(self._market) + len(self._queue or ())

    def _announce_first(self) -> None:
        if self._announce is not None:
            self._announce(self)

    def _close_sink(self) -> None:
        if self.close_code is None or self._sink is None:
            return
        sink, self._sink = self._sink, None
        rest = self.take_now() if self._queue is None else self._queue
        self._queue = None
        if rest:
            sink.write(rest)
        sink.close(self.close_code)

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
