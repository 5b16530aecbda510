"""uvicorn's protocols, with what the gateway needs besides: errors in its own shape, and many frames in one write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, cast

from starlette.types import Scope
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.datastructures import Headers
from websockets.http11 import Request

from reference_server.api.answers import AnswerCycle, refusal_of, refusing
from reference_server.api.connections import Connections
from reference_server.api.errors import MethodMissing
from reference_server.api.joined_writes import JoinedWrites
from reference_server.domain.errors import GatewayError, InvalidParameter
from reference_server.usecases.measures import Measures
from reference_server.usecases.outbox import CloseCode, Sink

MAX_HEAD_BYTES = 65_536
"""Bounds request line and headers together; no request of the contract comes near."""

REQUEST_SECONDS = 30.0
"""How long a client may take to send one request, so that connections on which nothing comes do not pile up."""

DIRECT = "tonpo.direct"
"""The extension of the ASGI scope under which the protocol offers itself as a DirectSocket.

An ASGI send costs an encoding and a system call per message and socket; here many encoded frames are one write.
"""


CUT_SECONDS = 2.0
"""How long a peer may take to read the close of a gateway that stops."""


class Measured(Protocol):
    """What the server's configuration offers to the protocols besides uvicorn's own."""

    connections: Connections
    measures: Measures


class DirectSocket(Sink, Protocol):
    """One socket that takes encoded frames without waiting."""

    on_writable: Callable[[], None]
    """Called when the socket takes frames again, after a write that filled it."""

    def cut_later(self) -> None: ...


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's own protocol, which answers malformed requests in the gateway's error shape and bounds the head.

    A request that is not complete when the bytes that began it are read must be so soon: most arrive in one piece, and
    for those no timer is made.
    """

    _head_bytes = 0
    _read_bytes = 0
    _problem: str | None = None
    _is_reading_head = False
    _is_incomplete = True
    _too_late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, with joined writes."""
        super().connection_made(JoinedWrites(transport, self.loop))  # type: ignore[arg-type] # all that uvicorn calls
        self._measured = cast(Measured, self.config)
        refusal = self._measured.connections.enter(self._address)
        if refusal is not None:
            self._refuse(refusal)
            return
        self._too_late = self.loop.call_later(REQUEST_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._measured.connections.leave(self._address)
        self._end_waiting()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over, unless a request waits for its answer: that of the handshake would be taken for it.

        Then the connection is closed behind that answer.
        """
        if self._owes_answer:
            self.cycle.keep_alive = False
            self.flow.pause_reading()
            return
        self._measured.connections.leave(self._address)
        self._end_waiting()
        super().handle_websocket_upgrade()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and stop at a head without end."""
        self._read_bytes = len(data)
        super().data_received(data)
        if self._is_reading_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response(_HEAD_TOO_LARGE)
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
        if self._owes_answer:
            self._too_late = self.loop.call_later(REQUEST_SECONDS, self._give_up)
            return
        self._too_late = None
        self.transport.close()

    @property
    def _owes_answer(self) -> bool:
        """Whether a complete request waits for its answer: an order, perhaps, of which the client must be told.

        What is queued behind a request may be incomplete, but not that request itself.
        """
        latest = self.cycle
        return bool(self.pipeline) or (latest is not None and not latest.response_complete and not latest.more_body)

    def on_message_begin(self) -> None:
        """Begin to count."""
        self._is_incomplete = True
        self._head_bytes = 0
        self._is_reading_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is complete: what follows is bounded elsewhere. Raises ValueError, which refuses the request."""
        self._is_reading_head = False
        self._problem = self._problem_of_head()
        if self._problem is not None:
            raise ValueError(self._problem)
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:
            AnswerCycle.take_over(self.cycle)

    def _problem_of_head(self) -> str | None:
        """Say what is wrong with a head that the parser takes. Source: RFC 9112, 2.6 and 3.2."""
        version = self.parser.get_http_version()
        if version not in ("1.1", "1.0"):
            return "The request is not HTTP/1.1."
        hosts = 0
        for name, _ in self.headers:
            if name == b"host":
                hosts += 1
        if hosts > 1 or (hosts == 0 and version == "1.1"):
            return "A request has exactly one Host header."
        if self._read_bytes > MAX_HEAD_BYTES:  # it came in one piece
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > MAX_HEAD_BYTES:
                return _HEAD_TOO_LARGE
        return None

    def on_message_complete(self) -> None:
        """The request is complete."""
        self._is_incomplete = False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer in the gateway's shape, and close; behind the answers to the requests before, if there are any.

        Written at once, it would be taken for the answer to one of those: to an order that is being executed.
        """
        error = InvalidParameter(self._problem or msg.replace("Invalid HTTP request received.", _NO_HTTP))
        if not self._owes_answer:
            self._refuse(error)
            return
        latest = self.cycle
        latest.keep_alive = False
        if latest.more_body:  # it is what cannot be read, queued behind the others, and is refused in its turn
            self.pipeline[0] = (latest, refusing(error))
        self.flow.pause_reading()

    @property
    def _address(self) -> str | None:
        return self.client[0] if self.client else None

    def _refuse(self, error: GatewayError) -> None:
        status, headers, content = refusal_of(error)
        head = b"".join(b"%b: %b\r\n" % one for one in [*self.server_state.default_headers, *headers])
        self.transport.write(STATUS_LINE[status] + head + b"connection: close\r\n\r\n" + content)
        self.transport.close()


_NO_HANDSHAKE = "The handshake cannot be read: it is a GET request without a body."
_NO_HTTP = "The request is not valid HTTP/1.1."
_HEAD_TOO_LARGE = f"The head of the request is larger than {MAX_HEAD_BYTES} bytes."


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
