"""Market data operations."""

from __future__ import annotations

from reference_server.api import shapes
from reference_server.api.operation import Call, Handlers, Json
from reference_server.usecases.market import MarketUseCases


def market_handlers(market: MarketUseCases) -> Handlers:
    """Return the handlers of the docs' section "Market Data"."""

    async def list_symbols(call: Call) -> Json:
        return shapes.symbol_list(await market.list_symbols(call.caller))

    async def get_symbol_price(call: Call) -> Json:
        return shapes.symbol_price(await market.get_symbol_price(call.caller, call.parameters["symbol"]))

    return {"listSymbols": list_symbols, "getSymbolPrice": get_symbol_price}
