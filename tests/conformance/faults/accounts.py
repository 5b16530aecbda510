"""Gateways that are careless with accounts."""

import json
import uuid
from typing import Any

from aiohttp import web

from tests.conformance.faults.registering import fault, faults_of
from tests.conformance.unusual_gateway import Owner, Problem, Terminal, UnusualGateway


class RoomForSeveral(UnusualGateway):
    """A correct gateway whose plan allows three accounts."""

    async def create_account(self, owner: Owner, request: web.Request) -> Any:
        kept = owner.living()
        if len(kept) >= 3:
            raise Problem(403, "three accounts")
        hidden = {one.id: owner.terminals.pop(one.id) for one in kept}
        try:
            return await super().create_account(owner, request)
        finally:
            owner.terminals.update(hidden)


@fault("accounts.provisioning", "ACC-010")
class AccountIdUnderAnotherName(UnusualGateway):
    async def create_account(self, owner: Owner, request: web.Request) -> Any:
        answer = await super().create_account(owner, request)
        return {"id": answer["account_id"], "auth_token": answer["auth_token"]}


@fault("accounts.provisioning", "ACC-020")
class NoToken(UnusualGateway):
    async def create_account(self, owner: Owner, request: web.Request) -> Any:
        return {**await super().create_account(owner, request), "auth_token": ""}


@fault("accounts.provisioning", "ACC-030")
class RegionIsRequired(UnusualGateway):
    async def create_account(self, owner: Owner, request: web.Request) -> Any:
        if "region" not in await self.body(request):
            raise Problem(422, "region, please")
        return await super().create_account(owner, request)


@fault("accounts.incomplete-provisioning", "ACC-040")
class ServerIsOptional(UnusualGateway):
    async def body(self, request: web.Request) -> dict[str, Any]:
        body = await super().body(request)
        return {"mt5Server": "Default-Demo", **body} if "mt5Login" in body else body


@fault("accounts.provisioning", "ACC-050")
class AccountsUnderAnotherName(UnusualGateway):
    async def list_accounts(self, owner: Owner, request: web.Request) -> Any:
        return {"items": (await super().list_accounts(owner, request))["accounts"]}


@fault("accounts.provisioning", "ACC-060")
class ListOfActiveAccountsOnly(UnusualGateway):
    async def list_accounts(self, owner: Owner, request: web.Request) -> Any:
        return {"accounts": [{"account_id": one.id} for one in owner.living() if one.state == "active"]}


@fault("accounts.provisioning", "ACC-070")
class StatusUnderAnotherName(UnusualGateway):
    async def status(self, owner: Owner, request: web.Request) -> Any:
        return {"state": (await super().status(owner, request))["status"]}


@fault("accounts.unknown-account", "ACC-080")
class UnknownAccountsAreDeleted(UnusualGateway):
    async def delete(self, owner: Owner, request: web.Request) -> Any:
        return {"gone": True}


@fault("accounts.pause", "ACC-090")
class NoPause(UnusualGateway):
    async def pause(self, owner: Owner, request: web.Request) -> Any:
        raise Problem(409, "not now")


@fault("accounts.pause", "ACC-100")
class PauseBlocksNothing(UnusualGateway):
    async def pause(self, owner: Owner, request: web.Request) -> Any:
        self.terminal(owner, request)
        return {}


@fault("accounts.pause", "ACC-100")
class PausedOrdersAreRefusedAndExecuted(UnusualGateway):
    async def order(self, owner: Owner, request: web.Request) -> Any:
        terminal = self.desk(owner)
        if terminal.is_paused:
            terminal.broker.place(await self.body(request))
        return await super().order(owner, request)


@fault("accounts.pause", "ACC-110")
class PauseDisconnects(UnusualGateway):
    async def pause(self, owner: Owner, request: web.Request) -> Any:
        self.terminal(owner, request).state = "disconnected"
        return await super().pause(owner, request)


@fault("accounts.pause", "ACC-120")
class PauseIsForEver(UnusualGateway):
    async def resume(self, owner: Owner, request: web.Request) -> Any:
        self.terminal(owner, request)
        return {}


@fault("accounts.pause", "ACC-210")
class PauseBlocksClosing(UnusualGateway):
    async def close(self, owner: Owner, request: web.Request) -> Any:
        if self.desk(owner).is_paused:
            raise Problem(409, "trading is paused")
        return await super().close(owner, request)


@fault("accounts.deletion", "ACC-130")
class NoDeletion(UnusualGateway):
    async def delete(self, owner: Owner, request: web.Request) -> Any:
        raise Problem(403, "ask the operator")


@fault("accounts.deletion", "ACC-140")
class DeletionIsForgotten(UnusualGateway):
    async def delete(self, owner: Owner, request: web.Request) -> Any:
        self.terminal(owner, request)
        return {"gone": True}


class _DeletedStaysUsable(UnusualGateway):
    def desk(self, owner: Owner) -> Terminal:
        return next(iter(owner.terminals.values())) if owner.terminals else super().desk(owner)


DeletedStaysReadable = fault("accounts.deletion", "ACC-150")(_DeletedStaysUsable)
DeletedStaysTradable = fault("accounts.deletion-blocks-orders", "ACC-150")(_DeletedStaysUsable)


@fault("accounts.deletion", "ACC-160")
class ResumeRevives(UnusualGateway):
    async def resume(self, owner: Owner, request: web.Request) -> Any:
        found = owner.terminals.get(request.match_info["id"])
        if found is not None:
            found.state, found.is_paused = "active", False
        return {}


@fault("accounts.deletion", "ACC-170")
class LoginStaysTaken(UnusualGateway):
    async def create_account(self, owner: Owner, request: web.Request) -> Any:
        login = json.loads(await request.read()).get("mt5Login")
        if any(one.login == login for one in owner.terminals.values()):
            raise Problem(409, "this login is known")
        return await super().create_account(owner, request)


@fault("accounts.several", "ACC-180", RoomForSeveral)
class SecondReplacesFirst(RoomForSeveral):
    async def create_account(self, owner: Owner, request: web.Request) -> Any:
        if owner.terminals:
            await self.body(request)
            return {"account_id": next(iter(owner.terminals)), "auth_token": uuid.uuid4().hex}
        return await super().create_account(owner, request)


@fault("secrecy.nothing-comes-back", "ACC-190")
class TokenInTheList(UnusualGateway):
    def __init__(self) -> None:
        super().__init__()
        self.token = ""

    async def create_account(self, owner: Owner, request: web.Request) -> Any:
        answer = await super().create_account(owner, request)
        self.token = answer["auth_token"]
        return answer

    async def list_accounts(self, owner: Owner, request: web.Request) -> Any:
        return {**await super().list_accounts(owner, request), "tokens": [self.token]}


FAULTS = faults_of(globals())
