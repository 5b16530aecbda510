"""A book of pending orders and a past, on paper: what the fake terminals answer about orders, deals and bars."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from msgspec.structs import replace

from reference_server.domain.errors import OrderNotFound
from reference_server.domain.market import Candle, SymbolSpecification, Timeframe
from reference_server.domain.trading import (
    KEEP,
    Deal,
    HistoryQuery,
    NewOrder,
    Order,
    OrderChange,
    OrderState,
)

T = TypeVar("T", Order, Deal)


@dataclass
class PaperBook:
    """Pending orders by ticket, orders that are done, and deals; a test may put into them whatever it likes."""

    pending: dict[int, Order] = field(default_factory=dict)
    past: list[Order] = field(default_factory=list)
    deals: list[Deal] = field(default_factory=list)
    bars: list[Candle] = field(default_factory=list)

    def place(self, ticket: int, order: NewOrder, time_ms: int) -> Order:
        """Put a pending order into the book."""
        placed = Order(
            ticket, order.symbol, order.side, order.order_type, order.volume, order.volume, order.price or 0.0,
            OrderState.PLACED, time_ms, order.stop_limit_price, order.sl, order.tp, order.expiration_ms,
            magic=order.magic, comment=order.comment,
        )  # fmt: skip
        self.pending[ticket] = placed
        return placed

    def waiting(self, ticket: int) -> Order:
        """Give a pending order. Raises OrderNotFound."""
        if ticket not in self.pending:
            raise OrderNotFound
        return self.pending[ticket]

    def change(self, change: OrderChange) -> Order:
        """Give a pending order its new terms. Raises OrderNotFound."""
        order = self.waiting(change.ticket)
        for name in ("price", "stop_limit_price", "sl", "tp", "expiration_ms"):
            asked = getattr(change, name)
            if asked is not KEEP:
                order = replace(order, **{name: asked})
        self.pending[change.ticket] = order
        return order

    def cancel(self, ticket: int, time_ms: int) -> Order:
        """Move a pending order to the past. Raises OrderNotFound."""
        order = replace(self.waiting(ticket), state=OrderState.CANCELLED, done_time_ms=time_ms)
        del self.pending[ticket]
        self.past.append(order)
        return order

    def order(self, ticket: int) -> Order:
        """Give an order, pending or past. Raises OrderNotFound."""
        for order in (*self.pending.values(), *self.past):
            if order.ticket == ticket:
                return order
        raise OrderNotFound

    def orders(self) -> list[Order]:
        return sorted(self.pending.values(), key=lambda order: (order.setup_time_ms, order.ticket))

    def past_orders(self, query: HistoryQuery) -> list[Order]:
        return _asked(self.past, query, lambda order: order.done_time_ms or 0)

    def past_deals(self, query: HistoryQuery) -> list[Deal]:
        return _asked(self.deals, query, lambda deal: deal.time_ms)

    def candles(
        self, symbol: str, timeframe: Timeframe, from_ms: int | None, to_ms: int | None, limit: int
    ) -> list[Candle]:
        found = [
            bar
            for bar in self.bars
            if (bar.symbol, bar.timeframe) == (symbol, timeframe)
            and (from_ms is None or bar.time_ms >= from_ms)
            and (to_ms is None or bar.time_ms < to_ms)
        ]
        return sorted(found, key=lambda bar: bar.time_ms)[-limit:]


def specification(symbol: str = "EURUSD") -> SymbolSpecification:
    """Say what is usual of a currency pair."""
    return SymbolSpecification(
        symbol, 5, 1e-5, 1.0, 100_000.0, 0.01, 100.0, 0.01, 0, ("fok", "ioc"), symbol[:3], symbol[3:], symbol[:3]
    )  # fmt: skip


def _asked(rows: Iterable[T], query: HistoryQuery, time_of: Callable[[T], int]) -> list[T]:
    placed: Sequence[tuple[tuple[int, int], T]] = [((time_of(row), row.ticket), row) for row in rows]
    found = [
        (place, row)
        for place, row in placed
        if query.from_ms <= place[0] < query.to_ms
        and query.position in (None, row.position)
        and (query.after is None or place > query.after)
    ]
    return [row for _, row in sorted(found, key=lambda pair: pair[0])[: query.limit]]
