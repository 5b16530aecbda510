"""Market data operations."""

from __future__ import annotations

from typing import Final

from reference_server.api import shapes
from reference_server.api.operation import Call, Handlers, Json
from reference_server.domain.market import SymbolSpecification, Timeframe
from reference_server.usecases.market import MarketUseCases

_KEPT: Final = 1000
"""Shaped specifications; terminals read theirs anew every few seconds, so that what is left behind must go."""


class _ShapedSpecifications:
    """Shapes each specification once and not for each price that it goes out with."""

    def __init__(self) -> None:
        self._shaped: dict[int, tuple[SymbolSpecification, Json]] = {}

    def of(self, specification: SymbolSpecification) -> Json:
        """Give the shape of this very object; it must not be changed."""
        kept = self._shaped.get(id(specification))
        if kept is None or kept[0] is not specification:
            if len(self._shaped) >= _KEPT:
                self._shaped.clear()
            kept = self._shaped[id(specification)] = specification, shapes.specification(specification)
        return kept[1]


def market_handlers(market: MarketUseCases) -> Handlers:
    """Return the handlers of the docs' section "Market Data", and of past candles."""

    specifications = _ShapedSpecifications()

    async def list_symbols(call: Call) -> Json:
        return shapes.symbol_list(await market.list_symbols(call.caller, call.account_id))

    async def get_symbol_price(call: Call) -> Json:
        tick, specification = await market.get_symbol_price(call.caller, call.parameters["symbol"], call.account_id)
        return shapes.symbol_price(tick) | specifications.of(specification)

    async def list_candles(call: Call) -> Json:
        asked = call.parameters
        symbol, timeframe = asked["symbol"], Timeframe(asked["timeframe"])
        candles = await market.list_candles(
            call.caller,
            symbol,
            timeframe,
            from_ms=asked.get("from"),
            to_ms=asked.get("to"),
            limit=asked.get("limit", 500),
            account_id=call.account_id,
        )
        return shapes.candle_list(symbol, timeframe, candles)

    return {"listSymbols": list_symbols, "getSymbolPrice": get_symbol_price, "listCandles": list_candles}
