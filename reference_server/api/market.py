"""Market data operations."""

from __future__ import annotations

from typing import Final

import orjson

from reference_server.api import shapes
from reference_server.api.operation import Call, Handlers, Json
from reference_server.domain.market import SymbolSpecification, Timeframe
from reference_server.usecases.market import MarketUseCases

_KEPT: Final = 1000
"""Encoded specifications; terminals read theirs anew every few seconds, so that what is left behind must go."""


class _EncodedSpecifications:
    """Encodes each specification once and not for each price that it goes out with."""

    def __init__(self) -> None:
        self._encoded: dict[int, tuple[SymbolSpecification, bytes]] = {}

    def members_of(self, specification: SymbolSpecification) -> bytes:
        """Give the members of this very object, and the brace behind them."""
        kept = self._encoded.get(id(specification))
        if kept is None or kept[0] is not specification:
            if len(self._encoded) >= _KEPT:
                self._encoded.clear()
            members = orjson.dumps(shapes.specification(specification))[1:]
            kept = self._encoded[id(specification)] = specification, members
        return kept[1]


def market_handlers(market: MarketUseCases) -> Handlers:
    """Return the handlers of the docs' section "Market Data", and of past candles."""

    specifications = _EncodedSpecifications()

    async def list_symbols(call: Call) -> Json:
        return shapes.symbol_list(await market.list_symbols(call.caller, call.account_id))

    async def get_symbol_price(call: Call) -> bytes:
        tick, specification = await market.get_symbol_price(call.caller, call.parameters["symbol"], call.account_id)
        price = orjson.dumps(shapes.symbol_price(tick))
        return b"%b,%b" % (price[:-1], specifications.members_of(specification))

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
