"""A WebSocket protocol for uvicorn that writes frames which are encoded already, many at once.

One ASGI send costs an encoding and a system call per message and socket; here a batch is one write.
"""

from __future__ import annotations

from typing import Any, Protocol

from starlette.types import Scope, Send
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from reference_server.api.frames import payload_of

WRITER = "tonpo.frames"
"""The extension of the ASGI scope under which the protocol offers itself."""


class FrameWriter(Protocol):
    """Writes frames to one socket."""

    async def write_frames(self, frames: list[bytes]) -> None:
        """Write these frames; waits while the peer is slow. Raises OSError once the socket is gone."""
        ...

    def give_up(self, code: int) -> None:
        """Close a socket whose peer takes nothing: the code is queued for it, and the connection cut soon after."""
        ...


class FramedProtocol(WebSocketsSansIOProtocol):
    """uvicorn's own protocol, which also offers a FrameWriter."""

    def handle_connect(self, event: Request) -> None:
        """Offer the writer in the scope of every connection."""
        super().handle_connect(event)
        scope: Any = getattr(self, "scope", None)
        if scope is not None:  # absent when the handshake was refused
            scope["extensions"][WRITER] = self

    async def write_frames(self, frames: list[bytes]) -> None:
        """Write frames at once. Raises ClientDisconnected."""
        if not self.writable.is_set():
            await self.writable.wait()
        if self.disconnected or self.close_sent or self.transport.is_closing():
            raise ClientDisconnected
        self.transport.write(frames[0] if len(frames) == 1 else b"".join(frames))

    def give_up(self, code: int) -> None:
        """Queue the close code behind what waits, and cut the connection after the closing time-out."""
        if self.close_sent or self.transport.is_closing():
            return
        self.conn.send_close(code)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": ""})
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.abort)


class PlainWriter:
    """A FrameWriter over ordinary ASGI sends, for any other server."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def write_frames(self, frames: list[bytes]) -> None:
        """Send each frame's text."""
        for frame in frames:
            await self._send({"type": "websocket.send", "text": payload_of(frame).decode("utf-8")})

    def give_up(self, code: int) -> None:
        """Nothing to do: the server closes the connection when the application returns."""


def writer_of(scope: Scope, send: Send) -> FrameWriter:
    """Return the best writer that the server offers."""
    offered: FrameWriter | None = scope.get("extensions", {}).get(WRITER)
    return offered or PlainWriter(send)
