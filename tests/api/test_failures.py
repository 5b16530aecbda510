"""Where an exception becomes an answer, and where it can no longer become one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from connexion.middleware.main import ConnexionMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reference_server.api.access import Access
from reference_server.api.failures import Failures, LazyExceptions
from reference_server.domain.errors import GatewayError, PositionNotFound


async def served(app: ASGIApp, reported: list[BaseException]) -> list[Message]:
    """Serve one request with an application under the middleware, as the gateway has it; give what was sent."""
    failures = Failures(lambda error, _request_id: reported.append(error))
    layers: list[Any] = [LazyExceptions]
    connexion = ConnexionMiddleware(app, middlewares=layers)
    for kind in (GatewayError, Exception):
        connexion.add_error_handler(kind, failures.for_connexion)
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}
    await Access(connexion)(scope, receive, send)
    return sent


@pytest.mark.parametrize(
    ("error", "status", "reason", "defects"),
    [(PositionNotFound(), 404, "position_not_found", 0), (ZeroDivisionError(), 500, "internal_error", 1)],
)
async def test_an_exception_is_answered_in_our_shape(error: Exception, status: int, reason: str, defects: int) -> None:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise error

    reported: list[BaseException] = []
    head, body = await served(app, reported)
    assert head["status"] == status
    assert json.loads(body["body"])["reason"] == reason
    assert len(reported) == defects


async def test_what_fails_behind_the_head_of_an_answer_is_raised_and_answered_no_second_time() -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await served(app, [])
