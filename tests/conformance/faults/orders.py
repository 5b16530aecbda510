import asyncio
from typing import Any

from aiohttp import web

from tests.conformance.faults.fault import Fault, at_broker
from tests.conformance.unusual_broker import Broker, Refused
from tests.conformance.unusual_gateway import Owner, Problem, UnusualGateway


class Doubled(Broker):
    def place(self, body: dict[str, Any]) -> int:
        super().place(body)
        return super().place(body)


class DoubledLater(UnusualGateway):
    async def order(self, owner: Owner, request: web.Request) -> Any:
        answer = await super().order(owner, request)
        broker, body = self.desk(owner).broker, await self.body(request)
        asyncio.get_running_loop().call_later(0.05, broker.place, body)
        return answer


class AlwaysBuys(Broker):
    def place(self, body: dict[str, Any]) -> int:
        return super().place(body | {"side": "buy"})


class TenTimes(Broker):
    def place(self, body: dict[str, Any]) -> int:
        return super().place(body | {"volume": float(self.volume(body["volume"]) * 10)})


class TicketAsText(UnusualGateway):
    async def order(self, owner: Owner, request: web.Request) -> Any:
        answer = await super().order(owner, request)
        return answer | {"ticket": str(answer["ticket"])}


class TicketMissing(UnusualGateway):
    async def order(self, owner: Owner, request: web.Request) -> Any:
        return await super().order(owner, request) | {"ticket": 0}


class SuccessMissing(UnusualGateway):
    async def order(self, owner: Owner, request: web.Request) -> Any:
        return {"ticket": (await super().order(owner, request))["ticket"]}


class TicketOfDeal(UnusualGateway):
    async def order(self, owner: Owner, request: web.Request) -> Any:
        answer = await super().order(owner, request)
        return answer | {"ticket": answer["ticket"] + 1}


class MarketNeedsPrice(Broker):
    def place(self, body: dict[str, Any]) -> int:
        if body.get("price") is None:
            raise Refused(422, "price is missing")
        return super().place(body)


class MarketTakesNoPrice(Broker):
    def place(self, body: dict[str, Any]) -> int:
        if body.get("orderType") == "market" and "price" in body:
            raise Refused(422, "a market order has no price")
        return super().place(body)


class StopsComeInPairs(Broker):
    def place(self, body: dict[str, Any]) -> int:
        if ("sl" in body) != ("tp" in body):
            raise Refused(422, "sl and tp are given together")
        return super().place(body)


class LoneStopLost(Broker):
    def place(self, body: dict[str, Any]) -> int:
        return super().place(body if "tp" in body else body | {"sl": None})


class OrdersMerged(UnusualGateway):
    """Takes a second order of the same moment for a repetition of the first."""

    async def order(self, owner: Owner, request: web.Request) -> Any:
        broker = self.desk(owner).broker
        now = asyncio.get_running_loop().time()
        if now - getattr(broker, "placed_at", 0.0) < 0.05 and broker.open:
            return {"success": True, "ticket": max(broker.open)}
        broker.placed_at = now  # type: ignore[attr-defined]
        return await super().order(owner, request)


class AnswersMixed(UnusualGateway):
    """Answers with whatever ticket was the last one when it gets to it."""

    async def order(self, owner: Owner, request: web.Request) -> Any:
        answer = await super().order(owner, request)
        await asyncio.sleep(0.05)
        return answer | {"ticket": max(self.desk(owner).broker.open)}


class AnswersExchanged(UnusualGateway):
    """Gives two orders of the same moment each other's ticket."""

    async def order(self, owner: Owner, request: web.Request) -> Any:
        answer = await super().order(owner, request)
        await asyncio.sleep(0.05)
        tickets = sorted(self.desk(owner).broker.open)
        return answer | {"ticket": tickets[-1 - tickets.index(answer["ticket"])]}


class TagsOfTheLast(Broker):
    tags: dict[str, Any] = {}  # noqa: RUF012

    def place(self, body: dict[str, Any]) -> int:
        self.tags = {name: body[name] for name in ("magic", "comment") if name in body}
        return super().place(body)

    def rows(self) -> list[dict[str, Any]]:
        return [row | self.tags for row in super().rows()]


class LotsOfAnotherApi(Broker):
    def place(self, body: dict[str, Any]) -> int:
        return super().place(body | {"volume": body.get("lots", body.get("volume"))})


class MembersRefused(Broker):
    def place(self, body: dict[str, Any]) -> int:
        if set(body) - {"symbol", "side", "orderType", "volume", "price", "sl", "tp", "comment", "magic"}:
            raise Refused(422, "unknown members")
        return super().place(body)


class Answer202(UnusualGateway):
    def owned(self, action: Any) -> Any:
        handle = super().owned(action)

        async def answer(request: web.Request) -> web.StreamResponse:
            response = await handle(request)
            if action == self.order:
                response.set_status(202)
            return response

        return answer


class SellRefused(UnusualGateway):
    async def order(self, owner: Owner, request: web.Request) -> Any:
        if (await self.body(request)).get("side") == "sell":
            raise Problem(400, "no selling")
        return await super().order(owner, request)


SIDES, BOTH, SINGLE = "orders.market-both-sides", "orders.all-members-or-none", "orders.single-optional-members"
AT_ONCE, UNKNOWN = "orders.at-once", "orders.unknown-members"

FAULTS = [
    Fault("order executed twice", at_broker(Doubled), SIDES, "TONPO-ORD-030"),
    Fault("order executed again a moment later", DoubledLater, SIDES, "TONPO-ORD-030"),
    Fault("ten times the volume", at_broker(TenTimes), SIDES, "TONPO-ORD-030"),
    Fault("a sell buys", at_broker(AlwaysBuys), SIDES, "TONPO-ORD-040"),
    Fault("a sell is refused", SellRefused, SIDES, "TONPO-ORD-040"),
    Fault("ticket is text", TicketAsText, SIDES, "TONPO-ORD-020"),
    Fault("ticket is 0", TicketMissing, SIDES, "TONPO-ORD-020"),
    Fault("no success", SuccessMissing, SIDES, "TONPO-ORD-020"),
    Fault("answered 202", Answer202, SIDES, "TONPO-ORD-010"),
    Fault("ticket of the deal", TicketOfDeal, SIDES, "TONPO-ORD-210"),
    Fault("a market order needs a price", at_broker(MarketNeedsPrice), BOTH, "TONPO-ORD-090"),
    Fault("a market order takes no price", at_broker(MarketTakesNoPrice), BOTH, "TONPO-ORD-090"),
    Fault("sl without tp refused", at_broker(StopsComeInPairs), SINGLE, "TONPO-ORD-110"),
    Fault("sl without tp lost", at_broker(LoneStopLost), SINGLE, "TONPO-POS-060"),
    Fault("two orders merged", OrdersMerged, AT_ONCE, "TONPO-ORD-030"),
    Fault("both answered with the last ticket", AnswersMixed, AT_ONCE, "TONPO-ORD-020"),
    Fault("tickets exchanged", AnswersExchanged, AT_ONCE, "TONPO-POS-030"),
    Fault("tags of the last order", at_broker(TagsOfTheLast), AT_ONCE, "TONPO-POS-080"),
    Fault("lots instead of volume", at_broker(LotsOfAnotherApi), UNKNOWN, "TONPO-ORD-030"),
    Fault("unknown members refused", at_broker(MembersRefused), UNKNOWN, "TONPO-ORD-220"),
]
