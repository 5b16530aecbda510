"""Request ids and the access log, outermost. The query string is never logged: on /ws it can hold a key."""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Callable
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUEST_ID = "tonpo.request_id"
"""Where the scope holds the request's id."""

_SANE = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")

AccessLog = Callable[[str, str, int, float, str], None]
"""Takes method, path, status, duration in ms and request id of one request."""

OnRequest = Callable[[str, str | None], object]
"""Told the request id and the client's address before the request is served, in its own context."""


class Access:
    """Gives every request an id (the client's own where it is sane) and every answer an X-Request-ID header."""

    def __init__(self, app: ASGIApp, *, log: AccessLog | None = None, on_request: OnRequest | None = None) -> None:
        self.app = app
        self._log = log
        self._on_request = on_request
        self._prefix = f"req_{secrets.token_hex(5)}"
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        request_id = self._id_of(scope)
        scope[REQUEST_ID] = request_id.decode("ascii")
        if self._on_request is not None:
            client = scope.get("client")
            self._on_request(scope[REQUEST_ID], client[0] if client else None)
        log = self._log
        started = perf_counter() if log is not None else 0.0
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            kind = message["type"]
            if kind == "http.response.start" or kind == "websocket.http.response.start":
                message["headers"].append((b"x-request-id", request_id))
                status = message["status"]
            elif kind == "websocket.accept":
                status = 101
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        finally:
            if log is not None:
                duration_ms = (perf_counter() - started) * 1000
                log(scope.get("method", "WEBSOCKET"), scope["path"], status, duration_ms, scope[REQUEST_ID])

    def _id_of(self, scope: Scope) -> bytes:
        for name, value in scope["headers"]:
            if name == b"x-request-id" and _SANE.fullmatch(value) and b"sk_live" not in value:  # ids are logged
                sane: bytes = value
                return sane
        return b"%s%07x" % (self._prefix.encode("ascii"), next(self._numbers))
