"""`/ws`: refusal before the upgrade, then a receive loop per socket; its outbox writes by itself.

Source: Tonpo docs, "WebSocket Protocol".
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from reference_server.api import frames, messages
from reference_server.api.access import REQUEST_ID
from reference_server.api.connection.stream_protocol import direct_socket
from reference_server.api.errors import MethodMissing, error_answer
from reference_server.api.failures import Failures, refuse
from reference_server.api.keys import Authenticate
from reference_server.api.stream_query import key_of, read_query
from reference_server.domain.errors import (
    GatewayError,
    InvalidBody,
    InvalidParameter,
    PathNotFound,
    RequestRateExceeded,
    Violation,
)
from reference_server.usecases.flushes import Flushes
from reference_server.usecases.message_rate import Verdict
from reference_server.usecases.outbox import CloseCode
from reference_server.usecases.ports import Clock
from reference_server.usecases.session import Session
from reference_server.usecases.streams import Streams

PLAIN_STALLED_SECONDS = 10.0
"""How long an ordinary ASGI send may take. Sockets that are written to directly are watched by the pulse."""


@dataclass(frozen=True, slots=True)
class Stream:
    """The WebSocket endpoint, as an ASGI application."""

    authenticate: Authenticate
    streams: Streams
    clock: Clock
    failures: Failures
    flushes: Flushes
    plain_stalled_seconds: float = PLAIN_STALLED_SECONDS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection from handshake to close."""
        await receive()  # websocket.connect
        session: Session | None = None
        try:
            try:
                key = key_of(scope)
                user = await self.authenticate(key)
                query = read_query(scope)
                session = await self.streams.open_session(user, query.account_id, query.since_seq)
                await self.authenticate(key)  # a key rotated meanwhile could no longer close this session
            except Exception as error:  # the edge: whatever happened before the upgrade is answered over HTTP
                await deny(self.failures.gateway_error(error, scope), scope, send)
                return
            await send({"type": "websocket.accept", "headers": []})
            await self._serve(session, scope, receive, send)
        finally:
            if session is not None:
                self.streams.end_session(session)

    async def _serve(self, session: Session, scope: Scope, receive: Receive, send: Send) -> None:
        direct = direct_socket(scope)
        if direct is not None:
            direct.on_writable = session.outbox.resume
            session.outbox.connect(direct, self.flushes.add)
            await self._receive_loop(session, scope, receive)
            return
        async with asyncio.TaskGroup() as tasks:
            sender = tasks.create_task(self._send_loop(session, send))
            try:
                await self._receive_loop(session, scope, receive)
            finally:
                sender.cancel()

    async def _receive_loop(self, session: Session, scope: Scope, receive: Receive) -> None:
        while True:
            event = await receive()
            if event["type"] != "websocket.receive":
                return
            text = event.get("text")
            verdict = session.rate.judge(self.clock.monotonic())
            if verdict is Verdict.SERVED:
                session.reply(await self._answer(session, text, scope))
            elif verdict is Verdict.REFUSED:
                session.reply(_refusal_of(text))
            else:
                session.close(CloseCode.TOO_MANY_MESSAGES)  # and read on until the server says that it is closed
            # A burst is in the queue already, so that receive() would not wait: without this, nobody else were served
            # until its end, and its answers would pile up before they could be written.
            await asyncio.sleep(0)

    async def _send_loop(self, session: Session, send: Send) -> None:
        """Write to a server that has no direct socket, by ordinary ASGI sends."""
        outbox = session.outbox
        try:
            while batch := await outbox.take_batch():
                async with asyncio.timeout(self.plain_stalled_seconds):
                    for frame in batch:
                        await send({"type": "websocket.send", "text": frames.payload_of(frame).decode("utf-8")})
        except TimeoutError:
            session.close(CloseCode.SLOW_CONSUMER)
        except (OSError, RuntimeError):
            return  # the peer or the server closed first; the receive loop ends by itself
        code = outbox.close_code or CloseCode.GOING_AWAY
        with contextlib.suppress(TimeoutError, OSError, RuntimeError):
            async with asyncio.timeout(self.plain_stalled_seconds):
                await send({"type": "websocket.close", "code": int(code), "reason": code.reason})

    async def _answer(self, session: Session, text: str | None, scope: Scope) -> bytes:
        if text is None:
            return frames.error_frame(InvalidBody("Messages must be JSON text; a binary message was sent."), None)
        try:
            message = messages.read(text)
        except messages.Unreadable as unreadable:
            return frames.error_frame(unreadable.error, unreadable.request_id)
        try:
            return await self._serve_message(session, message)
        except Exception as error:  # the edge: the socket survives whatever one message brought about
            return frames.error_frame(self.failures.gateway_error(error, scope), message.request_id)

    async def _serve_message(self, session: Session, message: messages.Incoming) -> bytes:
        match message:
            case messages.Subscribe():
                symbols = await self.streams.subscribe(
                    session, message.symbols, timeframe=message.timeframe, channels=message.channels
                )
                return frames.subscribed_frame(symbols, message.request_id)
            case messages.Unsubscribe():
                removed = self.streams.unsubscribe(session, message.symbols)
                return frames.unsubscribed_frame(removed, message.request_id)
            case messages.GetPositions():
                return frames.positions_frame(await self.streams.get_positions(session), message.request_id)
            case messages.Ping():
                return frames.pong_frame(self.clock.now_ms(), message.request_id)


def _refusal_of(text: str | None) -> bytes:
    request_id = None
    if text is not None:
        try:
            request_id = messages.read(text).request_id
        except messages.Unreadable as unreadable:
            request_id = unreadable.request_id
    return frames.error_frame(RequestRateExceeded("Too many messages on this socket: slow down."), request_id)


async def deny(error: GatewayError, scope: Scope, send: Send) -> None:
    """Answer the handshake with the error instead of an upgrade."""
    status, headers, content = error_answer(error, scope.get(REQUEST_ID, ""))
    if "websocket.http.response" in scope.get("extensions", {}):
        await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": content})
    else:
        await send({"type": "websocket.close", "code": 1008, "reason": ""})


class NoStreamHere:
    """What a WebSocket gets on any other path: 404 before the upgrade."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse one connection."""
        await receive()  # websocket.connect
        await deny(PathNotFound("The stream of this gateway is at /ws."), scope, send)


class UpgradeNeeded:
    """What plain HTTP gets at `/ws`: 405 for any method but GET, 400 for a GET that does not ask for the upgrade."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        error: GatewayError
        if scope["method"] == "GET":
            error = InvalidParameter(
                "This path is a WebSocket: connect with the upgrade headers of RFC 6455.",
                violations=(Violation("Upgrade", "must be websocket"),),
            )
        else:
            error = MethodMissing(scope["method"], ("GET",))
        await refuse(error, scope, receive, send)
