from typing import Any

from aiohttp import web

from tests.conformance.faults.fault import Fault, at_broker
from tests.conformance.unusual_broker import Broker, Refused
from tests.conformance.unusual_gateway import Owner, UnusualGateway


class MissingPriceIsMarket(Broker):
    def place(self, body: dict[str, Any]) -> int:
        return super().place(body if body.get("price") is not None else body | {"orderType": "market"})


class RefusedAfterwards(Broker):
    """Trades first and finds out then."""

    def place(self, body: dict[str, Any]) -> int:
        ticket = super().place(body | {"orderType": "market"})
        if body["orderType"] != "market" and "price" not in body:
            raise Refused(422, "price is missing")
        return ticket


class Assumes(Broker):
    ASSUMED = {"symbol": "EURUSD", "side": "buy", "orderType": "market", "volume": 0.01}  # noqa: RUF012

    def place(self, body: dict[str, Any]) -> int:
        return super().place(self.ASSUMED | body)


class Missing500(UnusualGateway):
    async def order(self, owner: Owner, request: web.Request) -> Any:
        if "side" not in await self.body(request):
            raise web.HTTPInternalServerError
        return await super().order(owner, request)


class AbsoluteVolume(Broker):
    def place(self, body: dict[str, Any]) -> int:
        volume = body.get("volume")
        return super().place(body | {"volume": abs(volume)} if isinstance(volume, int | float) else body)


class NotBuyIsSell(Broker):
    def place(self, body: dict[str, Any]) -> int:
        return super().place(body | {"side": "buy" if body.get("side") == "buy" else "sell"})


class NearestSymbol(Broker):
    def place(self, body: dict[str, Any]) -> int:
        return super().place(body if body.get("symbol") in self.bids else body | {"symbol": "EURUSD"})


class UnclearRefusal(UnusualGateway):
    async def order(self, owner: Owner, request: web.Request) -> Any:
        try:
            return await super().order(owner, request)
        except Refused as refused:
            return {"ok": False, "message": str(refused), "ticket": 0}


class VolumeRaised(Broker):
    def place(self, body: dict[str, Any]) -> int:
        return super().place(body | {"volume": max(0.01, body["volume"])})


class WrongStopsDropped(Broker):
    def place(self, body: dict[str, Any]) -> int:
        try:
            return super().place(body)
        except Refused:
            return super().place({name: one for name, one in body.items() if name not in ("sl", "tp")})


NO_PRICE, REQUIRED, VALUES = "orders.pending-needs-price", "orders.required-members", "orders.wrong-values"
SYMBOL, BROKER = "orders.unknown-symbol", "orders.refused-by-broker"

FAULTS = [
    Fault("no price means market", at_broker(MissingPriceIsMarket), NO_PRICE, "TONPO-ORD-070"),
    Fault("refused and executed", at_broker(RefusedAfterwards), NO_PRICE, "TONPO-ORD-170"),
    Fault("what is missing is assumed", at_broker(Assumes), REQUIRED, "TONPO-ORD-120"),
    Fault("what is missing is assumed and traded", at_broker(Assumes), REQUIRED, "TONPO-ORD-170"),
    Fault("what is missing is 500", Missing500, REQUIRED, "TONPO-ORD-120"),
    Fault("a volume's absolute value", at_broker(AbsoluteVolume), VALUES, "TONPO-ORD-130"),
    Fault("any other side sells", at_broker(NotBuyIsSell), VALUES, "TONPO-ORD-130"),
    Fault("another symbol instead", at_broker(NearestSymbol), SYMBOL, "TONPO-ORD-160"),
    Fault("a refusal like no other", UnclearRefusal, SYMBOL, "TONPO-ORD-180"),
    Fault("volume raised to the least", at_broker(VolumeRaised), BROKER, "TONPO-ORD-030"),
    Fault("stops on the wrong side dropped", at_broker(WrongStopsDropped), BROKER, "TONPO-ORD-230"),
]
