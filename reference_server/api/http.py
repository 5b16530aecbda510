"""The HTTP application: connexion over the contract and its documents, and a Starlette with `/ws` beside it."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from connexion.exceptions import ProblemException
from connexion.middleware.main import ConnexionMiddleware
from connexion.resolver import Resolver
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from reference_server.api.access import Access, AccessLog
from reference_server.api.clients import TrustedProxies
from reference_server.api.compiled import CompiledOperations, Pipeline
from reference_server.api.failures import Failures, LazyExceptions
from reference_server.api.routing import IndexedRouting, Routes
from reference_server.api.spec_document import check_handlers
from reference_server.api.strangers import PublicLimit, PublicRate
from reference_server.domain.errors import GatewayError, PathNotFound
from reference_server.usecases.measures import Measures


def operations_app(
    openapi: dict[str, Any],
    pipeline: Pipeline,
    failures: Failures,
    beneath: Sequence[BaseRoute],
    routes: Routes | None = None,
) -> ConnexionMiddleware:
    """Return connexion over the document, with the compiled pipeline, above routes that the contract does not have.

    `routes` are those of the document, where somebody else asks them as well. Raises HandlersDiffer.
    """
    check_handlers(openapi, pipeline.handlers)
    layers: list[Any] = [
        LazyExceptions,
        partial(IndexedRouting, routes=routes or Routes(openapi)),
        partial(CompiledOperations, pipeline=pipeline),
    ]
    app = ConnexionMiddleware(Router([*beneath], redirect_slashes=False, default=_nothing_here), middlewares=layers)
    app.add_api(openapi, base_path="", resolver=Resolver(pipeline.handlers.__getitem__))
    for kind in (GatewayError, ProblemException, HTTPException, Exception):
        app.add_error_handler(kind, failures.for_connexion)
    return app


@dataclass(frozen=True, slots=True)
class Edge:
    """What stands before everything else. `public_limit` None: requests without a key are not limited."""

    access_log: AccessLog | None = None
    proxies: TrustedProxies | None = None
    measures: Measures | None = None
    public_limit: PublicLimit | None = None


def gateway_app(
    operations: ASGIApp, sockets: Sequence[BaseRoute], failures: Failures, edge: Edge | None = None
) -> ASGIApp:
    """Return the whole application: the routes of `sockets` beside the contract's operations."""
    edge = edge or Edge()
    handlers = {HTTPException: failures.for_starlette, Exception: failures.for_starlette}
    front: ASGIApp = Front(operations, Starlette(routes=sockets, exception_handlers=handlers))
    if edge.public_limit is not None:
        front = PublicRate(front, edge.public_limit)
    return Access(front, log=edge.access_log, proxies=edge.proxies, measures=edge.measures)


class Front:
    """Sends HTTP to the operations and WebSockets beside them, without a router's work for each."""

    def __init__(self, operations: ASGIApp, sockets: ASGIApp) -> None:
        self._operations = operations
        self._sockets = sockets

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Pass one request or socket on."""
        return (self._operations if scope["type"] == "http" else self._sockets)(scope, receive, send)


async def _nothing_here(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise PathNotFound
