"""Outcomes of orders that nobody here was waiting for: triggers, stops, expirations, trades by hand."""

from __future__ import annotations

from typing import Any, Final

from reference_server.domain.events import OrderSettled, TerminalEvent
from reference_server.domain.trading import OrderResult
from reference_server.terminals.adapter import retcodes, shapes
from reference_server.terminals.adapter.adapter import MetaTraderAdapter
from reference_server.terminals.adapter.constants import (
    DEAL_ENTRY_OUT_BY,
    ORDER_STATE_CANCELED,
    ORDER_STATE_EXPIRED,
    ORDER_STATE_REJECTED,
)

_ENDED: Final = {
    ORDER_STATE_CANCELED: (retcodes.CANCELED, "The pending order was cancelled."),
    ORDER_STATE_EXPIRED: (retcodes.CANCELED, "The pending order expired."),
    ORDER_STATE_REJECTED: (retcodes.ACTIVATION_REJECTED, "The activation of the pending order was rejected."),
}
_MARKET_ENDED: Final = (retcodes.REJECTED, "The broker took the order and did not fill it.")


class Outcomes:
    """Shapes what the book shows of an order into what is told of it."""

    def __init__(self, adapter: MetaTraderAdapter) -> None:
        self._adapter = adapter

    def past_order(self, ticket: int) -> Any:
        """The record of an order that is done, or None while the history does not show it."""
        connection = self._adapter.connection
        found = connection.rows(connection.module.history_orders_get(ticket=ticket), "history_orders_get")
        return found[0] if found else None

    def placed(self, orders: list[Any]) -> list[TerminalEvent]:
        """Orders that are new in the book, but for those that were announced when they were placed here."""
        settlements = self._adapter.settlements
        news = [order for order in orders if not settlements.is_announced_as_placed(order.ticket)]
        for order in news:
            settlements.told(order.ticket)
        return [self._placed(order) for order in news]

    def filling(self, ticket: int, deals: list[Any], order: Any, positions: dict[int, Any]) -> OrderSettled:
        """What these deals made of an order; of a close-by, the second leg mirrors the first."""
        self._adapter.settlements.told(ticket)
        first = deals[0]
        legs = deals[:1] if first.entry == DEAL_ENTRY_OUT_BY else deals
        volume = shapes.volume(sum(leg.volume for leg in legs))
        price = sum(leg.price * leg.volume for leg in legs) / volume if volume else first.price
        position = next((t for t, p in positions.items() if p.identifier == first.position_id), first.position_id)
        result = OrderResult(
            ticket=position,
            success=True,
            retcode=retcodes.DONE,
            price=round(price, self._adapter.symbol_book.digits(first.symbol)),
            volume=volume,
            order=ticket,
            deal=legs[-1].ticket,
        )
        kind = shapes.type_of_order(order.type if order is not None else first.type, first.reason)
        return OrderSettled(result, first.symbol, shapes.side_of_order(first.type), kind)

    def ending(self, past: Any) -> list[OrderSettled]:
        """What became of an order that is done, if it is not its deals that say so."""
        if past.state not in _ENDED:
            return []
        retcode, error = _ENDED[past.state]
        if shapes.is_market_order(past.type):
            if past.volume_current < past.volume_initial:
                return []  # a part was filled, which its deals say
            retcode, error = _MARKET_ENDED
        result = OrderResult(ticket=past.ticket, success=False, retcode=retcode, error=error, order=past.ticket)
        return [_outcome(result, past)]

    def _placed(self, order: Any) -> OrderSettled:
        result = OrderResult(
            ticket=order.ticket,
            success=True,
            retcode=retcodes.DONE,
            price=round(order.price_open, self._adapter.symbol_book.digits(order.symbol)),
            volume=shapes.volume(order.volume_initial),
            order=order.ticket,
        )
        return _outcome(result, order)


def _outcome(result: OrderResult, order: Any) -> OrderSettled:
    return OrderSettled(
        result, order.symbol, shapes.side_of_order(order.type), shapes.type_of_order(order.type, order.reason)
    )
