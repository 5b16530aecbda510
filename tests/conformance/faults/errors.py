"""Gateways whose errors are not in order."""

from typing import Any

from aiohttp import web

from tests.conformance.faults.registering import fault, faults_of
from tests.conformance.unusual_gateway import Handler, Owner, Problem, UnusualGateway


class _Renamed(UnusualGateway):
    """Gives errors of one status another type."""

    status_concerned = 0

    def refusal(self, status: int, text: str, headers: dict[str, str]) -> web.Response:
        answer = super().refusal(status, text, headers)
        if status == self.status_concerned:
            answer.text = (answer.text or "").replace('"type": "', '"type": "my_')
        return answer


@fault("errors.mistakes", "ERR-010")
class ErrorsOfTheFramework(UnusualGateway):
    def refusal(self, status: int, text: str, headers: dict[str, str]) -> web.Response:
        if status == 405:
            return web.Response(status=405, text="405: Method Not Allowed", headers=headers)
        return super().refusal(status, text, headers)


@fault("errors.unknown-path", "ERR-010")
class PageForUnknownPaths(UnusualGateway):
    @web.middleware
    async def edge(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        answer = await UnusualGateway.edge(self, request, handler)
        if answer.status == 404 and request.match_info.http_exception is not None:
            return web.Response(status=404, text="<h1>Not here</h1>", content_type="text/html")
        return answer


@fault("errors.unauthenticated-form", "ERR-020")
class CodeOfItsOwn(UnusualGateway):
    def refusal(self, status: int, text: str, headers: dict[str, str]) -> web.Response:
        answer = super().refusal(status, text, headers)
        answer.text = (answer.text or "").replace(f'"code": {status}', f'"code": {10_000 + status}')
        return answer


@fault("errors.unauthenticated-form", "ERR-030")
class OtherTypeOf401(_Renamed):
    status_concerned = 401


@fault("limits.accounts", "ERR-040")
class OtherTypeOf403(_Renamed):
    status_concerned = 403


@fault("errors.unknown-path", "ERR-050")
class OtherTypeOf404(_Renamed):
    status_concerned = 404


@fault("limits.requests-per-minute", "ERR-060")
class OtherTypeOf429(_Renamed):
    status_concerned = 429


@fault("errors.mistakes", "ERR-100")
class OddBodiesBreakIt(UnusualGateway):
    async def body(self, request: web.Request) -> dict[str, Any]:
        try:
            return await super().body(request)
        except Problem:
            raise Problem(500, "it broke") from None


@fault("errors.refused-without-effect", "ERR-110")
class ExecutesBeforeItLooksAtTheSide(UnusualGateway):
    async def order(self, owner: Owner, request: web.Request) -> Any:
        body = await self.body(request)
        if body.get("side") not in ("buy", "sell"):
            self.desk(owner).broker.place({**body, "side": "buy"})
        return await super().order(owner, request)


@fault("errors.methods", "ERR-150")
class OtherMethodsAreNotFound(UnusualGateway):
    def refusal(self, status: int, text: str, headers: dict[str, str]) -> web.Response:
        return super().refusal(404 if status == 405 else status, text, headers)


FAULTS = faults_of(globals())
