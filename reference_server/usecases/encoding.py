"""What turns events into messages."""

from __future__ import annotations

from typing import Protocol

from reference_server.domain.events import AccountEvent, Snapshot
from reference_server.domain.market import Candle, Tick


class Encoder(Protocol):
    """Turns events into messages, each at most once. The bytes are opaque here: text, or frames ready to be written."""

    def tick(self, tick: Tick) -> bytes: ...

    def quote(self, tick: Tick) -> bytes: ...

    def candle(self, candle: Candle) -> bytes: ...

    def event(self, event: AccountEvent, seq: int) -> bytes: ...

    def snapshot(self, snapshot: Snapshot) -> bytes: ...

    def heartbeat(self, now_ms: int, seq: int) -> bytes: ...
