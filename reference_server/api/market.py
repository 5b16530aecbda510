"""Market data operations."""

from __future__ import annotations

from reference_server.api import shapes
from reference_server.api.operation import Call, Handlers, Json
from reference_server.domain.market import Timeframe
from reference_server.usecases.market import MarketUseCases


def market_handlers(market: MarketUseCases) -> Handlers:
    """Return the handlers of the docs' section "Market Data", and of past candles."""

    async def list_symbols(call: Call) -> Json:
        return shapes.symbol_list(await market.list_symbols(call.caller, call.account_id))

    async def get_symbol_price(call: Call) -> Json:
        tick, specification = await market.get_symbol_price(call.caller, call.parameters["symbol"], call.account_id)
        return shapes.symbol_price(tick) | shapes.specification(specification)

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
