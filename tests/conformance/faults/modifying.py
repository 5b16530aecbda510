from typing import Any

from aiohttp import web

from tests.conformance.faults.fault import Fault, at_broker
from tests.conformance.unusual_broker import Broker, Refused
from tests.conformance.unusual_gateway import Owner, UnusualGateway


class OnlySaysSo(Broker):
    def modify(self, body: dict[str, Any]) -> None:
        self.position(body.get("ticket"))


class Exchanged(Broker):
    def modify(self, body: dict[str, Any]) -> None:
        super().modify(body)
        position = self.open[body["ticket"]]
        position["sl"], position["tp"] = position["tp"], position["sl"]


class AbsentIsNone(Broker):
    """Forgets the level that is not named, as MT5 itself does with the levels of a request."""

    def modify(self, body: dict[str, Any]) -> None:
        super().modify({"sl": None, "tp": None} | body)


class AbsentTpIsNone(Broker):
    def modify(self, body: dict[str, Any]) -> None:
        super().modify({"tp": None} | body)


class AbsentSlIsNone(Broker):
    def modify(self, body: dict[str, Any]) -> None:
        super().modify({"sl": None} | body)


class AllOfTheSymbol(Broker):
    def modify(self, body: dict[str, Any]) -> None:
        super().modify(body)
        position = self.open[body["ticket"]]
        for one in self.open.values():
            one.update(sl=position["sl"], tp=position["tp"])


class Reopened(Broker):
    def modify(self, body: dict[str, Any]) -> None:
        super().modify(body)
        self.open[next(self.numbers)] = self.open.pop(body["ticket"])


class VolumeReset(Broker):
    def modify(self, body: dict[str, Any]) -> None:
        super().modify(body)
        self.open[body["ticket"]]["volume"] = self.volume(0.01)


class LevelsOfABuyOnly(Broker):
    def modify(self, body: dict[str, Any]) -> None:
        bid, _ = self.quote(self.position(body.get("ticket"))["symbol"])
        self.check_stops("buy", bid, {name: self.level(body.get(name)) for name in ("sl", "tp")})
        super().modify(body)


class NullIsAbsent(Broker):
    def modify(self, body: dict[str, Any]) -> None:
        given = {name: one for name, one in body.items() if one is not None}
        if len(given) > 1:
            super().modify(given)


class UnknownIsModified(UnusualGateway):
    async def modify(self, owner: Owner, request: web.Request) -> Any:
        try:
            return await super().modify(owner, request)
        except Refused as refused:
            if refused.status != 404:
                raise
            return {"success": True, "ticket": (await self.body(request))["ticket"]}


class UnknownIsLast(Broker):
    def modify(self, body: dict[str, Any]) -> None:
        ticket = body.get("ticket")
        is_unknown = isinstance(ticket, int) and ticket not in self.open and self.open
        super().modify(body | {"ticket": max(self.open)} if is_unknown else body)


class NoTicketIsLast(UnusualGateway):
    async def modify(self, owner: Owner, request: web.Request) -> Any:
        broker, body = self.desk(owner).broker, await self.body(request)
        if "ticket" not in body and broker.open:
            broker.modify(body | {"ticket": max(broker.open)})
            return {"success": True, "ticket": max(broker.open)}
        return await super().modify(owner, request)


class ClearedFirst(Broker):
    """Removes the old levels before it looks at the new ones."""

    def modify(self, body: dict[str, Any]) -> None:
        position = self.position(body.get("ticket"))
        for name in ("sl", "tp"):
            if name in body:
                position[name] = None
        super().modify(body)


class HalfDone(Broker):
    """Sets sl before it looks at tp."""

    def modify(self, body: dict[str, Any]) -> None:
        if "sl" in body and "tp" in body:
            super().modify({"ticket": body.get("ticket"), "sl": body["sl"]})
        super().modify(body)


LEVELS, SELL, REMOVE, REFUSED = "modifying.levels", "modifying.sell-levels", "modifying.remove", "modifying.refused"

FAULTS = [
    Fault("modified in words only", at_broker(OnlySaysSo), LEVELS, "TONPO-MOD-010"),
    Fault("sl and tp exchanged", at_broker(Exchanged), LEVELS, "TONPO-MOD-010"),
    Fault("what is absent is removed", at_broker(AbsentIsNone), LEVELS, "TONPO-MOD-020"),
    Fault("tp is lost when sl is moved", at_broker(AbsentTpIsNone), LEVELS, "TONPO-MOD-020"),
    Fault("sl is lost when tp is moved", at_broker(AbsentSlIsNone), LEVELS, "TONPO-MOD-030"),
    Fault("all of the symbol are modified", at_broker(AllOfTheSymbol), LEVELS, "TONPO-MOD-040"),
    Fault("reopened under a new ticket", at_broker(Reopened), LEVELS, "TONPO-MOD-040"),
    Fault("volume reset", at_broker(VolumeReset), LEVELS, "TONPO-MOD-040"),
    Fault("levels of a sell refused", at_broker(LevelsOfABuyOnly), SELL, "TONPO-MOD-010"),
    Fault("null does nothing", at_broker(NullIsAbsent), REMOVE, "TONPO-MOD-080"),
    Fault("an unknown ticket is modified", UnknownIsModified, REFUSED, "TONPO-MOD-050"),
    Fault("an unknown ticket modifies another", at_broker(UnknownIsLast), REFUSED, "TONPO-MOD-040"),
    Fault("no ticket modifies the last", NoTicketIsLast, REFUSED, "TONPO-MOD-060"),
    Fault("a refusal removes the levels", at_broker(ClearedFirst), REFUSED, "TONPO-MOD-070"),
    Fault("a refusal after half of it", at_broker(HalfDone), REFUSED, "TONPO-MOD-070"),
]
