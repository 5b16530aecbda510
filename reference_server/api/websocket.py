"""`/ws`: refusal before the upgrade, then a receive and a send loop per socket. Source: docs, "WebSocket Protocol"."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from reference_server.api import frames, messages
from reference_server.api.access import REQUEST_ID
from reference_server.api.errors import MethodMissing, error_answer
from reference_server.api.failures import Failures, refuse
from reference_server.api.keys import Authenticate, clear_key
from reference_server.api.protocols import FrameWriter, writer_of
from reference_server.domain.errors import (
    ApiKeyMissing,
    GatewayError,
    InvalidBody,
    InvalidParameter,
    PathNotFound,
    Violation,
)
from reference_server.usecases.outbox import CloseCode
from reference_server.usecases.ports import Clock
from reference_server.usecases.session import Session
from reference_server.usecases.streams import Streams

STALLED_SECONDS = 10.0
"""How long a peer may take nothing at all before its socket is given up as a slow consumer."""


@dataclass(frozen=True, slots=True)
class Stream:
    """The WebSocket endpoint, as an ASGI application."""

    authenticate: Authenticate
    streams: Streams
    clock: Clock
    failures: Failures
    stalled_seconds: float = STALLED_SECONDS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection from handshake to close."""
        await receive()  # websocket.connect
        session: Session | None = None
        try:
            try:
                key = _key_of(scope)
                user = await self.authenticate(key)
                session = await self.streams.open_session(user)
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
        async with asyncio.TaskGroup() as tasks:
            sender = tasks.create_task(self._send_loop(session, writer_of(scope, send), send))
            try:
                await self._receive_loop(session, scope, receive)
            finally:
                sender.cancel()

    async def _receive_loop(self, session: Session, scope: Scope, receive: Receive) -> None:
        while True:
            event = await receive()
            if event["type"] != "websocket.receive":
                return
            answer = await self._answer(session, event.get("text"), scope)
            session.reply(answer)
            # A burst is in the queue already, so that receive() would not wait: without this, nobody else were served
            # until its end, and its answers would pile up before the send loop could take one.
            await asyncio.sleep(0)

    async def _send_loop(self, session: Session, writer: FrameWriter, send: Send) -> None:
        try:
            while batch := await session.outbox.take_batch():
                async with asyncio.timeout(self.stalled_seconds):
                    await writer.write_frames(batch)
            code = session.outbox.close_code or CloseCode.GOING_AWAY
            async with asyncio.timeout(self.stalled_seconds):
                await send({"type": "websocket.close", "code": int(code), "reason": _REASONS[code]})
        except TimeoutError:
            session.close(CloseCode.SLOW_CONSUMER)
            writer.give_up(int(session.outbox.close_code or CloseCode.SLOW_CONSUMER))
        except (OSError, RuntimeError):
            return  # the peer or the server closed first; the receive loop ends by itself

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


_REASONS: dict[CloseCode, str] = {
    CloseCode.GOING_AWAY: "the gateway is shutting down",
    CloseCode.RESTARTING: "the gateway is restarting",
    CloseCode.KEY_REVOKED: "the API key was rotated",
    CloseCode.SLOW_CONSUMER: "the socket was read too slowly",
}


def _key_of(scope: Scope) -> str:
    """Return the key of the header, else of the query. Raises ApiKeyMissing, ApiKeyInvalid."""
    try:
        return clear_key(scope["headers"])
    except ApiKeyMissing:
        query: str = scope["query_string"].decode("latin-1")
        for name, value in parse_qsl(query):
            if name == "api_key" and value:
                return value
        raise ApiKeyMissing("Invalid or missing API key: send it in the X-API-Key header or as ?api_key=.") from None


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
