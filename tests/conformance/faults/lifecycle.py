"""Gateways whose accounts go through other states than the documented ones."""

from typing import Any

from aiohttp import web

from tests.conformance.faults.registering import fault, faults_of
from tests.conformance.unusual_gateway import Owner, Problem, Terminal, UnusualGateway


@fault("lifecycle.becomes-active", "LIFE-010")
class StatesInOtherWords(UnusualGateway):
    async def status(self, owner: Owner, request: web.Request) -> Any:
        answer = await super().status(owner, request)
        return {"status": "starting" if answer["status"] == "connecting" else answer["status"]}


@fault("lifecycle.becomes-active", "LIFE-020")
class NeverActive(UnusualGateway):
    async def status(self, owner: Owner, request: web.Request) -> Any:
        self.terminal(owner, request)
        return {"status": "connecting"}


@fault("lifecycle.login-failed", "LIFE-030")
class EveryPasswordIsGood(UnusualGateway):
    async def create_account(self, owner: Owner, request: web.Request) -> Any:
        answer = await super().create_account(owner, request)
        owner.terminals[answer["account_id"]].state = "created"
        return answer


@fault("lifecycle.login-failed", "LIFE-030")
class LoginFailedIsTriedAgain(UnusualGateway):
    async def status(self, owner: Owner, request: web.Request) -> Any:
        terminal = self.terminal(owner, request)
        terminal.looks += 1
        if terminal.state == "login_failed" and terminal.looks > 1:
            return {"status": "connecting"}
        return await super().status(owner, request)


@fault("lifecycle.becomes-active", "LIFE-040")
class ActiveAndNotReady(UnusualGateway):
    async def info(self, owner: Owner, request: web.Request) -> Any:
        raise Problem(503, "in a moment", {"Retry-After": "1"})


@fault("lifecycle.login-failed", "LIFE-050")
class LoginFailedTakesOrders(UnusualGateway):
    def desk(self, owner: Owner) -> Terminal:
        failed = [one for one in owner.terminals.values() if one.state == "login_failed"]
        return failed[0] if failed else super().desk(owner)


@fault("lifecycle.becomes-active", "LIFE-120")
class NotFoundWhileConnecting(UnusualGateway):
    def desk(self, owner: Owner) -> Terminal:
        terminal = super().desk(owner) if any(one.state == "active" for one in owner.living()) else None
        if terminal is None:
            raise Problem(404, "no account is connected")
        return terminal


@fault("lifecycle.documented-states", "LIFE-010")
class ListWithOtherStates(UnusualGateway):
    async def list_accounts(self, owner: Owner, request: web.Request) -> Any:
        return {"accounts": [{"account_id": one.id, "status": "online"} for one in owner.living()]}


FAULTS = faults_of(globals())
