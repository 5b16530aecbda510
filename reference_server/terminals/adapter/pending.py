"""Pending orders: read, changed and cancelled. A change replaces all terms, so those kept are read and resent."""

from __future__ import annotations

from typing import Any, Final

from reference_server.domain.errors import OrderNotFound, TerminalUnavailable
from reference_server.domain.trading import KEEP, Order, OrderChange, OrderResult
from reference_server.terminals.adapter import requests, retcodes, shapes
from reference_server.terminals.adapter.clock import BrokerClock
from reference_server.terminals.adapter.connection import Connection
from reference_server.terminals.adapter.constants import (
    EXPIRATION_MASK_SPECIFIED,
    PENDING_ORDERS,
    STOP_LIMIT_ORDERS,
    TIME_GTC,
    TIME_SPECIFIED,
)
from reference_server.terminals.adapter.dispatch import Dispatch, is_accepted
from reference_server.terminals.adapter.patience import Patience
from reference_server.terminals.adapter.refusals import refusal
from reference_server.terminals.adapter.symbols import Symbols
from reference_server.usecases.ports import Clock

TICKETS: Final = range(1, 1 << 63)
"""Others no order has."""
_LATEST_EXPIRATION_MS: Final = 32_503_593_600_000
"""The last day of the year 2999; MetaTrader's times end with the next one."""
_TARDY_SECONDS: Final = 2.0
"""How long after it was placed an order may fail to show."""
_TARDY_LOOKS: Final = 10
_TARDY_PAUSE_SECONDS: Final = 0.05


class PendingOrders:
    """The pending orders of one account."""

    def __init__(
        self,
        connection: Connection,
        symbols: Symbols,
        broker_clock: BrokerClock,
        dispatch: Dispatch,
        clock: Clock,
        patience: Patience,
    ) -> None:
        self._connection = connection
        self._symbols = symbols
        self._broker_clock = broker_clock
        self._dispatch = dispatch
        self._clock = clock
        self._patience = patience
        self._placed_at: dict[int, float] = {}

    def placed(self, ticket: int) -> None:
        """Note that an order has just been placed, which may show a little later."""
        now = self._clock.monotonic()
        self._placed_at = {t: at for t, at in self._placed_at.items() if now - at < _TARDY_SECONDS}
        self._placed_at[ticket] = now

    def all(self) -> list[Order]:
        """Read all, oldest first. Orders on their way that are no pending ones are not among them.

        Raises TerminalUnavailable: a call that failed is not an empty book.
        """
        records = self._connection.answer(self._connection.module.orders_get(), "orders_get")
        orders = [self.shape(record) for record in records if record.type in PENDING_ORDERS]
        return sorted(orders, key=lambda order: (order.setup_time_ms, order.ticket))

    def one(self, ticket: int) -> Order:
        """Read one order, pending or past. Raises OrderNotFound, TerminalUnavailable for one not shown yet."""
        record = self.find(ticket) or self.past(ticket)
        if record is None:
            record = self._shown_late(ticket)
        return self.shape(record)

    def modify(self, change: OrderChange) -> OrderResult:
        """Change one. Raises OrderNotFound, TerminalUnavailable, OutcomeUnknown."""
        record = self._waiting(change.ticket)
        symbol = self._symbols.select(record.symbol)
        if change.stop_limit_price is not KEEP and record.type not in STOP_LIMIT_ORDERS:
            return OrderResult(
                ticket=0,
                success=False,
                retcode=retcodes.INVALID,
                error=f"The order {change.ticket} is no stop-limit order, or its first price was reached already.",
            )
        if isinstance(change.expiration_ms, int) and not symbol.expiration_mask & EXPIRATION_MASK_SPECIFIED:
            return refusal(retcodes.INVALID_EXPIRATION, symbol)
        type_time, expiration = self._expiration(record, change)
        request = requests.order_terms(
            change.ticket,
            symbol,
            price=record.price_open if change.price is KEEP else change.price,
            stop_limit_price=(record.price_stoplimit if change.stop_limit_price is KEEP else change.stop_limit_price),
            sl=record.sl if change.sl is KEEP else change.sl,
            tp=record.tp if change.tp is KEEP else change.tp,
            type_time=type_time,
            expiration=expiration,
        )
        return self._sent(request, change.ticket, symbol.name)

    def cancel(self, ticket: int) -> OrderResult:
        """Cancel one. Raises OrderNotFound, TerminalUnavailable, OutcomeUnknown."""
        record = self._waiting(ticket)
        return self._sent(requests.removal(ticket), ticket, record.symbol)

    def find(self, ticket: int) -> Any:
        """One pending order as the terminal gives it, or None."""
        if ticket not in TICKETS:
            return None
        found = self._connection.rows(self._connection.module.orders_get(ticket=ticket), "orders_get")
        return next((record for record in found if record.ticket == ticket and record.type in PENDING_ORDERS), None)

    def past(self, ticket: int) -> Any:
        """One order that is done as the terminal gives it, or None."""
        if ticket not in TICKETS:
            return None
        module = self._connection.module
        found = self._connection.rows(module.history_orders_get(ticket=ticket), "history_orders_get")
        return next((record for record in found if record.ticket == ticket), None)

    def shape(self, record: Any) -> Order:
        """Turn a record into an order."""
        return shapes.order(record, digits=self._symbols.digits_of_past(record.symbol), clock=self._broker_clock)

    def _waiting(self, ticket: int) -> Any:
        """One pending order. Raises OrderNotFound, TerminalUnavailable for one not shown yet."""
        record = self.find(ticket)
        if record is None:
            record = self._shown_late(ticket)
            if record.type not in PENDING_ORDERS or record.time_done_msc:
                raise _not_found(ticket)
        return record

    def _shown_late(self, ticket: int) -> Any:
        """Wait for an order that was placed a moment ago. Raises OrderNotFound, TerminalUnavailable."""
        placed_at = self._placed_at.get(ticket)
        if placed_at is None or self._clock.monotonic() - placed_at >= _TARDY_SECONDS:
            raise _not_found(ticket)

        def look() -> Any:
            return self.find(ticket) or self.past(ticket)

        record = look() or self._patience.until(look, _TARDY_LOOKS, _TARDY_PAUSE_SECONDS)
        if record is None:
            raise TerminalUnavailable(
                f"The order {ticket} was placed a moment ago and does not show yet: nothing was done.",
                retry_after_seconds=1,
            )
        return record

    def _sent(self, request: requests.Request, ticket: int, symbol: str) -> OrderResult:
        answer = self._dispatch.send(request)
        if is_accepted(answer):
            return OrderResult(ticket=ticket, success=True, retcode=retcodes.DONE, order=ticket)
        if answer.retcode in retcodes.MAYBE_GONE and self.find(ticket) is None:
            raise _not_found(ticket)
        return refusal(int(answer.retcode), self._symbols.rules(symbol))

    def _expiration(self, record: Any, change: OrderChange) -> tuple[int, int]:
        """How long the order stands and, in seconds of the server's clock, until when."""
        if change.expiration_ms is KEEP:
            return int(record.type_time), int(record.time_expiration)
        if change.expiration_ms is None:
            return TIME_GTC, 0
        return TIME_SPECIFIED, expiration_seconds(change.expiration_ms, self._broker_clock)


def expiration_seconds(expiration_ms: int, broker_clock: BrokerClock) -> int:
    """Put the end of an order into seconds of the server's clock, rounded down: it never stands longer than asked."""
    known_ms = min(max(0, expiration_ms), _LATEST_EXPIRATION_MS)
    return max(1, broker_clock.to_server_ms(known_ms) // 1000)  # 0 would be never


def _not_found(ticket: int) -> OrderNotFound:
    return OrderNotFound(f"No pending order has the ticket {ticket}.")
