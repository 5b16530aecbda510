"""How a new order becomes requests, for those that are sent and for those that are only checked."""

from __future__ import annotations

from typing import Any

from reference_server.domain.trading import NewOrder, OrderType
from reference_server.terminals.adapter import requests
from reference_server.terminals.adapter.clock import BrokerClock
from reference_server.terminals.adapter.constants import EXPIRATION_MASK_SPECIFIED
from reference_server.terminals.adapter.dispatch import Dispatch
from reference_server.terminals.adapter.pending import expiration_seconds
from reference_server.terminals.adapter.symbols import TradingRules


def can_expire(order: NewOrder, symbol: TradingRules) -> bool:
    """Whether the symbol takes the order's expiration; one of a market order is ignored.

    A server that does not take it might keep the order for longer, so it is not asked.
    """
    if order.expiration_ms is None or order.order_type is OrderType.MARKET:
        return True
    return bool(symbol.expiration_mask & EXPIRATION_MASK_SPECIFIED)


def send_order(dispatch: Dispatch, symbol: TradingRules, order: NewOrder, broker_clock: BrokerClock) -> Any:
    """Send an order and give the answer. Raises as `Dispatch.send`."""
    if order.order_type is OrderType.MARKET:
        return dispatch.send_deal(
            symbol,
            order.side,
            lambda rules, filling, price: requests.market_order(order, rules, filling=filling, price=price),
        )
    expiration = 0 if order.expiration_ms is None else expiration_seconds(order.expiration_ms, broker_clock)
    return dispatch.send_with_fillings(
        symbol,
        requests.pending_fillings,
        lambda rules, filling: requests.pending_order(order, rules, filling=filling, expiration=expiration),
    )
