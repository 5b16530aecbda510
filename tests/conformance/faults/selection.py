"""Gateways that take one account of a user for another."""

from typing import Any

from aiohttp import web

from tests.conformance.extended_gateway import SELECTED, ExtendedGateway
from tests.conformance.faults.registering import extended_fault as fault
from tests.conformance.faults.registering import faults_of
from tests.conformance.unusual_gateway import Owner, Problem, Terminal


class _First(ExtendedGateway):
    """Has a way to the first account, whatever is named."""

    def first(self, owner: Owner) -> Terminal:
        return owner.living()[0]

    def first_trades(self, owner: Owner) -> None:
        SELECTED.set(self.first(owner).id)


@fault("selection.trades", "SEL-010")
class HeaderIsIgnored(_First):
    def desk(self, owner: Owner) -> Terminal:
        return self.first(owner)


@fault("selection.trades", "SEL-010")
class OrdersGoToTheFirst(_First):
    async def order(self, owner: Owner, request: web.Request) -> Any:
        self.first_trades(owner)
        return await super().order(owner, request)


@fault("selection.trades", "SEL-010")
class OrdersGoToAll(ExtendedGateway):
    async def order(self, owner: Owner, request: web.Request) -> Any:
        answer = await super().order(owner, request)
        for terminal in owner.living():
            if terminal is not self.desk(owner):
                terminal.broker.place(await self.body(request))
        return answer


@fault("selection.trades", "SEL-010")
class ClosesGoToTheFirst(_First):
    async def close(self, owner: Owner, request: web.Request) -> Any:
        self.first_trades(owner)
        return await super().close(owner, request)


@fault("selection.trades", "SEL-010")
class ModificationsGoToTheFirst(_First):
    async def modify(self, owner: Owner, request: web.Request) -> Any:
        self.first_trades(owner)
        return await super().modify(owner, request)


class _OwnNumbers(ExtendedGateway):
    """Correct, with tickets that no two accounts share."""

    async def create_account(self, owner: Owner, request: web.Request) -> Any:
        answer = await super().create_account(owner, request)
        broker = owner.terminals[answer["account_id"]].broker
        for _ in range(1000 * len(owner.terminals)):
            next(broker.numbers)
        return answer


@fault("selection.trades", "SEL-010", _OwnNumbers)
class TicketsAreFoundOnEachAccount(_OwnNumbers):
    async def close(self, owner: Owner, request: web.Request) -> Any:
        ticket = (await self.body(request)).get("ticket")
        for terminal in owner.living():
            if ticket in terminal.broker.open:
                SELECTED.set(terminal.id)
        return await super().close(owner, request)


@fault("selection.reads", "SEL-010")
class HeaderIsRefusedForPrices(ExtendedGateway):
    async def price(self, owner: Owner, request: web.Request) -> Any:
        if SELECTED.get() is not None:
            raise Problem(422, "no account is needed here")
        return await super().price(owner, request)


class _Telling(ExtendedGateway):
    """Correct, and tells the login."""

    async def info(self, owner: Owner, request: web.Request) -> Any:
        return {**await super().info(owner, request), "login": int(self.desk(owner).login)}


@fault("selection.reads", "SEL-010", _Telling)
class InformationOfTheFirst(_Telling):
    async def info(self, owner: Owner, request: web.Request) -> Any:
        SELECTED.set(owner.living()[0].id)
        return await super().info(owner, request)


@fault("selection.only-account", "SEL-030")
class FailedLoginsCount(ExtendedGateway):
    def chosen(self, owner: Owner) -> Terminal:
        if len([one for one in owner.terminals.values() if one.state != "deleted"]) > 1:
            raise Problem(409, "account_ambiguous: which one?")
        return super().chosen(owner)


@fault("selection.only-account", "SEL-030")
class DeletedOnesCount(ExtendedGateway):
    def chosen(self, owner: Owner) -> Terminal:
        if len([one for one in owner.terminals.values() if one.state != "login_failed"]) > 1:
            raise Problem(409, "account_ambiguous: which one?")
        return super().chosen(owner)


@fault("selection.only-account", "SEL-010")
class UnusableMeansTheOther(ExtendedGateway):
    def selected(self, owner: Owner, selected: str) -> Terminal:
        try:
            terminal = super().selected(owner, selected)
        except Problem as problem:
            if problem.status == 404 and selected in owner.terminals:
                return self.chosen(owner)
            raise
        return self.chosen(owner) if terminal.state == "login_failed" else terminal


@fault("selection.ambiguous", "SEL-040")
class FirstOfSeveral(_First):
    def chosen(self, owner: Owner) -> Terminal:
        return self.first(owner)


@fault("selection.ambiguous", "SEL-040")
class FirstOfSeveralForPrices(_First):
    async def price(self, owner: Owner, request: web.Request) -> Any:
        if SELECTED.get() is None:
            self.first_trades(owner)
        return await super().price(owner, request)


@fault("selection.ambiguous", "SEL-040")
class ClosesWhereTheTicketIs(ExtendedGateway):
    async def close(self, owner: Owner, request: web.Request) -> Any:
        ticket = (await self.body(request)).get("ticket")
        for terminal in owner.living():
            if SELECTED.get() is None and ticket in terminal.broker.open:
                SELECTED.set(terminal.id)
        return await super().close(owner, request)


@fault("selection.ambiguous", "SEL-040")
class AnotherReason(ExtendedGateway):
    def chosen(self, owner: Owner) -> Terminal:
        if len(owner.living()) > 1:
            raise Problem(409, "confused: which one?")
        return super().chosen(owner)


@fault("selection.ambiguous", "SEL-040")
class SaysAmbiguousAndTrades(_First):
    async def order(self, owner: Owner, request: web.Request) -> Any:
        if SELECTED.get() is None and len(owner.living()) > 1:
            self.first(owner).broker.place(await self.body(request))
        return await super().order(owner, request)


@fault("selection.not-mine", "SEL-050")
class UnknownMeansMine(ExtendedGateway):
    def selected(self, owner: Owner, selected: str) -> Terminal:
        return owner.terminals.get(selected) or self.chosen(owner)


@fault("selection.not-mine", "SEL-050")
class ForeignIsForbidden(ExtendedGateway):
    def selected(self, owner: Owner, selected: str) -> Terminal:
        is_known = any(selected in other.terminals for other in self.owners.values())
        if is_known and selected not in owner.terminals:
            raise Problem(403, "not yours")
        return super().selected(owner, selected)


@fault("selection.not-mine", "SEL-010")
class AccountsOfAnybody(ExtendedGateway):
    def selected(self, owner: Owner, selected: str) -> Terminal:
        for other in self.owners.values():
            if selected in other.terminals:
                return super().selected(other, selected)
        return super().selected(owner, selected)


@fault("selection.not-mine", "SEL-050")
class EmptyMeansNone(ExtendedGateway):
    def desk(self, owner: Owner) -> Terminal:
        if SELECTED.get() == "":
            SELECTED.set(None)
        return super().desk(owner)


@fault("selection.one-account", "SEL-060")
class OneAccountOfAnybody(ExtendedGateway):
    async def account(self, owner: Owner, request: web.Request) -> Any:
        for other in self.owners.values():
            if request.match_info["id"] in other.terminals:
                return await super().account(other, request)
        return await super().account(owner, request)


@fault("selection.one-account", "SEL-060")
class OneAccountIsAlwaysConnecting(ExtendedGateway):
    async def account(self, owner: Owner, request: web.Request) -> Any:
        return {**await super().account(owner, request), "status": "connecting"}


@fault("selection.account-follows", "SEL-060")
class DeletedAccountsStayActive(ExtendedGateway):
    async def account(self, owner: Owner, request: web.Request) -> Any:
        try:
            return await super().account(owner, request)
        except Problem:
            return {"account_id": request.match_info["id"], "status": "active"}


FAULTS = faults_of(globals())
