"""Builds the dictionaries of `order_send`.

The package takes `float` for prices and volumes and `int` for all else, refuses None and numpy numbers, and drops a
stop that is left out. Source: MQL5 reference, trade request structure; the package's own argument checks.
"""

from __future__ import annotations

from typing import Any, Final

from reference_server.domain.trading import NewOrder, OrderType, Side
from reference_server.terminals.adapter.constants import (
    ACTION_DEAL,
    ACTION_MODIFY,
    ACTION_PENDING,
    ACTION_REMOVE,
    ACTION_SLTP,
    EXECUTION_MARKET,
    FILLING_FOK,
    FILLING_IOC,
    FILLING_MASK_FOK,
    FILLING_MASK_IOC,
    FILLING_RETURN,
    ORDER_BUY,
    ORDER_BUY_LIMIT,
    ORDER_BUY_STOP,
    ORDER_BUY_STOP_LIMIT,
    ORDER_SELL,
    ORDER_SELL_LIMIT,
    ORDER_SELL_STOP,
    ORDER_SELL_STOP_LIMIT,
    TIME_SPECIFIED,
)
from reference_server.terminals.adapter.quantise import price_to_tick
from reference_server.terminals.adapter.symbols import TradingRules
from reference_server.terminals.adapter.tags import safe_comment

Request = dict[str, Any]

DEVIATION_POINTS: Final = 20
"""How far the price may slip under instant execution: two pips on a five-digit pair. A choice."""

_DEALS: Final = {Side.BUY: ORDER_BUY, Side.SELL: ORDER_SELL}
_PENDING: Final = {
    (Side.BUY, OrderType.LIMIT): ORDER_BUY_LIMIT,
    (Side.SELL, OrderType.LIMIT): ORDER_SELL_LIMIT,
    (Side.BUY, OrderType.STOP): ORDER_BUY_STOP,
    (Side.SELL, OrderType.STOP): ORDER_SELL_STOP,
    (Side.BUY, OrderType.STOP_LIMIT): ORDER_BUY_STOP_LIMIT,
    (Side.SELL, OrderType.STOP_LIMIT): ORDER_SELL_STOP_LIMIT,
}


def market_fillings(symbol: TradingRules) -> tuple[int, ...]:
    """Filling modes that a market order in this symbol may have, best first.

    Under request and instant execution all are allowed whatever the mask says; under market execution only those of
    the mask; under exchange execution RETURN as well.
    """
    masked = [
        filling
        for bit, filling in ((FILLING_MASK_FOK, FILLING_FOK), (FILLING_MASK_IOC, FILLING_IOC))
        if symbol.filling_mask & bit
    ]
    if symbol.execution == EXECUTION_MARKET:
        return tuple(masked) or (FILLING_FOK,)
    if symbol.execution < EXECUTION_MARKET:
        masked += [filling for filling in (FILLING_FOK, FILLING_IOC) if filling not in masked]
    return (*masked, FILLING_RETURN)


def pending_fillings(symbol: TradingRules) -> tuple[int, ...]:
    """Filling modes of a pending order: RETURN is the documented one; some servers want the symbol's own."""
    return (FILLING_RETURN, *(filling for filling in market_fillings(symbol) if filling != FILLING_RETURN))


def order_type(order: NewOrder) -> int:
    """MT5's number for the kind and side of a new order."""
    if order.order_type is OrderType.MARKET:
        return _DEALS[order.side]
    return _PENDING[order.side, order.order_type]


def market_order(order: NewOrder, symbol: TradingRules, *, filling: int, price: float | None) -> Request:
    """Build a market order. `price` is the current one where the broker executes instantly, else None."""
    request: Request = {
        "action": ACTION_DEAL,
        "symbol": symbol.name,
        "volume": float(order.volume),
        "type": order_type(order),
        "type_filling": filling,
        "deviation": DEVIATION_POINTS,
    }
    if price is not None:
        request["price"] = float(price)
    return _with_terms(request, order, symbol)


def pending_order(order: NewOrder, symbol: TradingRules, *, filling: int, expiration: int = 0) -> Request:
    """Build a limit, stop or stop-limit order at its price.

    `expiration` in seconds of the server's clock; 0 for an order that is good till cancelled.
    """
    request: Request = {
        "action": ACTION_PENDING,
        "symbol": symbol.name,
        "volume": float(order.volume),
        "type": order_type(order),
        "type_filling": filling,
        "price": at_tick(order.price or 0.0, symbol),
    }
    if order.order_type is OrderType.STOP_LIMIT:
        request["stoplimit"] = at_tick(order.stop_limit_price or 0.0, symbol)
    if expiration:
        request["type_time"] = TIME_SPECIFIED
        request["expiration"] = expiration
    return _with_terms(request, order, symbol)


def closing_deal(
    ticket: int,
    side: Side,
    volume: float,
    symbol: TradingRules,
    *,
    filling: int,
    price: float | None,
    magic: int = 0,
    comment: str = "",
) -> Request:
    """Build the opposite deal that closes a position of this `side`; without `position` it would open a second one."""
    request: Request = {
        "action": ACTION_DEAL,
        "position": ticket,
        "symbol": symbol.name,
        "volume": float(volume),
        "type": _DEALS[side.opposite],
        "type_filling": filling,
        "deviation": DEVIATION_POINTS,
    }
    if price is not None:
        request["price"] = float(price)
    return _with_marks(request, magic, comment)


def stop_levels(ticket: int, symbol: TradingRules, *, sl: float | None, tp: float | None) -> Request:
    """Build the request that replaces both levels of a position; one that is None is removed."""
    return {
        "action": ACTION_SLTP,
        "position": ticket,
        "symbol": symbol.name,
        "sl": at_tick(sl or 0.0, symbol),
        "tp": at_tick(tp or 0.0, symbol),
    }


def order_terms(
    ticket: int,
    symbol: TradingRules,
    *,
    price: float,
    stop_limit_price: float,
    sl: float | None,
    tp: float | None,
    type_time: int,
    expiration: int,
) -> Request:
    """Build the request that replaces all terms of a pending order; `expiration` in seconds of the server's clock."""
    request: Request = {
        "action": ACTION_MODIFY,
        "order": ticket,
        "symbol": symbol.name,
        "price": at_tick(price, symbol),
        "sl": at_tick(sl or 0.0, symbol),
        "tp": at_tick(tp or 0.0, symbol),
        "type_time": type_time,
        "expiration": expiration,
    }
    if stop_limit_price:
        request["stoplimit"] = at_tick(stop_limit_price, symbol)
    return request


def removal(ticket: int) -> Request:
    """Build the request that cancels a pending order."""
    return {"action": ACTION_REMOVE, "order": ticket}


def _with_terms(request: Request, order: NewOrder, symbol: TradingRules) -> Request:
    if order.sl:
        request["sl"] = at_tick(order.sl, symbol)
    if order.tp:
        request["tp"] = at_tick(order.tp, symbol)
    return _with_marks(request, order.magic, order.comment)


def _with_marks(request: Request, magic: int, comment: str) -> Request:
    if magic:
        request["magic"] = int(magic)
    comment = safe_comment(comment)
    if comment:
        request["comment"] = comment
    return request


def at_tick(price: float, symbol: TradingRules) -> float:
    """Put a price on the symbol's grid."""
    return price_to_tick(float(price), tick_size=symbol.tick_size, digits=symbol.digits)
