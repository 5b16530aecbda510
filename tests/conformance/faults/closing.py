from decimal import Decimal
from typing import Any

from aiohttp import web

from tests.conformance.faults.fault import Fault, at_broker
from tests.conformance.unusual_broker import Broker, Refused
from tests.conformance.unusual_gateway import Owner, Problem, UnusualGateway


class OnlySaysSo(Broker):
    def close(self, body: dict[str, Any]) -> None:
        self.position(body.get("ticket"))


class OppositeTrade(Broker):
    """Closes as on a netting account: by an order to the other side."""

    def close(self, body: dict[str, Any]) -> None:
        position = self.position(body.get("ticket"))
        side = "sell" if position["side"] == "buy" else "buy"
        volume = body.get("volume") or float(position["volume"])
        self.place({"symbol": position["symbol"], "side": side, "orderType": "market", "volume": volume})


class ClosesAgain(Broker):
    """Trades against a position that it has closed already."""

    closed: dict[int, dict[str, Any]] = {}  # noqa: RUF012

    def close(self, body: dict[str, Any]) -> None:
        gone = self.closed.get(body.get("ticket", 0))
        if gone is not None:
            side = "sell" if gone["side"] == "buy" else "buy"
            self.place(
                {"symbol": gone["symbol"], "side": side, "orderType": "market", "volume": float(gone["closed_volume"])}
            )
            return
        position = dict(self.position(body.get("ticket")))
        super().close(body)
        if body["ticket"] not in self.open:
            self.closed = self.closed | {body["ticket"]: position | {"closed_volume": position["volume"]}}


class UnknownIsClosed(UnusualGateway):
    async def close(self, owner: Owner, request: web.Request) -> Any:
        try:
            return await super().close(owner, request)
        except Refused as refused:
            if refused.status != 404:
                raise
            return {"success": True, "ticket": (await self.body(request))["ticket"]}


class AlwaysWhole(Broker):
    def close(self, body: dict[str, Any]) -> None:
        super().close({"ticket": body.get("ticket")})


class LeavesTheVolume(Broker):
    """Takes the volume for what shall stay."""

    def close(self, body: dict[str, Any]) -> None:
        position = self.position(body.get("ticket"))
        if body.get("volume") is None:
            return super().close(body)
        return super().close(body | {"volume": float(position["volume"] - self.volume(body["volume"]))})


class FloatNoise(Broker):
    def close(self, body: dict[str, Any]) -> None:
        position = self.position(body.get("ticket"))
        before = float(position["volume"])
        super().close(body)
        if body.get("volume") is not None and position["volume"]:
            position["volume"] = Decimal(before - body["volume"])


class RestUnderNewTicket(Broker):
    def close(self, body: dict[str, Any]) -> None:
        super().close(body)
        rest = self.open.pop(body["ticket"], None)
        if rest is not None:
            self.open[next(self.numbers)] = rest


class RestWithoutStops(Broker):
    def close(self, body: dict[str, Any]) -> None:
        super().close(body)
        if body["ticket"] in self.open:
            self.open[body["ticket"]].update(sl=None, tp=None)


class HedgesPartially(Broker):
    def close(self, body: dict[str, Any]) -> None:
        position = self.position(body.get("ticket"))
        if body.get("volume") is None or body["volume"] == float(position["volume"]):
            return super().close(body)
        side = "sell" if position["side"] == "buy" else "buy"
        order = {"symbol": position["symbol"], "side": side, "orderType": "market", "volume": body["volume"]}
        self.place(order)
        return None


class FirstOfTheSymbol(Broker):
    def close(self, body: dict[str, Any]) -> None:
        position = self.position(body.get("ticket"))
        same = [ticket for ticket, one in self.open.items() if one["symbol"] == position["symbol"]]
        super().close(body | {"ticket": same[0]})


class AllOfTheSymbol(Broker):
    def close(self, body: dict[str, Any]) -> None:
        symbol = self.position(body.get("ticket"))["symbol"]
        super().close(body)
        if body["ticket"] not in self.open:
            self.open = {ticket: one for ticket, one in self.open.items() if one["symbol"] != symbol}


class StopsOfOthersLost(Broker):
    def close(self, body: dict[str, Any]) -> None:
        super().close(body)
        for one in self.open.values():
            one.update(sl=None, tp=None)


class UnknownIsLast(Broker):
    def close(self, body: dict[str, Any]) -> None:
        ticket = body.get("ticket")
        if isinstance(ticket, int) and ticket not in self.open and self.open:
            body = body | {"ticket": max(self.open)}
        super().close(body)


class NoTicketIsAll(UnusualGateway):
    async def close(self, owner: Owner, request: web.Request) -> Any:
        if "ticket" not in await self.body(request):
            self.desk(owner).broker.open.clear()
            return {"success": True, "ticket": 0}
        return await super().close(owner, request)


class NoTicket500(UnusualGateway):
    async def close(self, owner: Owner, request: web.Request) -> Any:
        if "ticket" not in await self.body(request):
            raise Problem(500, "KeyError: 'ticket'")
        return await super().close(owner, request)


class MoreIsAll(Broker):
    def close(self, body: dict[str, Any]) -> None:
        position = self.position(body.get("ticket"))
        most = float(position["volume"])
        super().close(body | {"volume": min(body["volume"], most)} if body.get("volume") is not None else body)


class MoreIsReversal(Broker):
    def close(self, body: dict[str, Any]) -> None:
        position = dict(self.position(body.get("ticket")))
        more = self.volume(body["volume"]) - position["volume"] if body.get("volume") is not None else 0
        super().close(body if more <= 0 else {"ticket": body["ticket"]})
        if more > 0:
            side = "sell" if position["side"] == "buy" else "buy"
            self.place({"symbol": position["symbol"], "side": side, "orderType": "market", "volume": float(more)})


FULL, PARTIAL, OTHERS, REFUSED = "closing.full", "closing.partial", "closing.others-stay", "closing.refused"

FAULTS = [
    Fault("closed in words only", at_broker(OnlySaysSo), FULL, "TONPO-CLOSE-010"),
    Fault("closed and still listed", at_broker(OnlySaysSo), FULL, "TONPO-POS-050"),
    Fault("closed by an opposite trade", at_broker(OppositeTrade), FULL, "TONPO-CLOSE-030"),
    Fault("a second close trades again", at_broker(ClosesAgain), FULL, "TONPO-CLOSE-030"),
    Fault("a second close succeeds", UnknownIsClosed, FULL, "TONPO-CLOSE-050"),
    Fault("volume ignored", at_broker(AlwaysWhole), PARTIAL, "TONPO-CLOSE-020"),
    Fault("volume is what stays", at_broker(LeavesTheVolume), PARTIAL, "TONPO-CLOSE-020"),
    Fault("the rest has float noise", at_broker(FloatNoise), PARTIAL, "TONPO-CLOSE-020"),
    Fault("the rest has a new ticket", at_broker(RestUnderNewTicket), PARTIAL, "TONPO-CLOSE-020"),
    Fault("the rest lost its stops", at_broker(RestWithoutStops), PARTIAL, "TONPO-POS-060"),
    Fault("a partial close hedges", at_broker(HedgesPartially), PARTIAL, "TONPO-CLOSE-030"),
    Fault("the oldest is closed instead", at_broker(FirstOfTheSymbol), OTHERS, "TONPO-CLOSE-040"),
    Fault("all of the symbol are closed", at_broker(AllOfTheSymbol), OTHERS, "TONPO-CLOSE-040"),
    Fault("others lose their stops", at_broker(StopsOfOthersLost), OTHERS, "TONPO-CLOSE-040"),
    Fault("an unknown ticket closes another", at_broker(UnknownIsLast), REFUSED, "TONPO-CLOSE-040"),
    Fault("an unknown ticket is closed", UnknownIsClosed, REFUSED, "TONPO-CLOSE-050"),
    Fault("no ticket closes all", NoTicketIsAll, REFUSED, "TONPO-CLOSE-060"),
    Fault("no ticket is 500", NoTicket500, REFUSED, "TONPO-CLOSE-060"),
    Fault("more than is open closes all", at_broker(MoreIsAll), REFUSED, "TONPO-CLOSE-080"),
    Fault("more than is open reverses", at_broker(MoreIsReversal), REFUSED, "TONPO-CLOSE-030"),
]
