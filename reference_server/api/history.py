"""History operations."""

from __future__ import annotations

from reference_server.api import shapes
from reference_server.api.operation import Call, Handlers, Json
from reference_server.usecases.history import DEFAULT_LIMIT, HistoryFilter, HistoryUseCases


def history_handlers(history: HistoryUseCases) -> Handlers:
    """Return the handlers of past deals and orders."""

    async def list_deals(call: Call) -> Json:
        page = await history.list_deals(call.caller, _asked(call), call.account_id)
        return {"deals": [shapes.deal(one) for one in page.rows], "nextCursor": page.next_cursor}

    async def list_orders(call: Call) -> Json:
        page = await history.list_orders(call.caller, _asked(call), call.account_id)
        return {"orders": [shapes.order(one) for one in page.rows], "nextCursor": page.next_cursor}

    return {"listDeals": list_deals, "listHistoryOrders": list_orders}


def _asked(call: Call) -> HistoryFilter:
    asked = call.parameters
    return HistoryFilter(
        from_ms=asked.get("from"),
        to_ms=asked.get("to"),
        position=asked.get("position"),
        limit=asked.get("limit", DEFAULT_LIMIT),
        cursor=asked.get("cursor"),
    )
