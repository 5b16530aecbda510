"""What a connection writes in one turn of the event loop, as one write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


class JoinedWrites:
    """A transport that writes what one turn of the event loop said at once: uvicorn writes head and body one by one."""

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._waiting: list[bytes] = []
        self.is_closing: Callable[[], bool] = transport.is_closing  # asked for each request

    @property
    def beneath(self) -> Any:
        """The transport itself."""
        return self._transport

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write together with whatever else is written in this turn."""
        if not self._waiting:
            self._loop.call_soon(self.flush)
        self._waiting.append(data)

    def write_whole(self, data: bytes) -> None:
        """Write what nothing will follow, at once, behind what waits."""
        if self._waiting:
            self._waiting.append(data)
            self.flush()
        elif not self.is_closing():
            self._transport.write(data)

    def flush(self) -> None:
        """Write what waits."""
        waiting = self._waiting
        if waiting:
            self._waiting = []
            if self.is_closing():
                return
            self._transport.write(waiting[0] if len(waiting) == 1 else b"".join(waiting))

    def close(self) -> None:
        """Close behind what waits."""
        self.flush()
        self._transport.close()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand the connection to another protocol, behind what waits."""
        self.flush()
        self._transport.set_protocol(protocol)
