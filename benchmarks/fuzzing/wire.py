"""One connection of the client, read and written as bytes."""

from __future__ import annotations

import asyncio
from typing import cast

from benchmarks.fuzzing.answers import Frame, HttpAnswer, take_answer, take_frame


class Wire(asyncio.Protocol):
    """A connection. Reading raises TimeoutError after `patience_seconds`, EOFError at the end of the connection."""

    def __init__(self, patience_seconds: float) -> None:
        self.patience_seconds = patience_seconds
        self.rest = b""
        self.has_ended = False
        self._came = asyncio.Event()
        self._transport: asyncio.Transport

    @classmethod
    async def open(cls, port: int, patience_seconds: float) -> Wire:
        """Connect to a port of this machine. Raises OSError."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(patience_seconds):
            _, wire = await loop.create_connection(lambda: cls(patience_seconds), "127.0.0.1", port)
        return wire

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Keep what came."""
        self.rest += data
        self._came.set()

    def eof_received(self) -> None:
        """The server has ended."""
        self.has_ended = True
        self._came.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - however it was lost
        """The connection is gone."""
        self.has_ended = True
        self._came.set()

    def write(self, data: bytes) -> None:
        """Send bytes; to a connection that is gone nothing is sent."""
        if not self._transport.is_closing():
            self._transport.write(data)

    def end(self) -> None:
        """Tell the server that nothing more will come."""
        if not self._transport.is_closing() and not self.has_ended:
            self._transport.write_eof()

    def abort(self) -> None:
        """Cut the connection."""
        self._transport.abort()

    async def answer(self, *, is_to_head: bool = False) -> HttpAnswer:
        """Read one HTTP answer. Raises TimeoutError, EOFError, BadAnswer."""
        while (taken := take_answer(self.rest, is_to_head=is_to_head)) is None:
            await self._more()
        answer, self.rest = taken
        return answer

    async def frame(self) -> Frame:
        """Read one frame. Raises TimeoutError, EOFError, BadAnswer."""
        while (taken := take_frame(self.rest)) is None:
            await self._more()
        found, self.rest = taken
        return found

    async def _more(self) -> None:
        if self.has_ended:
            raise EOFError
        self._came.clear()
        async with asyncio.timeout(self.patience_seconds):
            await self._came.wait()
