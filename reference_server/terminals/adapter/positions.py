"""Open positions, and the commission that MetaTrader keeps on their deals and not on them."""

from __future__ import annotations

from typing import Any

from reference_server.domain.errors import PositionNotFound
from reference_server.domain.trading import Position
from reference_server.terminals.adapter import shapes
from reference_server.terminals.adapter.clock import BrokerClock
from reference_server.terminals.adapter.connection import Connection
from reference_server.terminals.adapter.constants import DEAL_ENTRY_IN, DEAL_ENTRY_INOUT
from reference_server.terminals.adapter.symbols import Symbols


class Positions:
    """Reads positions. `money_digits` are those of the account's currency, set at login."""

    def __init__(self, connection: Connection, symbols: Symbols, broker_clock: BrokerClock) -> None:
        self._connection = connection
        self._symbols = symbols
        self._broker_clock = broker_clock
        self._commissions: dict[int, tuple[float, float]] = {}
        self.money_digits = 2

    def records(self) -> Any:
        """All open positions as the terminal gives them."""
        return self._connection.rows(self._connection.module.positions_get(), "positions_get")

    def record(self, ticket: int) -> Any:
        """One position as the terminal gives it. Raises PositionNotFound."""
        if not 0 < ticket < 1 << 63:
            raise PositionNotFound(f"No open position has the ticket {ticket}.")
        found = self._connection.rows(self._connection.module.positions_get(ticket=ticket), "positions_get")
        for record in found:
            if record.ticket == ticket:
                return record
        raise PositionNotFound(f"No open position has the ticket {ticket}.")

    def ticket_of_symbol(self, symbol: str) -> int | None:
        """The ticket of the one position that a netting account has in a symbol."""
        found = self._connection.rows(self._connection.module.positions_get(symbol=symbol), "positions_get")
        return int(found[0].ticket) if found else None

    def shape(self, record: Any) -> Position:
        """Turn a record into a position."""
        return shapes.position(
            record,
            digits=self._symbols.digits(record.symbol),
            money_digits=self.money_digits,
            commission=self._commission(record),
            clock=self._broker_clock,
        )

    def forget(self, ticket: int) -> None:
        """Drop what is kept of a closed position."""
        self._commissions.pop(ticket, None)

    def _commission(self, record: Any) -> float:
        """Sum commission and fee of the deals that opened the position; read again when its volume changes.

        Deals may show up a little after their position, so nothing is kept until there is one.
        """
        kept = self._commissions.get(record.ticket)
        if kept is not None and kept[0] == record.volume:
            return kept[1]
        module = self._connection.module
        deals = self._connection.rows(module.history_deals_get(position=record.identifier), "history_deals_get")
        entries = [deal for deal in deals if deal.entry in (DEAL_ENTRY_IN, DEAL_ENTRY_INOUT)]
        total = float(sum(deal.commission + deal.fee for deal in entries))
        if entries:
            self._commissions[record.ticket] = (record.volume, total)
        return total
