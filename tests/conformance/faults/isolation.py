"""Gateways whose users get into each other's way."""

from typing import Any

from aiohttp import web

from tests.conformance.faults.registering import fault, faults_of
from tests.conformance.unusual_gateway import Owner, Problem, Terminal, UnusualGateway


class _AnyonesTerminal(UnusualGateway):
    """Looks for an account among those of all users."""

    def anyones(self, owner: Owner, request: web.Request) -> tuple[Owner, Terminal]:
        for one in (owner, *self.owners.values()):
            found = one.terminals.get(request.match_info["id"])
            if found is not None and found.state != "deleted":
                return one, found
        raise Problem(404, "no such account")


@fault("isolation.accounts", "ISO-010")
class ListOfAllAccounts(UnusualGateway):
    async def list_accounts(self, owner: Owner, request: web.Request) -> Any:
        rows = []
        for one in self.owners.values():
            rows += (await super().list_accounts(one, request))["accounts"]
        return {"accounts": rows}


@fault("isolation.accounts", "ISO-020")
class StatusOfAnyone(_AnyonesTerminal):
    async def status(self, owner: Owner, request: web.Request) -> Any:
        return await super().status(self.anyones(owner, request)[0], request)


@fault("isolation.accounts", "ISO-030")
class DeletionOfAnyone(_AnyonesTerminal):
    async def delete(self, owner: Owner, request: web.Request) -> Any:
        return await super().delete(self.anyones(owner, request)[0], request)


@fault("isolation.accounts", "ISO-030")
class RefusesToDeleteAndDeletes(_AnyonesTerminal):
    async def delete(self, owner: Owner, request: web.Request) -> Any:
        self.anyones(owner, request)[1].state = "deleted"
        return await super().delete(owner, request)


@fault("isolation.stranger-cannot-pause", "ISO-030")
class RefusesToPauseAndPauses(_AnyonesTerminal):
    async def pause(self, owner: Owner, request: web.Request) -> Any:
        self.anyones(owner, request)[1].is_paused = True
        return await super().pause(owner, request)


@fault("isolation.positions", "ISO-040")
class PositionsOfAll(UnusualGateway):
    async def positions(self, owner: Owner, request: web.Request) -> Any:
        own = (await super().positions(owner, request))["positions"]
        theirs = [row for one in self.owners.values() for two in one.living() for row in two.broker.rows()]
        return {"positions": own + [row for row in theirs if row not in own]}


class _AnyonesTicket(UnusualGateway):
    """Looks for a position among those of all users."""

    def holder(self, owner: Owner, ticket: object) -> Owner:
        for one in (owner, *self.owners.values()):
            if any(ticket in terminal.broker.open for terminal in one.living()):
                return one
        return owner


@fault("isolation.positions", "ISO-050")
class TicketsOfAnyone(_AnyonesTicket):
    async def close(self, owner: Owner, request: web.Request) -> Any:
        return await super().close(self.holder(owner, (await self.body(request)).get("ticket")), request)


@fault("isolation.positions", "ISO-050")
class RefusesToModifyAndModifies(_AnyonesTicket):
    async def modify(self, owner: Owner, request: web.Request) -> Any:
        holder = self.holder(owner, (await self.body(request)).get("ticket"))
        answer = await super().modify(holder, request)
        if holder is not owner:
            raise Problem(404, "no such position")
        return answer


@fault("isolation.stream", "ISO-060")
class NewsForEveryone(UnusualGateway):
    async def tell(self, owner: Owner, message: dict[str, Any]) -> None:
        for one in self.owners.values():
            await super().tell(one, message)


@fault("isolation.account-information", "ISO-070")
class SomeonesInformation(UnusualGateway):
    def desk(self, owner: Owner) -> Terminal:
        if not owner.terminals:
            return next(found for one in self.owners.values() for found in one.living())
        return super().desk(owner)


FAULTS = faults_of(globals())
