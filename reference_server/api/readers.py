"""Wire to domain, in one place: what 0, null and absence mean. Bodies are camelCase and were validated already."""

from __future__ import annotations

from typing import Any

from reference_server.api.operation import Json
from reference_server.domain.account import Mt5Credentials
from reference_server.domain.errors import InvalidBody, Violation
from reference_server.domain.trading import KEEP, Keep, NewOrder, OrderType, PositionClose, Side
from reference_server.usecases.requests import LevelChange


def read_credentials(body: Json) -> Mt5Credentials:
    """Read the MT5 credentials of a new account."""
    return Mt5Credentials(login=body["mt5Login"], password=body["mt5Password"], server=body["mt5Server"])


def read_order(body: Json) -> NewOrder:
    """Read a new order. Raises InvalidBody for a pending order without its price.

    Source: Tonpo docs, "POST /api/orders": price is required for limit and stop.
    """
    order_type = OrderType(body["orderType"])
    is_pending = order_type is not OrderType.MARKET
    is_stop_limit = order_type is OrderType.STOP_LIMIT
    return NewOrder(
        symbol=body["symbol"],
        side=Side(body["side"]),
        order_type=order_type,
        volume=float(body["volume"]),
        price=_needed(body, "price", order_type) if is_pending else None,
        sl=_level(body.get("sl")),
        tp=_level(body.get("tp")),
        comment=body.get("comment") or "",
        magic=body.get("magic") or 0,
        stop_limit_price=_needed(body, "stopLimitPrice", order_type) if is_stop_limit else None,
        expiration_ms=body.get("expiration") if is_pending else None,
    )


def _needed(body: Json, name: str, order_type: OrderType) -> float:
    value = body.get(name)
    if not value:
        needed = f"is required for {order_type.value} orders"
        raise InvalidBody(f"The field {name} {needed}.", violations=(Violation(f"/{name}", needed),))
    return float(value)


def read_close(body: Json) -> PositionClose:
    """Read ticket and volume of a close; no volume closes all."""
    volume = body.get("volume")
    return PositionClose(body["ticket"], None if volume is None else float(volume))


def read_modification(body: Json) -> LevelChange:
    """Read new levels: absent keeps, null or 0 removes. Raises InvalidBody when none is given."""
    if body.keys().isdisjoint(("sl", "tp", "price")):
        raise InvalidBody(
            "Nothing to modify: give sl, tp or both, or the price of a pending order.",
            violations=(Violation("body", "must have sl, tp or price"),),
        )
    price = float(body["price"]) if "price" in body else KEEP
    return LevelChange(body["ticket"], price=price, sl=_new_level(body, "sl"), tp=_new_level(body, "tp"))


def _new_level(body: Json, name: str) -> float | Keep | None:
    return _level(body[name]) if name in body else KEEP


def _level(value: Any) -> float | None:
    return float(value) if value else None
