"""uvicorn's protocol of a WebSocket, which takes many frames in one write and closes as the gateway decides."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol, cast

from starlette.types import Scope
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.httptools_impl import STATUS_LINE
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.datastructures import Headers
from websockets.http11 import Request

from reference_server.api.connection.answers import refusal_of
from reference_server.api.connection.joined_writes import JoinedWrites
from reference_server.api.connection.measured import Measured
from reference_server.api.errors import MethodMissing
from reference_server.domain.errors import InvalidParameter
from reference_server.usecases.outbox import CloseCode, Sink

DIRECT = "tonpo.direct"
"""The extension of the ASGI scope under which the protocol offers itself as a DirectSocket.

An ASGI send costs an encoding and a system call per message and socket; here many encoded frames are one write.
"""


CUT_SECONDS = 2.0
"""How long a peer may take to read the close of a gateway that stops."""


class DirectSocket(Sink, Protocol):
    """One socket that takes encoded frames without waiting."""

    on_writable: Callable[[], None]
    """Called when the socket takes frames again, after a write that filled it."""

    def cut_later(self) -> None: ...


_NO_HANDSHAKE: Final = "The handshake cannot be read: it is a GET request without a body."


def _nothing() -> None:
    pass


class FramedProtocol(WebSocketsSansIOProtocol):
    """uvicorn's own protocol, which is also a DirectSocket and answers bad handshakes in the gateway's shape."""

    on_writable: Callable[[], None] = staticmethod(_nothing)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection over from HTTP, under whose limits it came, without joined writes.

        Many frames are one write already.
        """
        if isinstance(transport, JoinedWrites):
            transport.flush()
            transport = transport.beneath
        super().connection_made(transport)
        self._measured = cast(Measured, self.config)
        self._measured.connections.enter(self.client[0] if self.client else None)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._measured.connections.leave(self.client[0] if self.client else None)
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Close with 1012, and cut the connection of a peer that does not read."""
        super().shutdown()
        self.cut_later()

    def cut_later(self) -> None:
        """Cut the connection of a peer that does not read its close."""
        self.loop.call_later(CUT_SECONDS, self.transport.abort)

    def handle_connect(self, event: Request) -> None:
        """Offer the direct socket in the scope of every connection."""
        answer = self.conn.accept(event)
        if answer.status_code != 101:
            self._refuse(answer.status_code, answer.body.decode("utf-8"), event.method)
            return
        conn: Any = self.conn
        conn.accept = lambda _event: answer  # uvicorn asks for the same again
        super().handle_connect(event)
        scope: Any = self.scope
        scope["extensions"][DIRECT] = self

    def data_received(self, data: bytes) -> None:
        """Read frames, or a handshake: one that cannot be read (it announces a body) would never be answered."""
        super().data_received(data)
        if self.conn.handshake_exc is None or self.handshake_initiated or self.transport.is_closing():
            return
        status, headers, content = refusal_of(InvalidParameter(_NO_HANDSHAKE))
        head = b"".join(b"%b: %b\r\n" % one for one in headers)
        self.handshake_complete = True
        self.close_sent = True
        self.transport.write(STATUS_LINE[status] + head + b"connection: close\r\n\r\n" + content)
        self.transport.close()

    def _refuse(self, status: int, reason: str, method: str) -> None:
        error = MethodMissing(method, ("GET",)) if status == 405 else InvalidParameter(reason.strip())
        _, headers, content = refusal_of(error)
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
        """Pass a message on. One that is not UTF-8 ends the socket with 1007, which uvicorn logs as a defect."""
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
        kind = message["type"]
        if kind == "websocket.http.response.body":
            self.handshake_complete = True
        elif kind == "websocket.close" and message.get("code") == CloseCode.SLOW_CONSUMER:
            self._measured.measures.slow_consumer_closed()

    def write(self, messages: list[bytes]) -> bool:
        """Write frames at once; tell whether there is room for more."""
        if self.disconnected or self.close_sent or self.transport.is_closing():
            return False
        self.transport.write(messages[0] if len(messages) == 1 else b"".join(messages))
        self._measured.measures.frames_sent(len(messages))
        return self.writable.is_set()

    def resume_writing(self) -> None:
        """The peer has read: there is room again."""
        super().resume_writing()
        if not self.close_sent:
            self.on_writable()

    def close(self, code: CloseCode) -> None:
        """Queue the close code behind what waits, and cut the connection after the closing time-out."""
        if self.disconnected or self.close_sent or self.transport.is_closing():
            return
        if code is CloseCode.SLOW_CONSUMER:
            self._measured.measures.slow_consumer_closed()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": int(code), "reason": code.reason})
        self.conn.send_close(code, code.reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:  # the peer's own close is read, too
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.abort)


def direct_socket(scope: Scope) -> DirectSocket | None:
    """Return the direct socket that the server offers, None for any other server than the gateway's own."""
    offered: DirectSocket | None = scope.get("extensions", {}).get(DIRECT)
    return offered
