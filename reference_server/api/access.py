"""What every request and answer has: an id, the client's address, standing headers, figures, a line in the log.

Outermost. The query string is never logged: on /ws it can hold a key.
"""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Awaitable, Callable
from time import perf_counter

from connexion.middleware.abstract import ROUTING_CONTEXT
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reference_server.api.clients import TrustedProxies
from reference_server.usecases.auditing import ORIGIN, Origin
from reference_server.usecases.measures import Measures, NoMeasures

REQUEST_ID = "tonpo.request_id"
"""Where the scope holds the request's id."""

CACHING = "tonpo.caching"
"""Set in the scope by what says itself how its answer may be kept: pages and documents."""

ANSWER_BEGUN = "tonpo.answer_begun"
"""Set in the scope once the head of the answer is given: what fails then can be told to nobody."""

NOSNIFF = (b"x-content-type-options", b"nosniff")
NO_STORE = (b"cache-control", b"no-store")
"""Answers hold keys and money: no cache between may keep them."""

NO_OPERATION = "none"

_SANE = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")

AccessLog = Callable[[str, str, int, float, str], None]
"""Takes method, path, status, duration in ms and request id of one request."""


class Access:
    """Gives every request an id (the client's own where it is sane) and every answer the headers that all have."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        log: AccessLog | None = None,
        proxies: TrustedProxies | None = None,
        measures: Measures | None = None,
    ) -> None:
        self.app = app
        self._log = log
        self._proxies = proxies or None  # none are trusted: nothing to ask
        self._measures = measures or NoMeasures()
        self._prefix = f"req_{secrets.token_hex(5)}-"
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        request_id = scope[REQUEST_ID] = self._id_of(scope)
        client = scope.get("client")
        if self._proxies is not None:
            client = scope["client"] = (self._proxies.client_of(scope), client[1] if client else 0)
        ORIGIN.set(Origin(request_id, client[0] if client else None))
        started = perf_counter()
        status = 0

        def send_with_headers(message: Message) -> Awaitable[None]:
            nonlocal status
            kind = message["type"]
            if kind == "http.response.start" or kind == "websocket.http.response.start":
                headers = message["headers"]
                request_id_header = b"x-request-id", request_id.encode("ascii")
                headers += (request_id_header, NOSNIFF) if CACHING in scope else (request_id_header, NOSNIFF, NO_STORE)
                status = message["status"]
                scope[ANSWER_BEGUN] = True
            elif kind == "websocket.accept":
                status = 101
            return send(message)

        is_request = scope["type"] == "http"
        if is_request:
            self._measures.request_began()
        try:
            await self.app(scope, receive, send_with_headers)
        finally:
            seconds = perf_counter() - started
            if is_request:
                self._measures.request_ended(_operation_of(scope), status, seconds)
            if self._log is not None:
                self._log(scope.get("method", "WEBSOCKET"), scope["path"], status, seconds * 1000, request_id)

    def _id_of(self, scope: Scope) -> str:
        for name, value in scope["headers"]:
            if name == b"x-request-id" and _SANE.fullmatch(value) and b"sk_live" not in value:  # ids are logged
                sane: str = value.decode("ascii")
                return sane
        return f"{self._prefix}{next(self._numbers)}"


def _operation_of(scope: Scope) -> str:
    """Return the operationId that routing found: never a path, of which anyone can make up any number."""
    operation: str | None = scope.get("extensions", {}).get(ROUTING_CONTEXT, {}).get("operation_id")
    return operation or NO_OPERATION
