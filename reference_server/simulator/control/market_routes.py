"""Prices and time over the control port."""

from aiohttp import web

from reference_server.simulator.broker import SimulatedBroker
from reference_server.simulator.clock import ManualClock
from reference_server.simulator.control.body import Body
from reference_server.simulator.control.errors import impossible, invalid, unknown
from reference_server.simulator.control.guard import answer
from reference_server.simulator.control.state import clock_state

LONGEST_STEP_MS = 31 * 86_400_000


class MarketRoutes:
    """What the market does: prices by hand, and a clock moved by hand."""

    def __init__(self, broker: SimulatedBroker) -> None:
        self._broker = broker

    def routes(self) -> list[web.RouteDef]:
        """The paths and what answers them."""
        return [
            web.post("/prices/{symbol}", self.set_price),
            web.delete("/prices/{symbol}", self.release),
            web.post("/clock/advance", self.advance),
        ]

    def _symbol(self, request: web.Request) -> str:
        symbol = request.match_info["symbol"]
        if symbol not in self._broker.market.quotes:
            raise unknown(f"this broker has no symbol {symbol}; GET /state lists them under prices")
        return symbol

    async def set_price(self, request: web.Request) -> web.Response:
        """Move a symbol; from then on it moves in no other way."""
        symbol, body = self._symbol(request), await Body.of(request)
        bid, ask = body.number("bid"), body.number("ask")
        body.end("bid", "ask")
        try:
            self._broker.set_price(symbol, bid, ask)
        except ValueError as error:
            raise invalid(str(error)) from None
        return answer({"symbol": symbol, "bid": bid, "ask": ask})

    async def release(self, request: web.Request) -> web.Response:
        """Let a symbol move on its own again."""
        symbol = self._symbol(request)
        with self._broker.lock:
            self._broker.market.release(symbol)
        return answer({"symbol": symbol, "released": True})

    async def advance(self, request: web.Request) -> web.Response:
        """Move the clock, and let happen what happens meanwhile."""
        body = await Body.of(request)
        step_ms = round(body.number("seconds", default=0.0) * 1000) + body.whole("ms", 0, LONGEST_STEP_MS, default=0)
        body.end("seconds", "ms")
        if not 0 < step_ms <= LONGEST_STEP_MS:
            raise invalid(f'"seconds" and "ms" together must be above 0 and at most {LONGEST_STEP_MS // 1000} seconds')
        clock = self._broker.clock
        if not isinstance(clock, ManualClock):
            raise impossible("this broker's clock runs by itself; only a manual clock can be moved")
        with self._broker.lock:
            clock.advance(milliseconds=step_ms)
            self._broker.advance()
            self._broker.faults.settle()
            return answer(clock_state(self._broker))
