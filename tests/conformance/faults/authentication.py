"""Gateways that are careless with keys."""

from typing import Any

from aiohttp import web

from tests.conformance.faults.registering import fault, faults_of
from tests.conformance.unusual_gateway import Handler, Owner, Problem, UnusualGateway


@fault("authentication.key-is-required", "AUTH-010")
class OneOperationWithoutKey(UnusualGateway):
    def owner(self, request: web.Request, key: str | None = None) -> Owner:
        if request.path == "/api/symbols" and "X-API-Key" not in request.headers:
            return Owner(0, "")
        return super().owner(request, key)


@fault("authentication.unknown-key", "AUTH-020")
class EveryKeyIsGood(UnusualGateway):
    def owner(self, request: web.Request, key: str | None = None) -> Owner:
        sent = key or request.headers.get("X-API-Key", "")
        if sent and sent not in self.owners:
            return Owner(0, sent)
        return super().owner(request, key)


@fault("authentication.almost-the-key", "AUTH-020")
class KeyIsComparedByItsStart(UnusualGateway):
    def owner(self, request: web.Request, key: str | None = None) -> Owner:
        sent = key or request.headers.get("X-API-Key", "")
        found = [one for known, one in self.owners.items() if sent and known.startswith(sent[:20])]
        return found[0] if found else super().owner(request, key)


@fault("authentication.good-key-reads", "AUTH-030")
class OneOperationKnowsNoKey(UnusualGateway):
    async def symbols(self, owner: Owner, request: web.Request) -> Any:
        raise Problem(401, "not with this key")


@fault("authentication.good-key-writes", "AUTH-030")
class ModifyingKnowsNoKey(UnusualGateway):
    async def modify(self, owner: Owner, request: web.Request) -> Any:
        raise Problem(401, "not with this key")


@fault("authentication.public-operations", "AUTH-040")
class UsersAreMadeByUsers(UnusualGateway):
    async def create_user(self, request: web.Request) -> web.Response:
        self.owner(request)
        return await super().create_user(request)


@fault("authentication.public-operations", "AUTH-050")
class HealthWantsAKey(UnusualGateway):
    async def health(self, request: web.Request) -> web.Response:
        self.owner(request)
        return await super().health(request)


@fault("authentication.refused-without-effect", "AUTH-060")
class DeletesBeforeItLooksAtTheKey(UnusualGateway):
    @web.middleware
    async def edge(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method == "DELETE":
            for owner in self.owners.values():
                if request.path.rpartition("/")[2] in owner.terminals:
                    owner.terminals[request.path.rpartition("/")[2]].state = "deleted"
        return await UnusualGateway.edge(self, request, handler)


@fault("authentication.refused-close", "AUTH-060")
class ClosesBeforeItLooksAtTheKey(UnusualGateway):
    @web.middleware
    async def edge(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == "/api/orders/close":
            ticket = (await request.json()).get("ticket")
            for owner in self.owners.values():
                for terminal in owner.terminals.values():
                    terminal.broker.open.pop(ticket, None)
        return await UnusualGateway.edge(self, request, handler)


@fault("authentication.key-comes-first", "AUTH-080")
class BodyComesFirst(UnusualGateway):
    @web.middleware
    async def edge(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method == "POST" and request.path.startswith("/api/orders"):
            try:
                await self.body(request)
            except Problem as problem:
                return self.refusal(problem.status, problem.text, {})
        return await UnusualGateway.edge(self, request, handler)


@fault("authentication.key-in-query", "AUTH-090")
class KeyInTheQuery(UnusualGateway):
    def owner(self, request: web.Request, key: str | None = None) -> Owner:
        return super().owner(request, key or request.query.get("api_key"))


FAULTS = faults_of(globals())
