"""The HTTP application: connexion over the contract, its documents and `/ws` beside it, in one Starlette."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from connexion.exceptions import ProblemException
from connexion.middleware.exceptions import ExceptionMiddleware
from connexion.middleware.main import ConnexionMiddleware
from connexion.resolver import Resolver
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Match, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from reference_server.api.access import Access, AccessLog, OnRequest
from reference_server.api.compiled import CompiledOperations, Pipeline
from reference_server.api.failures import Failures
from reference_server.api.routing import IndexedRouting
from reference_server.api.spec_document import check_handlers
from reference_server.domain.errors import GatewayError, PathNotFound


def operations_app(
    openapi: dict[str, Any], pipeline: Pipeline, failures: Failures, beneath: Sequence[BaseRoute]
) -> ConnexionMiddleware:
    """Return connexion over the document, with the compiled pipeline, above routes that the contract does not have.

    Raises HandlersDiffer.
    """
    check_handlers(openapi, pipeline.handlers)
    layers: list[Any] = [ExceptionMiddleware, IndexedRouting, partial(CompiledOperations, pipeline=pipeline)]
    app = ConnexionMiddleware(Router([*beneath], redirect_slashes=False, default=_nothing_here), middlewares=layers)
    app.add_api(openapi, base_path="", resolver=Resolver(pipeline.handlers.__getitem__))
    for kind in (GatewayError, ProblemException, HTTPException, Exception):
        app.add_error_handler(kind, failures.for_connexion)
    return app


def gateway_app(
    operations: ConnexionMiddleware,
    sockets: Sequence[BaseRoute],
    failures: Failures,
    *,
    on_request: OnRequest | None = None,
    access_log: AccessLog | None = None,
) -> Starlette:
    """Return the whole application: the routes of `sockets` beside the contract's operations."""
    return Starlette(
        routes=[*sockets, Everything(operations)],
        middleware=[Middleware(Access, log=access_log, on_request=on_request)],
        exception_handlers={HTTPException: failures.for_starlette, Exception: failures.for_starlette},
    )


class Everything(BaseRoute):
    """A mount at the root, without the pattern matching and the scope rewriting that any other mount needs."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Take every HTTP request."""
        return (Match.FULL, {}) if scope["type"] == "http" else (Match.NONE, {})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on."""
        await self.app(scope, receive, send)


async def _nothing_here(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise PathNotFound
