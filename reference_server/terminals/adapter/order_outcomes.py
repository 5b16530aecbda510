"""Finding out what became of the change or the cancellation of a pending order whose answer was lost.

No tag travels with these, and none is needed: the order itself shows whether it has the terms asked for, or is gone.
What it shows is told and nothing more. `None` says that nothing shows now, which is final only after a while.
"""

from __future__ import annotations

from typing import Any, Final

from reference_server.domain.errors import TerminalUnavailable
from reference_server.domain.trading import KEEP, OrderChange, OrderResult
from reference_server.terminals.adapter import requests, retcodes
from reference_server.terminals.adapter.clock import BrokerClock
from reference_server.terminals.adapter.connection import Connection
from reference_server.terminals.adapter.constants import (
    ORDER_STATE_CANCELED,
    ORDER_STATE_EXPIRED,
    ORDER_STATE_FILLED,
    ORDER_STATE_PARTIAL,
    ORDER_STATE_REJECTED,
)
from reference_server.terminals.adapter.pending import PendingOrders, expiration_seconds
from reference_server.terminals.adapter.symbols import Symbols

_NOISE: Final = 1e-9
_ENDS: Final = {
    ORDER_STATE_CANCELED: "was cancelled",
    ORDER_STATE_PARTIAL: "was filled in part",
    ORDER_STATE_FILLED: "was filled",
    ORDER_STATE_REJECTED: "was rejected by the broker",
    ORDER_STATE_EXPIRED: "expired",
}


class OrderOutcomes:
    """Looks for requests about pending orders whose outcome is unknown: in the book first, then in the past."""

    def __init__(
        self, connection: Connection, symbols: Symbols, broker_clock: BrokerClock, pending: PendingOrders
    ) -> None:
        self._connection = connection
        self._symbols = symbols
        self._broker_clock = broker_clock
        self._pending = pending

    def find_cancellation(self, ticket: int) -> OrderResult | None:
        """See whether an order was cancelled. Raises TerminalUnavailable.

        One that ended otherwise cannot be cancelled any more, which is a result without success.
        """
        past = self._ended(ticket)
        if past is None:
            return None
        if past.state == ORDER_STATE_CANCELED:
            return _done(ticket)  # by this request or by another: it is what was asked for
        sentence = f"The order {ticket} {_ENDS[past.state]} before it could be cancelled."
        return OrderResult(ticket=0, success=False, retcode=retcodes.ORDER_CHANGED, error=sentence)

    def find_change(self, change: OrderChange) -> OrderResult | None:
        """See whether an order has, or had at its end, the terms asked for. Raises TerminalUnavailable.

        Other terms prove nothing: whoever came after may have changed them again, a person at the terminal among them.
        """
        self._raise_without_broker()
        record = self._pending.find(change.ticket)
        if record is not None:
            return _done(change.ticket) if self._has_terms(record, change) else None
        past = self._ended(change.ticket)
        return _done(change.ticket) if past is not None and self._has_terms(past, change) else None

    def _ended(self, ticket: int) -> Any:
        """The record of an order that has left the book for good, or None."""
        self._raise_without_broker()
        if self._pending.find(ticket) is not None:
            return None
        past = self._pending.past(ticket)
        return past if past is not None and past.state in _ENDS else None

    def _has_terms(self, record: Any, change: OrderChange) -> bool:
        symbol = self._symbols.rules(record.symbol)
        for asked, present in (
            (change.price, record.price_open),
            (change.stop_limit_price, record.price_stoplimit),
            (change.sl, record.sl),
            (change.tp, record.tp),
        ):
            if asked is not KEEP and abs(present - requests.at_tick(asked or 0.0, symbol)) > _NOISE:
                return False
        if change.expiration_ms is KEEP:
            return True
        until = 0 if change.expiration_ms is None else expiration_seconds(change.expiration_ms, self._broker_clock)
        return bool(record.time_expiration == until)

    def _raise_without_broker(self) -> None:
        """A terminal that has lost its broker answers from memory, which proves nothing."""
        connection = self._connection
        if not connection.answer(connection.module.terminal_info(), "terminal_info").connected:
            raise TerminalUnavailable("The terminal has lost its broker: what became of the order cannot be seen now.")


def _done(ticket: int) -> OrderResult:
    return OrderResult(ticket=ticket, success=True, retcode=retcodes.DONE, order=ticket)
