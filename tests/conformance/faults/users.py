"""Gateways that mix users up."""

from typing import Any

from aiohttp import web

from tests.conformance.faults.registering import fault, faults_of
from tests.conformance.unusual_gateway import Owner, Problem, UnusualGateway


@fault("users.creation", "USER-010")
class KeyUnderAnotherName(UnusualGateway):
    async def create_user(self, request: web.Request) -> web.Response:
        await super().create_user(request)
        return web.json_response({"user_id": f"U{self.count}", "apiKey": list(self.owners)[-1]})


@fault("users.creation", "USER-020")
class EveryUserHasTheSameId(UnusualGateway):
    async def create_user(self, request: web.Request) -> web.Response:
        self.count = 0
        return await super().create_user(request)


@fault("users.creation", "USER-040")
class CreationWantsABody(UnusualGateway):
    async def create_user(self, request: web.Request) -> web.Response:
        await self.body(request)
        return await super().create_user(request)


@fault("users.profile-by-key", "USER-050")
class ProfileIsAlwaysTheFirst(UnusualGateway):
    async def me(self, owner: Owner, request: web.Request) -> Any:
        return await super().me(next(iter(self.owners.values())), request)


@fault("users.creation", "USER-050")
class ProfileOfTheUserBefore(UnusualGateway):
    async def me(self, owner: Owner, request: web.Request) -> Any:
        return {**await super().me(owner, request), "user_id": f"U{owner.number - 1}"}


@fault("users.profile", "USER-060")
class NoPlanInTheProfile(UnusualGateway):
    async def me(self, owner: Owner, request: web.Request) -> Any:
        return {"user_id": f"U{owner.number}"}


@fault("errors.body-that-is-not-json", "ERR-090")
class AnyBodyIsAnObject(UnusualGateway):
    async def create_account(self, owner: Owner, request: web.Request) -> Any:
        try:
            return await super().create_account(owner, request)
        except Problem as problem:
            if problem.status == 400:
                return {"account_id": "none", "auth_token": "none"}
            raise


FAULTS = faults_of(globals())
