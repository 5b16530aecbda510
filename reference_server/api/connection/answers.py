"""How an answer gets onto its connection: whole where it can, and in our shape where there was no request."""

from __future__ import annotations

import asyncio
import re
import secrets
from typing import Any, Final

from starlette.types import Receive, Scope, Send
from uvicorn._types import ASGIReceiveEvent, ASGISendEvent, HTTPResponseBodyEvent, HTTPResponseStartEvent
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from reference_server.api.access import NO_STORE, NOSNIFF
from reference_server.api.connection.joined_writes import JoinedWrites
from reference_server.api.errors import RawHeaders, error_answer
from reference_server.domain.errors import GatewayError

_CONTROL: Final = bytes(code for code in range(128) if (code < 32 and code != 9) or code == 127)
_FRAMING: Final = (b"connection", b"transfer-encoding")
_NAME: Final = re.compile(rb"[a-z0-9-]+")
_MOST_NAMES: Final = 200
_plain_names: Final[set[bytes]] = set()
"""Names of headers that were looked at; those of the gateway are few."""


class AnswerCycle(RequestResponseCycle):
    """uvicorn's cycle of one request and its answer, which keeps the head back until it knows the body.

    Head and body at once cost a fifth of what uvicorn's two steps do, which look at each header by themselves. All that
    is not plain goes uvicorn's way. An application that fails between head and body is answered 500, since nothing has
    been written by then.
    """

    access_log = False
    disconnected = False
    more_body = True
    response_started = False
    response_complete = False
    chunked_encoding: bool | None = None
    expected_content_length = 0
    _start: HTTPResponseStartEvent | None = None
    _news: asyncio.Event | None = None
    _unreadable: GatewayError | None = None

    def __init__(self, protocol: HttpToolsProtocol, *, keep_alive: bool) -> None:
        """Everything that uvicorn's own sets, most of it above: there is one of these for each request."""
        self.scope = protocol.scope
        self.transport = protocol.transport
        self.flow = protocol.flow
        self.logger = protocol.logger
        self.default_headers = protocol.server_state.default_headers
        self.on_response = protocol.on_response_complete
        self.keep_alive = keep_alive
        self.waiting_for_100_continue = protocol.expect_100_continue
        self.body = bytearray()

    @property
    def message_event(self) -> asyncio.Event:  # type: ignore[override] # uvicorn's is an attribute
        """Set while there is anything to receive; made when it is first asked for, as few requests have a body."""
        if self._news is None:
            self._news = asyncio.Event()
            if self.body or not self.more_body:
                self._news.set()
        return self._news

    def complete(self) -> None:
        """Everything of the request is here, or its answer is complete."""
        if self._news is not None:
            self._news.set()

    def fail(self, error: GatewayError) -> None:
        """The rest of the request cannot be read: who asks for it gets the error."""
        self._unreadable = error
        self.complete()

    async def receive(self) -> ASGIReceiveEvent:
        """Receive as uvicorn does. Raises what is wrong with the body."""
        message = await super().receive()
        if self._unreadable is not None and message["type"] == "http.request":
            raise self._unreadable
        return message

    async def send(self, message: ASGISendEvent) -> None:
        """Send as uvicorn does, a plain answer at once."""
        if message["type"] == "http.response.start" and not self.response_started:
            self._start = message
            return
        start, self._start = self._start, None
        if start is not None:
            if message["type"] == "http.response.body" and self._write_whole(start, message):
                return
            await super().send(start)
        await super().send(message)

    def _write_whole(self, start: HTTPResponseStartEvent, message: HTTPResponseBodyEvent) -> bool:
        """Write the answer, if it is plain; whatever is wrong with it is for uvicorn to tell."""
        if (
            message.get("more_body", False)
            or self.disconnected
            or self.flow.write_paused
            or not self.keep_alive
            or self.scope["method"] == "HEAD"
        ):
            return False
        headers = [*self.default_headers, *start["headers"]]
        body = message.get("body", b"")
        length = None
        parts = [STATUS_LINE[start["status"]]]
        for name, value in headers:
            if name not in _plain_names:
                if name == b"content-length":
                    length = value
                elif not _is_plain(name):
                    return False
            parts += (name, b": ", value, b"\r\n")
        if length is None or length != b"%d" % len(body):
            return False
        head = b"".join(parts)
        if len(head) - len(head.translate(None, _CONTROL)) != 2 * (1 + len(headers)):
            return False
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        transport: Any = self.transport
        write = transport.write_whole if isinstance(transport, JoinedWrites) else transport.write
        write(b"".join((head, b"\r\n", body)))
        self.complete()
        self.on_response()
        return True


def _is_plain(name: bytes) -> bool:
    if name in _FRAMING or not _NAME.fullmatch(name):
        return False
    if len(_plain_names) < _MOST_NAMES:
        _plain_names.add(name)
    return True


def refusal_of(error: GatewayError) -> tuple[int, RawHeaders, bytes]:
    """Return status, headers and content of the answer to what never became a request."""
    request_id = f"req_{secrets.token_hex(8)}"
    status, headers, content = error_answer(error, request_id)
    return status, [*headers, (b"x-request-id", request_id.encode("ascii")), NOSNIFF, NO_STORE], content


def refusing(error: GatewayError) -> Any:
    """Return an application that answers with the error, whatever it is asked."""

    async def answer(_scope: Scope, _receive: Receive, send: Send) -> None:
        status, headers, content = refusal_of(error)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    return answer
