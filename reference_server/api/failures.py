"""Every exception as an answer in the gateway's error shape: connexion's, Starlette's and our own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from connexion.exceptions import ProblemException
from connexion.lifecycle import ConnexionRequest, ConnexionResponse
from connexion.middleware.exceptions import ExceptionMiddleware
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from reference_server.api.access import ANSWER_BEGUN, REQUEST_ID
from reference_server.api.errors import MethodMissing, error_answer
from reference_server.api.limits import RATE_LIMIT
from reference_server.domain.errors import GatewayError, InternalError, InvalidBody, InvalidParameter, PathNotFound

_RAISED: Final = "tonpo.raised"

ReportDefect = Callable[[BaseException, str], None]
"""Takes an exception that nobody expected and the request id, for the log."""


def respond(error: GatewayError, scope: Scope) -> Response:
    """Return the answer to an error as a Starlette response."""
    status, headers, content = error_answer(error, scope.get(REQUEST_ID, ""))
    headers += scope.get(RATE_LIMIT, ())
    response = Response(status_code=status)
    response.raw_headers = headers
    response.body = content
    return response


async def refuse(error: GatewayError, scope: Scope, receive: Receive, send: Send) -> None:
    """Send the answer to an error."""
    await respond(error, scope)(scope, receive, send)


class Failures:
    """The error handlers. `report` is told of defects; what a client did wrong is no defect."""

    def __init__(self, report: ReportDefect) -> None:
        self._report = report

    def gateway_error(self, error: Exception, scope: Scope) -> GatewayError:
        """Return the gateway's own error for any exception."""
        if isinstance(error, GatewayError):
            if isinstance(error, InternalError):
                self._report(error, scope.get(REQUEST_ID, ""))
            return error
        if isinstance(error, ClientDisconnect):
            return InvalidBody("The client left before its request was complete.")
        status = error.status_code if isinstance(error, HTTPException) else getattr(error, "status", 500)
        if isinstance(error, (HTTPException, ProblemException)) and status < 500:
            return _framework_error(error, status, scope)
        self._report(error, scope.get(REQUEST_ID, ""))
        return InternalError()

    async def for_connexion(self, request: ConnexionRequest, error: Exception) -> ConnexionResponse:
        """Handle an error inside connexion."""
        scope = request.scope
        status, headers, content = error_answer(self.gateway_error(error, scope), scope.get(REQUEST_ID, ""))
        headers += scope.get(RATE_LIMIT, ())
        named = {name.decode("ascii"): value.decode("latin-1") for name, value in headers}
        return ConnexionResponse(  # type: ignore[no-untyped-call]
            status_code=status, headers=named, body=content, mimetype="application/json"
        )

    async def for_starlette(self, request: Request, error: Exception) -> Response:
        """Handle an error outside connexion."""
        return respond(self.gateway_error(error, request.scope), request.scope)


class LazyExceptions(ExceptionMiddleware):
    """Connexion's exception middleware, which sets to work when there is an exception: most requests bring none."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(_raise_again)
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request. Raises what is raised once an answer has begun."""
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            if ANSWER_BEGUN in scope:
                raise
            scope[_RAISED] = error
            await super().__call__(scope, receive, send)


async def _raise_again(scope: Scope, _receive: Receive, _send: Send) -> None:
    raise scope.pop(_RAISED)


def _framework_error(error: Exception, status: int, scope: Scope) -> GatewayError:
    if status == 405:
        headers = getattr(error, "headers", None) or {}
        allowed = sorted(one for one in headers.get("Allow", "GET").split(", ") if one != "HEAD")
        return MethodMissing(scope.get("method", ""), tuple(allowed))
    if status == 404:
        return PathNotFound()
    return InvalidParameter()
