"""Gateways whose order checks do not tell the truth, or do more than check."""

from abc import ABC, abstractmethod
from typing import Any

from aiohttp import web

from tests.conformance.faults.registering import fault, faults_of
from tests.conformance.knowing_broker import KnowingBroker
from tests.conformance.knowing_gateway import CancellingGateway, KnowingGateway
from tests.conformance.unusual_broker import Refused
from tests.conformance.unusual_gateway import Owner, Problem

NOTHING, AGREES, COSTS = "order-check.nothing-is-sent", "order-check.agrees", "order-check.costs-no-trade"


class Telling(KnowingGateway, ABC):
    """Tells another result than there is."""

    @abstractmethod
    def told(self, result: dict[str, Any], broker: KnowingBroker) -> dict[str, Any]: ...

    async def check(self, owner: Owner, request: web.Request) -> Any:
        return self.told(await super().check(owner, request), self.books(owner))


@fault(NOTHING, "CHECK-010", KnowingGateway)
class EverythingIsFine(Telling):
    def told(self, result: dict[str, Any], broker: KnowingBroker) -> dict[str, Any]:
        return {"margin": 10.0} | result | {"success": True, "retcode": 0, "error": None}


@fault(NOTHING, "CHECK-010", KnowingGateway)
class NothingIsFine(Telling):
    def told(self, result: dict[str, Any], broker: KnowingBroker) -> dict[str, Any]:
        return {"success": False, "retcode": 10013, "error": "invalid request"}


@fault(NOTHING, "CHECK-010", KnowingGateway)
class NoMargin(Telling):
    def told(self, result: dict[str, Any], broker: KnowingBroker) -> dict[str, Any]:
        return {name: one for name, one in result.items() if name != "margin"}


@fault(NOTHING, "CHECK-010", KnowingGateway)
class MarginBefore(Telling):
    def told(self, result: dict[str, Any], broker: KnowingBroker) -> dict[str, Any]:
        return result | {"margin": broker.figures()["margin"]}


@fault(NOTHING, "CHECK-010", KnowingGateway)
class FreeMarginIsAll(Telling):
    def told(self, result: dict[str, Any], broker: KnowingBroker) -> dict[str, Any]:
        return result | {"equity": 10_000.0, "freeMargin": 10_000.0}


@fault(NOTHING, "CHECK-010", KnowingGateway)
class RefusalsWithoutRetcode(Telling):
    def told(self, result: dict[str, Any], broker: KnowingBroker) -> dict[str, Any]:
        return result | {"retcode": 0}


@fault(NOTHING, "CHECK-010", KnowingGateway)
class RetcodeOfAnOrder(Telling):
    def told(self, result: dict[str, Any], broker: KnowingBroker) -> dict[str, Any]:
        return result | {"retcode": 10009} if result["success"] else result


@fault(AGREES, "CHECK-010", KnowingGateway)
class MarginWithoutLeverage(Telling):
    def told(self, result: dict[str, Any], broker: KnowingBroker) -> dict[str, Any]:
        return result | {"margin": result["margin"] * 100} if result["success"] else result


class Sending(KnowingGateway):
    """Places what it was to check."""

    def shall_send(self, body: dict[str, Any]) -> bool:
        return True

    async def check(self, owner: Owner, request: web.Request) -> Any:
        answer = await super().check(owner, request)
        body = await self.body(request)
        if answer["success"] and self.shall_send(body):
            self.books(owner).place(body)
        return answer


@fault(NOTHING, "CHECK-020", KnowingGateway)
class ChecksAreSent(Sending):
    pass


@fault(NOTHING, "CHECK-020", CancellingGateway)
class PendingChecksArePlaced(Sending, CancellingGateway):
    def shall_send(self, body: dict[str, Any]) -> bool:
        return bool(body["orderType"] != "market")


@fault(NOTHING, "CHECK-020", KnowingGateway)
class ChecksOpenAndClose(KnowingGateway):
    """Tries an order out by opening a position and closing it, which costs money."""

    async def check(self, owner: Owner, request: web.Request) -> Any:
        answer = await super().check(owner, request)
        body = await self.body(request)
        if answer["success"] and body["orderType"] == "market":
            broker = self.books(owner)
            broker.close({"ticket": broker.place(body)})
        return answer


@fault(COSTS, "CHECK-020", KnowingGateway)
class ChecksCountAsTrades(KnowingGateway):
    async def check(self, owner: Owner, request: web.Request) -> Any:
        answer = await super().check(owner, request)
        owner.trades += 1
        return answer


@fault(COSTS, "CHECK-020", KnowingGateway)
class ChecksAreLimitedLikeTrades(ChecksCountAsTrades.gateway):  # type: ignore[name-defined,misc]
    async def check(self, owner: Owner, request: web.Request) -> Any:
        if owner.trades >= 10:
            raise Problem(429, "enough for today", {"Retry-After": "3600"})
        return await super().check(owner, request)


class Checking(KnowingBroker):
    """Checks only a part of what it would refuse."""

    left_out = ""

    def tried(self, body: dict[str, Any]) -> dict[str, Any]:
        return super().tried({name: one for name, one in body.items() if name not in ("sl", "tp")})


class AccountNotSeen(KnowingBroker):
    def tried(self, body: dict[str, Any]) -> dict[str, Any]:
        self.balance, balance = 1e9, self.balance
        try:
            return super().tried(body)
        finally:
            self.balance = balance


class StrictOnSteps(KnowingBroker):
    def tried(self, body: dict[str, Any]) -> dict[str, Any]:
        return super().tried(body | {"volume": 1e6 if "sl" in body else body["volume"]})


@fault(AGREES, "CHECK-030", KnowingGateway)
class ChecksIgnoreStops(KnowingGateway):
    broker_class = Checking


class SpeakingGateway(KnowingGateway):
    """A correct gateway that answers refusals as the broker's."""

    async def order(self, owner: Owner, request: web.Request) -> Any:
        try:
            return await super().order(owner, request)
        except Refused as refused:
            if refused.status != 422:
                raise
            code = 10019 if "margin" in str(refused) else 10014
            return {"ticket": 0, "success": False, "retcode": code, "error": str(refused)}


@fault(AGREES, "CHECK-030", SpeakingGateway)
class ChecksIgnoreTheMargin(SpeakingGateway):
    broker_class = AccountNotSeen


@fault(AGREES, "CHECK-030", KnowingGateway)
class ChecksRefuseStops(KnowingGateway):
    broker_class = StrictOnSteps


FAULTS = faults_of(globals())
