import asyncio
from abc import ABC, abstractmethod
from typing import Any

from aiohttp import web

from tests.conformance.faults.fault import Fault, at_broker
from tests.conformance.unusual_broker import Broker
from tests.conformance.unusual_gateway import Owner, Problem, UnusualGateway


class Twice(UnusualGateway):
    async def symbols(self, owner: Owner, request: web.Request) -> Any:
        names = (await super().symbols(owner, request))["symbols"]
        return {"symbols": [*names, names[0]]}


class NoSymbols(UnusualGateway):
    async def symbols(self, owner: Owner, request: web.Request) -> Any:
        self.desk(owner)
        return {"symbols": []}


class SymbolObjects(UnusualGateway):
    async def symbols(self, owner: Owner, request: web.Request) -> Any:
        return {"symbols": [{"name": name} for name in (await super().symbols(owner, request))["symbols"]]}


class Reversed(Broker):
    def quote(self, symbol: object) -> tuple[float, float]:
        bid, ask = super().quote(symbol)
        return ask, bid


class Rewritten(UnusualGateway, ABC):
    """Answers a price otherwise than it is."""

    @abstractmethod
    def rewritten(self, name: str, price: dict[str, Any]) -> dict[str, Any]: ...

    async def price(self, owner: Owner, request: web.Request) -> Any:
        return self.rewritten(request.match_info["symbol"], await super().price(owner, request))


class Zero(Rewritten):
    def rewritten(self, name: str, price: dict[str, Any]) -> dict[str, Any]:
        return price | {"bid": 0.0}


class AsText(Rewritten):
    def rewritten(self, name: str, price: dict[str, Any]) -> dict[str, Any]:
        return {side: str(one) for side, one in price.items()}


class AnotherName(Rewritten):
    def rewritten(self, name: str, price: dict[str, Any]) -> dict[str, Any]:
        return price | {"symbol": "EURUSD"}


class OnePriceForAll(UnusualGateway):
    async def price(self, owner: Owner, request: web.Request) -> Any:
        await super().price(owner, request)
        bid, ask = self.desk(owner).broker.quote("EURUSD")
        return {"bid": bid, "ask": ask}


class MixedAtOnce(UnusualGateway):
    """Keeps the symbol that is asked for where the next request overwrites it."""

    asked = ""

    async def price(self, owner: Owner, request: web.Request) -> Any:
        self.asked = request.match_info["symbol"]
        await asyncio.sleep(0.02)
        bid, ask = self.desk(owner).broker.quote(self.asked)
        return {"bid": bid, "ask": ask}


class PlainNamesOnly(UnusualGateway):
    async def price(self, owner: Owner, request: web.Request) -> Any:
        if not request.match_info["symbol"].isalnum():
            raise Problem(404, "no such symbol")
        return await super().price(owner, request)


class UnknownIsZero(UnusualGateway):
    async def price(self, owner: Owner, request: web.Request) -> Any:
        if request.match_info["symbol"] not in Broker.PRICES:
            return {"bid": 0.0, "ask": 0.0}
        return await super().price(owner, request)


class NameCutShort(UnusualGateway):
    async def price(self, owner: Owner, request: web.Request) -> Any:
        broker = self.desk(owner).broker
        bid, ask = broker.quote(request.match_info["symbol"][:6])
        return {"bid": bid, "ask": ask}


class Frozen(UnusualGateway):
    first: dict[str, Any] = {}  # noqa: RUF012

    async def price(self, owner: Owner, request: web.Request) -> Any:
        name = request.match_info["symbol"]
        self.first = {name: await super().price(owner, request)} | self.first
        return self.first[name]


SYMBOLS, PRICES, UNKNOWN, CURRENT = (
    "market.symbols",
    "market.prices",
    "market.unknown-symbol",
    "market.price-is-current",
)

FAULTS = [
    Fault("a symbol twice", Twice, SYMBOLS, "TONPO-MKT-010"),
    Fault("no symbols", NoSymbols, SYMBOLS, "TONPO-MKT-010"),
    Fault("symbols are objects", SymbolObjects, SYMBOLS, "TONPO-MKT-010"),
    Fault("bid and ask exchanged", at_broker(Reversed), PRICES, "TONPO-MKT-020"),
    Fault("bid 0", Zero, PRICES, "TONPO-MKT-020"),
    Fault("prices are text", AsText, PRICES, "TONPO-MKT-020"),
    Fault("another symbol named", AnotherName, PRICES, "TONPO-MKT-020"),
    Fault("one price for all", OnePriceForAll, PRICES, "TONPO-MKT-020"),
    Fault("prices mixed up when asked at once", MixedAtOnce, PRICES, "TONPO-MKT-020"),
    Fault("a name with a dot is unknown", PlainNamesOnly, PRICES, "TONPO-MKT-020"),
    Fault("an unknown symbol costs 0", UnknownIsZero, UNKNOWN, "TONPO-MKT-040"),
    Fault("a longer name is cut", NameCutShort, UNKNOWN, "TONPO-MKT-040"),
    Fault("the price never moves", Frozen, CURRENT, "TONPO-MKT-050"),
]
