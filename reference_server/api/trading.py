"""Operations that read an account: figures, positions, pending orders, the check of an order."""

from __future__ import annotations

from reference_server.api import readers, shapes
from reference_server.api.operation import Call, Handlers, Json
from reference_server.usecases.trading import TradingUseCases


def trading_handlers(trading: TradingUseCases) -> Handlers:
    """Return the handlers of the docs' section "Trading" that change nothing."""

    async def get_account_info(call: Call) -> Json:
        return shapes.account_info(await trading.get_account_info(call.caller, call.account_id))

    async def list_positions(call: Call) -> Json:
        return shapes.position_list(await trading.list_positions(call.caller, call.account_id))

    async def get_position(call: Call) -> Json:
        return shapes.position(await trading.get_position(call.caller, call.parameters["ticket"], call.account_id))

    async def list_orders(call: Call) -> Json:
        return shapes.order_list(await trading.list_orders(call.caller, call.account_id))

    async def get_order(call: Call) -> Json:
        return shapes.order(await trading.get_order(call.caller, call.parameters["ticket"], call.account_id))

    async def check_order(call: Call) -> Json:
        return shapes.order_check(
            await trading.check_order(call.caller, readers.read_order(call.body), call.account_id)
        )

    return {
        "getAccountInfo": get_account_info,
        "getAccountInfoAlias": get_account_info,
        "listPositions": list_positions,
        "getPosition": get_position,
        "listOrders": list_orders,
        "getOrder": get_order,
        "checkOrder": check_order,
    }
