"""Gateways that are elsewhere, or want more than a plain client sends, and whose health is poor."""

from typing import Any, ClassVar

from aiohttp import web

from tests.conformance.faults.registering import fault, faults_of
from tests.conformance.unusual_gateway import Handler, Owner, Problem, UnusualGateway


class _Moved(UnusualGateway):
    path, methods = "", ("GET", "POST", "DELETE")

    @web.middleware
    async def edge(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method in self.methods and request.path.startswith(self.path):
            return self.refusal(404, "it is under /v1 now", {})
        return await UnusualGateway.edge(self, request, handler)


@fault("protocol.operations-that-read", "HTTP-010")
class StreamIsElsewhere(_Moved):
    path = "/ws"


@fault("protocol.operations-that-read", "HTTP-010")
class SymbolsAreElsewhere(_Moved):
    path = "/api/symbols"


@fault("protocol.operations-that-write", "HTTP-010")
class RotationIsElsewhere(_Moved):
    path = "/api/users/me/rotate-key"


@fault("protocol.operations-that-trade", "HTTP-010")
class ModifyingIsElsewhere(_Moved):
    path = "/api/orders/modify"


@fault("protocol.operations-that-read", "HTTP-020")
class WantsItsOwnHeader(UnusualGateway):
    async def symbols(self, owner: Owner, request: web.Request) -> Any:
        if "X-Client-Version" not in request.headers:
            raise Problem(400, "which client is this?")
        return await super().symbols(owner, request)


class _Health(UnusualGateway):
    facts: ClassVar[dict[str, Any]] = {}
    missing: ClassVar[set[str]] = set()

    async def health(self, request: web.Request) -> web.Response:
        known = {"status": "green", "version": "x-9", "active_connections": self.sockets, **self.facts}
        return web.json_response({name: one for name, one in known.items() if name not in self.missing})


class ClaimsNothing(_Health):
    """A correct gateway that says so."""

    facts: ClassVar[dict[str, Any]] = {"capabilities": []}


@fault("system.health-is-public", "SYS-010")
class HealthWithoutVersion(_Health):
    missing: ClassVar[set[str]] = {"version"}


@fault("system.health-counts-connections", "SYS-030")
class HealthWithoutCount(_Health):
    missing: ClassVar[set[str]] = {"active_connections"}


@fault("system.capabilities-are-names", "SYS-050", ClaimsNothing)
class ClaimsWhatItHasNot(_Health):
    facts: ClassVar[dict[str, Any]] = {"capabilities": ["pending-orders"]}


FAULTS = faults_of(globals())
