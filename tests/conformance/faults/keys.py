"""Gateways whose rotation of keys is not one."""

from typing import Any

from aiohttp import web

from tests.conformance.faults.registering import fault, faults_of
from tests.conformance.unusual_gateway import Owner, Problem, UnusualGateway


@fault("keys.rotation", "KEY-010")
class RotationReturnsTheOldKey(UnusualGateway):
    async def rotate(self, owner: Owner, request: web.Request) -> Any:
        return {"api_key": owner.key}


@fault("keys.rotation", "KEY-020")
class OldKeyStaysGood(UnusualGateway):
    async def rotate(self, owner: Owner, request: web.Request) -> Any:
        old = owner.key
        answer = await super().rotate(owner, request)
        self.owners[old] = owner
        return answer


@fault("keys.rotation", "KEY-030")
class RotationMakesAnotherUser(UnusualGateway):
    async def rotate(self, owner: Owner, request: web.Request) -> Any:
        owner.number += 1000
        return await super().rotate(owner, request)


@fault("keys.rotation-and-streams", "KEY-040")
class StreamsKnowTheOldKey(UnusualGateway):
    def __init__(self) -> None:
        super().__init__()
        self.former: dict[str, Owner] = {}

    async def rotate(self, owner: Owner, request: web.Request) -> Any:
        self.former[owner.key] = owner
        return await super().rotate(owner, request)

    def owner(self, request: web.Request, key: str | None = None) -> Owner:
        sent = key or request.headers.get("X-API-Key", "")
        if request.path == "/ws" and sent in self.former:
            return self.former[sent]
        return super().owner(request, key)


@fault("keys.rotation", "KEY-050")
class RotationDropsAccounts(UnusualGateway):
    async def rotate(self, owner: Owner, request: web.Request) -> Any:
        owner.terminals.clear()
        return await super().rotate(owner, request)


@fault("keys.rotation", "KEY-060")
class OneRotationOnly(UnusualGateway):
    def __init__(self) -> None:
        super().__init__()
        self.rotated: set[int] = set()

    async def rotate(self, owner: Owner, request: web.Request) -> Any:
        if owner.number in self.rotated:
            raise Problem(403, "once is enough")
        self.rotated.add(owner.number)
        return await super().rotate(owner, request)


@fault("secrecy.nothing-comes-back", "KEY-070")
class KeyInTheProfile(UnusualGateway):
    async def me(self, owner: Owner, request: web.Request) -> Any:
        return {**await super().me(owner, request), "key": owner.key}


FAULTS = faults_of(globals())
