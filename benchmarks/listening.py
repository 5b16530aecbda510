"""The load generator's other half: sockets that subscribe, count what they are sent and look at samples of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter_ns
from typing import Any, Final, cast

from benchmarks.stamps import age_us

_HANDSHAKE: Final = (
    "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nX-API-Key: {key}\r\n\r\n"
)
_MASK: Final = b"\x11\x22\x33\x44"
_SAMPLE_EVERY: Final = 64
_PATIENCE_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class ListenJob:
    """One socket per list in `subscriptions`. `digits` are those of each symbol's price.

    Frames are counted for `seconds`, from `warm_up_seconds` after the first one; sockets stay open `tail_seconds` more.
    With `samples_all`, the first frame of every read is looked at, else of every 64th.
    """

    port: int
    key: str
    subscriptions: list[list[str]]
    digits: dict[str, int]
    seconds: float
    warm_up_seconds: float
    tail_seconds: float
    samples_all: bool


@dataclass(slots=True)
class Heard:
    """What all sockets heard."""

    frames: int = 0
    total: int = 0
    ages_us: list[int] = field(default_factory=list)
    wrong: str = ""
    is_counting: bool = False


class Listener(asyncio.Protocol):
    """One socket."""

    def __init__(self, job: ListenJob, symbols: list[str], heard: Heard, first: asyncio.Event) -> None:
        self._job = job
        self._symbols = symbols
        self._heard = heard
        self._first = first
        self._every = 1 if job.samples_all else _SAMPLE_EVERY
        self._reads = 0
        self._rest = b""
        self._is_open = False
        self.subscribed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(_HANDSHAKE.format(key=self._job.key).encode("ascii"))

    def data_received(self, data: bytes) -> None:
        """Count whole frames; keep a part of one for the next read."""
        if self._rest:
            data = self._rest + data
        if not self.subscribed.done():
            self._rest = self._greet(data)
            return
        position, size, count, first = 0, len(data), 0, (0, 0)
        while position + 4 <= size:
            length = data[position + 1]
            start = position + 2
            if length == 126:
                length = data[position + 2] << 8 | data[position + 3]
                start += 2
            end = start + length
            if end > size:
                break
            if not count:
                first = (start, end)
            count += 1
            position = end
        self._rest = data[position:]
        if not count:
            return
        heard = self._heard
        heard.total += count
        if not self._first.is_set():
            self._first.set()
        if heard.is_counting:
            heard.frames += count
            self._reads += 1
            if self._reads % self._every == 0:
                self._look(data, *first)

    def _greet(self, data: bytes) -> bytes:
        if not self._is_open:
            head, found, data = data.partition(b"\r\n\r\n")
            if not found:
                return head
            if not head.startswith(b"HTTP/1.1 101"):
                self._fail(f"the socket was refused: {head[:200].decode('latin-1')}")
                return b""
            self._is_open = True
            message = {"type": "subscribe", "symbols": self._symbols, "channels": ["tick"]}
            self.transport.write(_masked(json.dumps(message).encode("ascii")))
        while len(data) >= 4:
            start = 4 if data[1] == 126 else 2
            end = start + (int.from_bytes(data[2:4], "big") if start == 4 else data[1])
            if len(data) < end:
                break
            answer, data = json.loads(data[start:end]), data[end:]
            if answer["type"] == "subscribed":
                self.subscribed.set_result(None)
                break
            if answer["type"] != "snapshot":
                self._fail(f"instead of subscribed came {answer}")
                return b""
        return data

    def _look(self, data: bytes, start: int, end: int) -> None:
        """Check one frame and how long it was on its way."""
        tick = json.loads(data[start:end])
        symbol = tick.get("symbol")
        if tick.get("type") != "tick" or symbol not in self._symbols or not 0 < tick["bid"] <= tick["ask"]:
            self._fail(f"a frame that nobody asked for: {tick}")
            return
        self._heard.ages_us.append(age_us(tick["bid"], self._job.digits[symbol], perf_counter_ns()))

    def _fail(self, what: str) -> None:
        self._heard.wrong = self._heard.wrong or what
        if not self.subscribed.done():
            self.subscribed.set_exception(ValueError(what))

    def connection_lost(self, exc: Exception | None) -> None:
        """Before the end this fails the job."""
        self._fail(f"the server closed a socket ({exc})")


async def listen(job: ListenJob, ready: Callable[[], None]) -> dict[str, Any]:
    """Open all sockets, say `ready`, and count. Raises ValueError for what is wrong, TimeoutError, OSError."""
    loop = asyncio.get_running_loop()
    heard, first = Heard(), asyncio.Event()
    sockets = [
        (await loop.create_connection(partial(Listener, job, mix, heard, first), "127.0.0.1", job.port))[1]
        for mix in job.subscriptions
    ]
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await asyncio.gather(*(one.subscribed for one in sockets))
            ready()
            await first.wait()
        await asyncio.sleep(job.warm_up_seconds)
        heard.is_counting = True
        started = perf_counter_ns()
        await asyncio.sleep(job.seconds)
        heard.is_counting = False
        seconds = (perf_counter_ns() - started) / 1e9
        await asyncio.sleep(job.tail_seconds)
        if heard.wrong:
            raise ValueError(heard.wrong)
    finally:
        for one in sockets:
            one.transport.abort()
    ages = sorted(heard.ages_us) or [0]
    return {
        "count": heard.frames,
        "seconds": seconds,
        "total": heard.total,
        "p50_ms": ages[len(ages) // 2] / 1e3,
        "p99_ms": ages[min(len(ages) * 99 // 100, len(ages) - 1)] / 1e3,
    }


def _masked(payload: bytes) -> bytes:
    head = bytes((0x81, 0x80 | len(payload))) if len(payload) < 126 else b"\x81\xfe" + len(payload).to_bytes(2, "big")
    return head + _MASK + bytes(octet ^ _MASK[index % 4] for index, octet in enumerate(payload))
