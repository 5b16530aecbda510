"""Pending orders: read, changed and cancelled. A change replaces all terms, so those kept are read and resent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from reference_server.domain.trading import KEEP, Keep, OrderResult, Side
from reference_server.terminals.adapter import requests, retcodes, shapes
from reference_server.terminals.adapter.clock import BrokerClock
from reference_server.terminals.adapter.connection import Connection
from reference_server.terminals.adapter.constants import (
    LIMIT_ORDERS,
    STOP_LIMIT_ORDERS,
    STOP_ORDERS,
    TIME_GTC,
    TIME_SPECIFIED,
)
from reference_server.terminals.adapter.dispatch import Dispatch, is_accepted
from reference_server.terminals.adapter.symbols import Symbols
from reference_server.terminals.adapter.tags import client_comment, client_magic

_KINDS: Final = {
    **dict.fromkeys(LIMIT_ORDERS, "limit"),
    **dict.fromkeys(STOP_ORDERS, "stop"),
    **dict.fromkeys(STOP_LIMIT_ORDERS, "stopLimit"),
}


@dataclass(frozen=True, slots=True)
class PendingOrder:
    """An order that waits for its price. `volume` in lots as asked for, `remaining` what is not filled yet.

    `kind`: limit, stop, stopLimit. `limit_price`: of a stop-limit order, where it rests once `price` was reached.
    Times in ms, UTC; without `expiration_ms` it is good till cancelled, or for as long as the broker lets it.
    """

    ticket: int
    symbol: str
    side: Side
    kind: str
    volume: float
    remaining: float
    price: float
    limit_price: float | None
    sl: float | None
    tp: float | None
    placed_time_ms: int
    expiration_ms: int | None
    magic: int
    comment: str


@dataclass(frozen=True, slots=True)
class OrderChange:
    """New terms of a pending order: KEEP leaves one, None removes it. Type and volume cannot be changed."""

    ticket: int
    price: float | Keep = KEEP
    limit_price: float | Keep = KEEP
    sl: float | Keep | None = KEEP
    tp: float | Keep | None = KEEP
    expiration_ms: int | Keep | None = KEEP


class PendingOrders:
    """The pending orders of one account."""

    def __init__(self, connection: Connection, symbols: Symbols, broker_clock: BrokerClock, dispatch: Dispatch) -> None:
        self._connection = connection
        self._symbols = symbols
        self._broker_clock = broker_clock
        self._dispatch = dispatch

    def all(self) -> list[PendingOrder]:
        """Read all. Orders on their way that are no pending ones are not among them."""
        records = self._connection.rows(self._connection.module.orders_get(), "orders_get")
        return [self._shape(record) for record in records if record.type in _KINDS]

    def one(self, ticket: int) -> PendingOrder | None:
        """Read one, or None when there is none with this ticket."""
        record = self._record(ticket)
        return None if record is None else self._shape(record)

    def modify(self, change: OrderChange) -> OrderResult | None:
        """Change one; None when there is none with this ticket. Raises TerminalUnavailable, OutcomeUnknown."""
        record = self._record(change.ticket)
        if record is None:
            return None
        symbol = self._symbols.select(record.symbol)
        type_time, expiration = self._expiration(record, change)
        request = requests.order_terms(
            change.ticket,
            symbol,
            price=record.price_open if change.price is KEEP else change.price,
            limit_price=record.price_stoplimit if change.limit_price is KEEP else change.limit_price,
            sl=record.sl if change.sl is KEEP else change.sl,
            tp=record.tp if change.tp is KEEP else change.tp,
            type_time=type_time,
            expiration=expiration,
        )
        return self._sent(request, change.ticket)

    def cancel(self, ticket: int) -> OrderResult | None:
        """Cancel one; None when there is none with this ticket. Raises TerminalUnavailable, OutcomeUnknown."""
        if self._record(ticket) is None:
            return None
        return self._sent(requests.removal(ticket), ticket)

    def _sent(self, request: requests.Request, ticket: int) -> OrderResult | None:
        answer = self._dispatch.send(request)
        if is_accepted(answer):
            return OrderResult(ticket=ticket, success=True, retcode=retcodes.DONE, order=ticket)
        if answer.retcode in retcodes.MAYBE_GONE and self._record(ticket) is None:
            return None
        error = retcodes.sentence_of(answer.retcode)
        return OrderResult(ticket=0, success=False, retcode=int(answer.retcode), error=error)

    def _record(self, ticket: int) -> Any:
        if not 0 < ticket < 1 << 63:
            return None
        found = self._connection.rows(self._connection.module.orders_get(ticket=ticket), "orders_get")
        return next((record for record in found if record.ticket == ticket and record.type in _KINDS), None)

    def _expiration(self, record: Any, change: OrderChange) -> tuple[int, int]:
        """How long the order stands and, in seconds of the server's clock, until when."""
        if change.expiration_ms is KEEP:
            return int(record.type_time), int(record.time_expiration)
        if change.expiration_ms is None:
            return TIME_GTC, 0
        return TIME_SPECIFIED, self._broker_clock.to_server_ms(change.expiration_ms) // 1000

    def _shape(self, record: Any) -> PendingOrder:
        digits = self._symbols.digits(record.symbol)
        expiration = int(record.time_expiration)
        return PendingOrder(
            ticket=int(record.ticket),
            symbol=str(record.symbol),
            side=shapes.side_of_order(record.type),
            kind=_KINDS[record.type],
            volume=shapes.volume(record.volume_initial),
            remaining=shapes.volume(record.volume_current),
            price=round(record.price_open, digits),
            limit_price=round(record.price_stoplimit, digits) or None,
            sl=round(record.sl, digits) or None,
            tp=round(record.tp, digits) or None,
            placed_time_ms=self._broker_clock.to_utc_ms(record.time_setup_msc),
            expiration_ms=self._broker_clock.to_utc_ms(expiration * 1000) if expiration else None,
            magic=client_magic(record.magic),
            comment=client_comment(record.magic, record.comment),
        )
