"""Trading operations."""

from __future__ import annotations

from reference_server.api import shapes
from reference_server.api.operation import Call, Handlers, Json
from reference_server.usecases.trading import TradingUseCases


def trading_handlers(trading: TradingUseCases) -> Handlers:
    """Return the handlers of the docs' section "Trading"."""

    async def get_account_info(call: Call) -> Json:
        return shapes.account_info(await trading.get_account_info(call.caller))

    async def list_positions(call: Call) -> Json:
        return shapes.position_list(await trading.list_positions(call.caller))

    async def get_position(call: Call) -> Json:
        return shapes.position(await trading.get_position(call.caller, call.parameters["ticket"]))

    async def place_order(call: Call) -> Json:
        return shapes.order_result(await trading.place_order(call.caller, shapes.read_order(call.body)))

    async def close_position(call: Call) -> Json:
        ticket, volume = shapes.read_close(call.body)
        return shapes.order_result(await trading.close_position(call.caller, ticket, volume))

    async def modify_position(call: Call) -> Json:
        return shapes.order_result(await trading.modify_position(call.caller, shapes.read_modification(call.body)))

    return {
        "getAccountInfo": get_account_info,
        "getAccountInfoAlias": get_account_info,
        "listPositions": list_positions,
        "getPosition": get_position,
        "placeOrder": place_order,
        "closePosition": close_position,
        "modifyPosition": modify_position,
    }
