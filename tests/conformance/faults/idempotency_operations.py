"""Gateways whose keys do not reach beyond the placing of orders, or whose records are wrong."""

from typing import Any, ClassVar

from aiohttp import web

from tests.conformance.extended_gateway import Action, ExtendedGateway
from tests.conformance.faults.registering import extended_fault as fault
from tests.conformance.faults.registering import faults_of
from tests.conformance.unusual_gateway import Owner, Problem


class _Without(ExtendedGateway):
    """Ignores keys on some operations."""

    without: ClassVar[tuple[str, ...]] = ()

    async def keyed(self, owner: Owner, request: web.Request, action: Action) -> tuple[Any, bool]:
        if action.__name__ in self.without:
            return await action(owner, request), False
        return await super().keyed(owner, request, action)


@fault("idempotency.close", "IDEM-020")
class NoKeysOnClosing(_Without):
    without = ("close",)


@fault("idempotency.modify", "IDEM-020")
class NoKeysOnModifying(_Without):
    without = ("modify",)


@fault("idempotency.pending", "IDEM-010")
class NoKeysOnCancelling(_Without):
    without = ("cancel",)


@fault("idempotency.pending", "IDEM-020")
class NoKeysOnPendingOrders(ExtendedGateway):
    async def keyed(self, owner: Owner, request: web.Request, action: Action) -> tuple[Any, bool]:
        if action.__name__ == "order" and (await self.body(request)).get("orderType") != "market":
            return await action(owner, request), False
        return await super().keyed(owner, request, action)


class _Refusing(ExtendedGateway):
    """Refuses keys on one operation."""

    refusing = ""

    async def keyed(self, owner: Owner, request: web.Request, action: Action) -> tuple[Any, bool]:
        if action.__name__ == self.refusing:
            raise Problem(422, "no keys here")
        return await super().keyed(owner, request, action)


@fault("idempotency.close", "IDEM-050")
class KeysRefusedOnClosing(_Refusing):
    refusing = "close"


@fault("idempotency.modify", "IDEM-050")
class KeysRefusedOnModifying(_Refusing):
    refusing = "modify"


@fault("idempotency.pending", "IDEM-050")
class KeysRefusedOnCancelling(_Refusing):
    refusing = "cancel"


class _Lying(ExtendedGateway):
    """Answers success on one operation that has a key, and does nothing."""

    lying = ""

    async def executed(self, owner: Owner, request: web.Request, action: Action) -> Any:
        if action.__name__ == self.lying:
            return {"success": True, "ticket": 1}
        return await super().executed(owner, request, action)


@fault("idempotency.modify", "IDEM-050")
class SaysItModified(_Lying):
    lying = "modify"


@fault("idempotency.pending", "IDEM-050")
class SaysItCancelled(_Lying):
    lying = "cancel"


@fault("idempotency.close", "IDEM-020")
class ClosesRace(ExtendedGateway):
    """Gives up the key of a close that is in flight when it is sent again."""

    async def keyed(self, owner: Owner, request: web.Request, action: Action) -> tuple[Any, bool]:
        record = self.records.get((owner.number, request.headers["Idempotency-Key"]))
        if record is not None and record.answer is None and action.__name__ == "close":
            return await self.executed(owner, request, action), True
        return await super().keyed(owner, request, action)


@fault("idempotency.pending", "IDEM-030")
class CancelsAnyWithAKey(ExtendedGateway):
    async def keyed(self, owner: Owner, request: web.Request, action: Action) -> tuple[Any, bool]:
        try:
            return await super().keyed(owner, request, action)
        except Problem as problem:
            if problem.status == 409 and action.__name__ == "cancel":
                await action(owner, request)
            raise


@fault("idempotency.requests", "IDEM-070")
class ResultsAreNotTold(ExtendedGateway):
    async def request_record(self, owner: Owner, request: web.Request) -> Any:
        return {**await super().request_record(owner, request), "result": {"success": True, "ticket": 1}}


@fault("idempotency.requests", "IDEM-070")
class AllIsUnknown(ExtendedGateway):
    async def request_record(self, owner: Owner, request: web.Request) -> Any:
        return {**await super().request_record(owner, request), "outcome": "unknown"}


@fault("idempotency.requests", "IDEM-070")
class OnlyOrdersAreKept(ExtendedGateway):
    async def request_record(self, owner: Owner, request: web.Request) -> Any:
        record = self.records.get((owner.number, request.match_info["key"]))
        if record is not None and record.operation != "order":
            raise Problem(404, "request_not_found: that key is new")
        return await super().request_record(owner, request)


@fault("idempotency.requests", "IDEM-080")
class UnusedKeysAreUnknown(ExtendedGateway):
    async def request_record(self, owner: Owner, request: web.Request) -> Any:
        try:
            return await super().request_record(owner, request)
        except Problem:
            return {"key": request.match_info["key"], "outcome": "unknown"}


@fault("idempotency.requests", "IDEM-080")
class KeysOfAnybodyAreTold(ExtendedGateway):
    async def request_record(self, owner: Owner, request: web.Request) -> Any:
        for number, key in self.records:
            if key == request.match_info["key"]:
                return await super().request_record(Owner(number, owner.key), request)
        return await super().request_record(owner, request)


@fault("idempotency.trades-per-day", "IDEM-140")
class RepetitionsCount(ExtendedGateway):
    async def keyed(self, owner: Owner, request: web.Request, action: Action) -> tuple[Any, bool]:
        answer, is_replayed = await super().keyed(owner, request, action)
        owner.trades += is_replayed
        return answer, is_replayed


@fault("idempotency.trades-per-day", "IDEM-140")
class RepetitionsAreRefusedForQuota(ExtendedGateway):
    async def keyed(self, owner: Owner, request: web.Request, action: Action) -> tuple[Any, bool]:
        if action.__name__ == "order" and owner.trades >= self.trades_per_day:
            raise Problem(429, "enough for today", {"Retry-After": "3600"})
        return await super().keyed(owner, request, action)


FAULTS = faults_of(globals())
