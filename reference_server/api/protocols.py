"""uvicorn's protocols, with what the gateway needs besides: errors in its own shape, and many frames in one write."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any, Protocol

from starlette.types import Scope, Send
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.datastructures import Headers
from websockets.http11 import Request

from reference_server.api.errors import MethodMissing, RawHeaders, error_answer
from reference_server.api.frames import payload_of
from reference_server.domain.errors import GatewayError, InvalidParameter

MAX_HEAD_BYTES = 65_536
"""Bounds request line and headers together; no request of the contract comes near."""

REQUEST_SECONDS = 30.0
"""How long a client may take to send one request, so that connections on which nothing comes do not pile up."""

WRITER = "tonpo.frames"
"""The extension of the ASGI scope under which the protocol offers itself as a FrameWriter.

An ASGI send costs an encoding and a system call per message and socket; here a batch of encoded frames is one write.
"""


class FrameWriter(Protocol):
    """Writes frames to one socket."""

    async def write_frames(self, frames: list[bytes]) -> None:
        """Write these frames; waits while the peer is slow. Raises OSError once the socket is gone."""
        ...

    def give_up(self, code: int) -> None:
        """Close a socket whose peer takes nothing: the code is queued for it, and the connection cut soon after."""
        ...


class JoinedWrites:
    """A transport that writes what one turn of the event loop said at once: uvicorn writes head and body one by one."""

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._waiting: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write together with whatever else is written in this turn."""
        if not self._waiting:
            self._loop.call_soon(self.flush)
        self._waiting.append(data)

    def flush(self) -> None:
        """Write what waits."""
        waiting = self._waiting
        if waiting:
            self._waiting = []
            if self._transport.is_closing():
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


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's own protocol, which answers malformed requests in the gateway's error shape and bounds the head.

    A request that is not complete when the bytes that began it are read must be so soon: most arrive in one piece, and
    for those no timer is made.
    """

    _head_bytes = 0
    _is_reading_head = False
    _is_incomplete = True
    _too_late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, with joined writes."""
        super().connection_made(JoinedWrites(transport, self.loop))  # type: ignore[arg-type] # all that uvicorn calls
        self._too_late = self.loop.call_later(REQUEST_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._end_waiting()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over."""
        self._end_waiting()
        super().handle_websocket_upgrade()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and stop at a head without end."""
        super().data_received(data)
        if self._is_reading_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response(f"The head of the request is larger than {MAX_HEAD_BYTES} bytes.")
        if self._too_late is not None:
            if not self._is_incomplete:
                self._end_waiting()
        elif self._is_incomplete and not self.transport.is_closing():
            self._too_late = self.loop.call_later(REQUEST_SECONDS, self._give_up)

    def _end_waiting(self) -> None:
        self._is_incomplete = False
        if self._too_late is not None:
            self._too_late.cancel()
            self._too_late = None

    def _give_up(self) -> None:
        self._too_late = None
        self.transport.close()

    def on_message_begin(self) -> None:
        """Begin to count."""
        self._is_incomplete = True
        self._head_bytes = 0
        self._is_reading_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is complete: what follows is bounded elsewhere."""
        self._is_reading_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is complete."""
        self._is_incomplete = False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer in the gateway's shape, and close."""
        headers, content = _refusal(InvalidParameter(msg.replace("Invalid HTTP request received.", _NO_HTTP)))
        head = b"".join(b"%b: %b\r\n" % one for one in [*self.server_state.default_headers, *headers])
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n" + head + b"connection: close\r\n\r\n" + content)
        self.transport.close()


_NO_HTTP = "The request is not valid HTTP/1.1."


def _refusal(error: GatewayError) -> tuple[RawHeaders, bytes]:
    request_id = f"req_{secrets.token_hex(8)}"
    _, headers, content = error_answer(error, request_id)
    return [*headers, (b"x-request-id", request_id.encode("ascii"))], content


class FramedProtocol(WebSocketsSansIOProtocol):
    """uvicorn's own protocol, which also offers a FrameWriter and answers bad handshakes in the gateway's shape."""

    def handle_connect(self, event: Request) -> None:
        """Offer the writer in the scope of every connection."""
        answer = self.conn.accept(event)
        if answer.status_code != 101:
            self._refuse(answer.status_code, answer.body.decode("utf-8"), event.method)
            return
        super().handle_connect(event)
        scope: Any = self.scope
        scope["extensions"][WRITER] = self

    def _refuse(self, status: int, reason: str, method: str) -> None:
        error = MethodMissing(method, ("GET",)) if status == 405 else InvalidParameter(reason.strip())
        headers, content = _refusal(error)
        answer = self.conn.reject(405 if status == 405 else 400, "")
        answer.body = content
        answer.headers = Headers([(name.decode("ascii"), value.decode("latin-1")) for name, value in headers])
        answer.headers["Connection"] = "close"
        self.handshake_complete = True
        self.close_sent = True
        self.conn.send_response(answer)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.close()

    def send_receive_event_to_app(self) -> None:
        """Pass a message on. One that is not UTF-8 ends the socket with 1007, which uvicorn logs as a failure of ours."""
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode("utf-8")
            except UnicodeDecodeError:
                self.frames = []
                self.conn.send_close(1007)
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()

    async def send(self, message: ASGISendEvent) -> None:
        """Send as uvicorn does; a handshake that was answered over HTTP is complete, which uvicorn does not note."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = True

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
