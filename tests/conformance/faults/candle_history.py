"""Gateways whose candles of the past are wrong."""

import time
from abc import ABC, abstractmethod
from typing import Any

from aiohttp import web

from tests.conformance.faults.registering import fault, faults_of
from tests.conformance.knowing_broker import KnowingBroker
from tests.conformance.knowing_gateway import KnowingGateway
from tests.conformance.unusual_gateway import Owner, Problem, Terminal

FRAMES, SOUND, RANGES = "candle-history.timeframes", "candle-history.sound", "candle-history.ranges"
UNKNOWN, STREAMED = "candle-history.unknown-symbol", "candle-history.as-streamed"

Bars = list[dict[str, Any]]


class Barring(KnowingGateway, ABC):
    """Answers other bars than there are."""

    @abstractmethod
    def changed(self, bars: Bars, request: web.Request) -> Bars: ...

    async def candles(self, owner: Owner, request: web.Request) -> Any:
        answer = await super().candles(owner, request)
        return answer | {"candles": self.changed(answer["candles"], request)}


class Searching(KnowingGateway, ABC):
    """Asks its broker for other bars than were asked for."""

    @abstractmethod
    def asked(self, query: dict[str, str]) -> dict[str, str]: ...

    async def candles(self, owner: Owner, request: web.Request) -> Any:
        query = self.asked(dict(request.query))
        return await super().candles(owner, request.clone(rel_url=request.rel_url.with_query(query)))


@fault(SOUND, "CAND-010", KnowingGateway)
class NewestFirst(Barring):
    def changed(self, bars: Bars, request: web.Request) -> Bars:
        return bars[::-1]


@fault(SOUND, "CAND-010", KnowingGateway)
class OneTwice(Barring):
    def changed(self, bars: Bars, request: web.Request) -> Bars:
        return [*bars[:1], *bars]


@fault(RANGES, "CAND-010", KnowingGateway)
class AfterTheStart(Searching):
    def asked(self, query: dict[str, str]) -> dict[str, str]:
        return query | ({"from": str(int(query["from"]) + 1)} if "from" in query else {})


@fault(RANGES, "CAND-010", KnowingGateway)
class UpToTheEnd(Searching):
    def asked(self, query: dict[str, str]) -> dict[str, str]:
        return query | ({"to": str(int(query["to"]) + 1)} if "to" in query else {})


@fault(RANGES, "CAND-010", KnowingGateway)
class TheBarAroundTheStart(Searching):
    def asked(self, query: dict[str, str]) -> dict[str, str]:
        return query | ({"from": str(int(query["from"]) // 60_000 * 60_000)} if "from" in query else {})


@fault(RANGES, "CAND-010", KnowingGateway)
class RangesAreIgnored(Searching):
    def asked(self, query: dict[str, str]) -> dict[str, str]:
        return {name: one for name, one in query.items() if name not in ("from", "to")}


@fault(RANGES, "CAND-010", KnowingGateway)
class OtherPricesForARange(Barring):
    def changed(self, bars: Bars, request: web.Request) -> Bars:
        return [bar | {"close": bar["open"]} for bar in bars] if "from" in request.query else bars


@fault(FRAMES, "CAND-020", KnowingGateway)
class NoMonths(KnowingGateway):
    async def candles(self, owner: Owner, request: web.Request) -> Any:
        if request.query.get("timeframe") == "MN1":
            raise Problem(400, "no such timeframe")
        return await super().candles(owner, request)


@fault(FRAMES, "CAND-020", KnowingGateway)
class TwoMinutesAreOne(Barring):
    def changed(self, bars: Bars, request: web.Request) -> Bars:
        if request.query["timeframe"] != "M2":
            return bars
        return [bar | {"time": bar["time"] // 120_000 * 120_000 + n * 60_000} for n, bar in enumerate(bars)]


@fault(FRAMES, "CAND-020", KnowingGateway)
class UnknownTimeframesAreHours(Searching):
    def asked(self, query: dict[str, str]) -> dict[str, str]:
        return query | ({"timeframe": "H1"} if query["timeframe"] in ("H5", "M7") else {})


@fault(FRAMES, "CAND-020", KnowingGateway)
class AnyLetterCase(Searching):
    def asked(self, query: dict[str, str]) -> dict[str, str]:
        return query | {"timeframe": query["timeframe"].upper()}


@fault(FRAMES, "CAND-020", KnowingGateway)
class BarsThatRollFromNow(Barring):
    def changed(self, bars: Bars, request: web.Request) -> Bars:
        return [bar | {"time": bar["time"] + int(time.time() * 1000) % 60_000 + 1} for bar in bars]


@fault(FRAMES, "CAND-020", KnowingGateway)
class FourHoursStartAnywhere(Barring):
    def changed(self, bars: Bars, request: web.Request) -> Bars:
        if request.query["timeframe"] != "H4":
            return bars
        return [bar | {"time": bar["time"] - 2 * n * 3_600_000} for n, bar in enumerate(bars)]


@fault(FRAMES, "CAND-020", KnowingGateway)
class WeeksBeginOnThursday(Barring):
    def changed(self, bars: Bars, request: web.Request) -> Bars:
        shift = 4 * 86_400_000 if request.query["timeframe"] == "W1" else 0
        return [bar | {"time": bar["time"] + shift} for bar in bars]


@fault(RANGES, "CAND-030", KnowingGateway)
class LimitIsIgnored(Searching):
    def asked(self, query: dict[str, str]) -> dict[str, str]:
        return {name: one for name, one in query.items() if name != "limit"}


@fault(RANGES, "CAND-030", KnowingGateway)
class TheOldestOfTheRange(KnowingGateway):
    async def candles(self, owner: Owner, request: web.Request) -> Any:
        limit = int(request.query.get("limit", 500))
        if "from" not in request.query:
            return await super().candles(owner, request)
        query = {name: one for name, one in request.query.items() if name != "limit"}
        answer = await super().candles(owner, request.clone(rel_url=request.rel_url.with_query(query)))
        return answer | {"candles": answer["candles"][:limit]}


@fault(SOUND, "CAND-040", KnowingGateway)
class UpsideDown(Barring):
    def changed(self, bars: Bars, request: web.Request) -> Bars:
        return [bar | {"high": bar["low"], "low": bar["high"]} for bar in bars]


@fault(SOUND, "CAND-040", KnowingGateway)
class ClosesAboveHigh(Barring):
    def changed(self, bars: Bars, request: web.Request) -> Bars:
        return [bar | {"close": bar["high"] + 0.001} for bar in bars]


@fault(SOUND, "CAND-040", KnowingGateway)
class EmptyBarsAreZero(Barring):
    def changed(self, bars: Bars, request: web.Request) -> Bars:
        return [*bars[:-2], bars[-2] | {"low": 0.0, "open": 0.0}, bars[-1]]


@fault(SOUND, "CAND-040", KnowingGateway)
class NothingIsComplete(Barring):
    def changed(self, bars: Bars, request: web.Request) -> Bars:
        return [bar | {"complete": False} for bar in bars]


class Rash(KnowingBroker):
    def bars(self, *args: Any) -> list[dict[str, Any]]:
        return [bar | {"time": bar["time"] + 3 * 3_600_000} for bar in super().bars(*args)]


@fault(SOUND, "CAND-040", KnowingGateway)
class TimesOfTheBroker(KnowingGateway):
    broker_class = Rash


@fault(UNKNOWN, "CAND-050", KnowingGateway)
class UnknownIsEmpty(KnowingGateway):
    async def candles(self, owner: Owner, request: web.Request) -> Any:
        try:
            return await super().candles(owner, request)
        except Problem as problem:
            if problem.status != 404:
                raise
            return {"symbol": "?", "timeframe": "H1", "candles": []}


@fault(UNKNOWN, "CAND-050", KnowingGateway)
class NoReason(KnowingGateway):
    async def candles(self, owner: Owner, request: web.Request) -> Any:
        try:
            return await super().candles(owner, request)
        except Problem as problem:
            raise Problem(problem.status, "what?") from None


@fault(STREAMED, "CAND-060", KnowingGateway)
class StreamsOtherPrices(KnowingGateway):
    def candle(self, terminal: Terminal, symbol: str) -> dict[str, Any]:
        bar = super().candle(terminal, symbol)
        return bar | {"high": round(bar["high"] + 0.0001, 5)}


@fault(STREAMED, "CAND-060", KnowingGateway)
class StreamsTheCloseAsTime(KnowingGateway):
    def candle(self, terminal: Terminal, symbol: str) -> dict[str, Any]:
        bar = super().candle(terminal, symbol)
        return bar | {"time": bar["time"] + 60_000}


@fault(STREAMED, "CAND-060", KnowingGateway)
class StreamsAnotherVolume(KnowingGateway):
    def candle(self, terminal: Terminal, symbol: str) -> dict[str, Any]:
        bar = super().candle(terminal, symbol)
        return bar | {"volume": bar["volume"] + 1}


FAULTS = faults_of(globals())
