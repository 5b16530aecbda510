"""Sockets that keep account of every tick and every numbered event."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final, cast

import orjson

from benchmarks.fuzzing.answers import Frame, take_frame
from benchmarks.fuzzing.frame_cases import PING, PONG, frame, good_headers, handshake
from benchmarks.fuzzing.wire import Wire
from benchmarks.soaking.ground import TradingAccount
from benchmarks.soaking.minutes import Minutes

_SAMPLE_EVERY: Final = 16
_TEXT: Final = 1


@dataclass(slots=True)
class Heard:
    """What one socket heard. Ticks are counted by symbol and by the second of their own time.

    `later`: symbols that ticked again after the end of what is counted.
    """

    ticks: dict[str, dict[int, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    last_tick: dict[str, tuple[int, float, float]] = field(default_factory=dict)
    last_seq: int | None = None
    first_seq: int | None = None
    events: int = 0
    later: set[str] = field(default_factory=set)
    kinds: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    wrong: list[str] = field(default_factory=list)


class Listening(Wire):
    """One socket, read as the bytes come."""

    def __init__(self, patience_seconds: float) -> None:
        super().__init__(patience_seconds)
        self.heard = Heard()
        self.minutes: Minutes | None = None
        self.cutoff_ms: int | None = None
        self._is_reading = False
        self._seen = 0

    @classmethod
    async def join(cls, port: int, account: TradingAccount, symbols: tuple[str, ...], minutes: Minutes) -> Listening:
        """Open a socket of the account and subscribe. Raises ValueError when that is refused."""
        wire = cast(Listening, await cls.open(port, 30.0))
        wire.write(handshake(f"/ws?account_id={account.account_id}", good_headers(account.key)))
        answer = await wire.answer()
        if answer.status != 101:
            raise ValueError(f"a socket was refused: {answer.status} {answer.body[:200]!r}")
        wire.minutes = minutes
        if symbols:
            wanted = {"type": "subscribe", "symbols": list(symbols), "channels": ["tick"]}
            wire.write(frame(_TEXT, json.dumps(wanted).encode("ascii")))
        wire.begin()
        return wire

    def begin(self) -> None:
        """Read frames from now on, those that came already first."""
        self._is_reading = True
        self._read()

    def data_received(self, data: bytes) -> None:
        """Read all frames that are whole."""
        super().data_received(data)
        if self._is_reading:
            self._read()

    def connection_lost(self, exc: Exception | None) -> None:
        """The server has closed the socket: it never should."""
        if self._is_reading:
            self.heard.wrong.append("the server closed the socket")
        super().connection_lost(exc)

    def leave(self) -> Heard:
        """Close the socket and give what was heard."""
        self._is_reading = False
        self.abort()
        return self.heard

    def _read(self) -> None:
        while (taken := take_frame(self.rest)) is not None:
            found, self.rest = taken
            self._hear(found)

    def _hear(self, found: Frame) -> None:
        heard, minutes = self.heard, self.minutes
        assert minutes is not None
        if found.opcode == PING:
            self.write(frame(PONG, found.payload))
            return
        if found.opcode != _TEXT:
            heard.wrong.append(f"a frame with opcode {found.opcode}: {found.payload[:100]!r}")
            return
        message = orjson.loads(found.payload)
        kind = message["type"]
        heard.kinds[kind] += 1
        if kind == "tick":
            self._tick(message, minutes)
        elif kind == "snapshot":
            heard.first_seq = heard.last_seq = message["seq"]
        elif kind == "heartbeat":
            if heard.last_seq is not None and message["seq"] != heard.last_seq:
                heard.wrong.append(f"a heartbeat says {message['seq']} after {heard.last_seq}")
        elif "seq" in message:
            self._event(message, minutes)
        elif kind == "error":
            heard.wrong.append(f"an error: {found.payload[:200]!r}")

    def _tick(self, message: dict[str, Any], minutes: Minutes) -> None:
        heard = self.heard
        symbol, time_ms = message["symbol"], message["time"]
        if self.cutoff_ms is not None and time_ms >= self.cutoff_ms:
            heard.later.add(symbol)
            return
        previous = heard.last_tick.get(symbol)
        if previous is not None and previous[0] > time_ms:
            heard.wrong.append(f"a tick of {symbol} is older than the one before")
        heard.last_tick[symbol] = (time_ms, message["bid"], message["ask"])
        heard.ticks[symbol][time_ms // 1_000] += 1
        minute = minutes.now
        minute.deliveries += 1
        self._seen += 1
        if self._seen % _SAMPLE_EVERY == 0:
            minute.ticks_ms.append(time.time_ns() // 1_000_000 - time_ms)

    def _event(self, message: dict[str, Any], minutes: Minutes) -> None:
        heard, seq = self.heard, message["seq"]
        if heard.last_seq is not None and seq != heard.last_seq + 1:
            heard.wrong.append(f"event {seq} after {heard.last_seq}")
        heard.last_seq = seq
        heard.events += 1
        minutes.now.events += 1
