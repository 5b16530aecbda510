"""The pipeline of one operation, compiled once at start-up and run by connexion's routed middleware.

Key, rate limit, parameters, body, use case, answer: in this order, in one ASGI callable per operation. It takes the
place of connexion's security, validation and serialisation middlewares, which rebuild validators and inspect signatures
for every request, refuse bodies without Content-Length (spec-first/connexion#2020) and answer 500 to undecodable ones
(#1860). Errors are raised for connexion's exception middleware.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, cast

import orjson
from connexion.middleware.abstract import ROUTING_CONTEXT, RoutedAPI, RoutedMiddleware
from connexion.operations.abstract import AbstractOperation
from starlette.types import ASGIApp, Receive, Scope, Send

from reference_server.api.bodies import CompiledBody
from reference_server.api.keys import Authenticate, key_of_request
from reference_server.api.limits import RATE_LIMIT, Limits, rate_exceeded
from reference_server.api.operation import Answer, Call, Handler, Handlers, RawHeaders
from reference_server.api.parameters import CompiledParameters
from reference_server.domain.user import User


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What every operation needs besides the contract. The last two bound a request body in bytes and in nesting.

    `recognised` returns whose a key is that was looked up a moment ago, None for any other.
    """

    authenticate: Authenticate
    recognised: Callable[[str], User | None]
    limits: Limits
    handlers: Handlers
    max_body_bytes: int
    max_json_depth: int


class CompiledOperation:
    """One operation as an ASGI callable."""

    def __init__(self, operation: AbstractOperation, pipeline: Pipeline) -> None:
        self._handle: Handler = pipeline.handlers[operation.operation_id]
        self._authenticate = pipeline.authenticate
        self._recognised = pipeline.recognised
        self._limits = pipeline.limits
        self._needs_key = bool(operation.security)
        parameters = {(one["in"], one["name"]): one for one in operation.parameters}
        self._parameters = CompiledParameters([*parameters.values()]) if parameters else None
        body = operation.request_body
        self._body = CompiledBody(body, pipeline.max_body_bytes, pipeline.max_json_depth) if body else None
        self._status = success_status(operation.responses)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises GatewayError."""
        headers = scope["headers"]
        user: User | None = None
        if self._needs_key:
            key = key_of_request(scope)
            user = self._recognised(key) or await self._authenticate(key)
            counted = self._limits.count_request(user)
            if counted is not None:
                decision, scope[RATE_LIMIT] = counted
                if not decision.allowed:
                    raise rate_exceeded(user, decision)
        parameters: dict[str, Any] = {}
        if self._parameters is not None:
            parameters = self._parameters.read(scope["path_params"], scope["query_string"], headers)
        body: dict[str, Any] = {}
        if self._body is not None:
            body = await self._body.read(headers, receive)
        client = scope["client"]
        answer = await self._handle(Call(user, parameters, body, client[0] if client else "unknown"))
        own_headers: RawHeaders = ()
        if isinstance(answer, Answer):
            own_headers = answer.headers
            answer = answer.document
        content = answer if isinstance(answer, bytes) else orjson.dumps(answer)
        answered = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(content)),
            *scope.get(RATE_LIMIT, ()),
            *own_headers,
        ]
        await send({"type": "http.response.start", "status": self._status, "headers": answered})
        await send({"type": "http.response.body", "body": content})


def success_status(responses: Mapping[str, Any]) -> int:
    """Return the success status of the contract; where it permits 200 and 201 for a creation, 201."""
    return max(int(status) for status in responses if str(status).startswith("2") and str(status).isdigit())


class CompiledApi(RoutedAPI[CompiledOperation]):
    """All operations of the document, compiled."""

    def __init__(self, *args: Any, pipeline: Pipeline, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pipeline = pipeline
        self.add_paths()

    def make_operation(self, operation: AbstractOperation) -> CompiledOperation:
        """Compile one operation."""
        return CompiledOperation(operation, self._pipeline)


class CompiledOperations(RoutedMiddleware[CompiledApi]):
    """Runs the compiled operation that routing found."""

    api_cls = CompiledApi

    def __init__(self, app: ASGIApp, *, pipeline: Pipeline) -> None:
        super().__init__(app)
        self._pipeline = pipeline

        self._operations: dict[str | None, CompiledOperation] = {}

    def add_api(self, specification: Any, **kwargs: Any) -> CompiledApi:
        """Compile a document's operations."""
        api: CompiledApi = super().add_api(specification, pipeline=self._pipeline, **kwargs)
        self._operations |= api.operations
        return api

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        """Serve a request: the operation that routing found, else what lies beneath."""
        operation = self._operations.get(scope["extensions"][ROUTING_CONTEXT].get("operation_id"))
        if operation is not None:
            return operation(scope, receive, send)
        return cast(Coroutine[Any, Any, None], self.app(scope, receive, send))
