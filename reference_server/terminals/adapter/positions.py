"""Open positions, and the commission that MetaTrader keeps on their deals and not on them."""

from __future__ import annotations

from typing import Any

from reference_server.domain.errors import PositionNotFound
from reference_server.domain.trading import Position
from reference_server.terminals.adapter import shapes
from reference_server.terminals.adapter.clock import BrokerClock
from reference_server.terminals.adapter.connection import Connection
from reference_server.terminals.adapter.constants import ENTRIES_THAT_OPEN
from reference_server.terminals.adapter.symbols import Symbols


class Positions:
    """Reads positions. `money_digits`, those of the account's currency, and `is_hedging` are set at login."""

    def __init__(self, connection: Connection, symbols: Symbols, broker_clock: BrokerClock) -> None:
        self._connection = connection
        self._symbols = symbols
        self._broker_clock = broker_clock
        self._commissions: dict[int, tuple[float, float]] = {}
        self.money_digits = 2
        self.is_hedging = True

    def records(self) -> Any:
        """All open positions as the terminal gives them."""
        return self._connection.rows(self._connection.module.positions_get(), "positions_get")

    def find(self, ticket: int) -> Any:
        """One position as the terminal gives it, or None."""
        if not 0 < ticket < 1 << 63:
            return None
        found = self._connection.rows(self._connection.module.positions_get(ticket=ticket), "positions_get")
        return next((record for record in found if record.ticket == ticket), None)

    def record(self, ticket: int) -> Any:
        """One position as the terminal gives it. Raises PositionNotFound."""
        record = self.find(ticket)
        if record is None:
            raise PositionNotFound(f"No open position has the ticket {ticket}.")
        return record

    def by_identifier(self, identifier: int) -> Any:
        """The position with this identifier, or None: its ticket changes when a netting account reverses it."""
        record = self.find(identifier)
        if record is not None and record.identifier == identifier:
            return record
        return next((record for record in self.records() if record.identifier == identifier), None)

    def deals(self, identifier: int) -> Any:
        """All deals of a position, oldest first."""
        return self._connection.rows(
            self._connection.module.history_deals_get(position=identifier), "history_deals_get"
        )

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
        entries = [deal for deal in self.deals(record.identifier) if deal.entry in ENTRIES_THAT_OPEN]
        total = float(sum(deal.commission + deal.fee for deal in entries))
        if entries:
            self._commissions[record.ticket] = (record.volume, total)
        return total
