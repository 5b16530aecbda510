"""Open positions, and the commission that MetaTrader keeps on their deals and not on them."""

from __future__ import annotations

from typing import Any, Final

from reference_server.domain.errors import PositionNotFound, TerminalUnavailable
from reference_server.domain.trading import Position
from reference_server.terminals.adapter import shapes
from reference_server.terminals.adapter.clock import BrokerClock
from reference_server.terminals.adapter.connection import Connection
from reference_server.terminals.adapter.constants import ENTRIES_THAT_OPEN
from reference_server.terminals.adapter.patience import Patience
from reference_server.terminals.adapter.symbols import Symbols
from reference_server.usecases.ports import Clock

_TARDY_SECONDS: Final = 2.0
"""How long after its order a position may fail to show; 10 to 1000 ms are usual."""
_TARDY_LOOKS: Final = 10
_TARDY_PAUSE_SECONDS: Final = 0.05


class Positions:
    """Reads positions. `money_digits`, those of the account's currency, and `is_hedging` are set at login."""

    def __init__(
        self, connection: Connection, symbols: Symbols, broker_clock: BrokerClock, clock: Clock, patience: Patience
    ) -> None:
        self._connection = connection
        self._symbols = symbols
        self._broker_clock = broker_clock
        self._clock = clock
        self._patience = patience
        self._commissions: dict[int, tuple[float, float]] = {}
        self._opened_at: dict[int, float] = {}
        self.money_digits = 2
        self.is_hedging = True

    def records(self) -> Any:
        """All open positions as the terminal gives them. Raises TerminalUnavailable: a failed call is not no record."""
        return self._connection.answer(self._connection.module.positions_get(), "positions_get")

    def find(self, ticket: int) -> Any:
        """One position as the terminal gives it, or None."""
        if not 0 < ticket < 1 << 63:
            return None
        found = self._connection.rows(self._connection.module.positions_get(ticket=ticket), "positions_get")
        return next((record for record in found if record.ticket == ticket), None)

    def record(self, ticket: int) -> Any:
        """One position as the terminal gives it. Raises PositionNotFound, TerminalUnavailable for one not shown yet."""
        record = self.find(ticket)
        if record is None and self._is_tardy(ticket):
            record = self._patience.until(lambda: self.find(ticket), _TARDY_LOOKS, _TARDY_PAUSE_SECONDS)
            if record is None and self._is_tardy(ticket):
                raise TerminalUnavailable(
                    f"The position {ticket} was opened a moment ago and does not show yet: nothing was done.",
                    retry_after_seconds=1,
                )
        if record is None:
            raise PositionNotFound(f"No open position has the ticket {ticket}.")
        return record

    def opened(self, ticket: int) -> None:
        """Note that an order has just opened a position, which may show a little later."""
        now = self._clock.monotonic()
        self._opened_at.pop(ticket, None)
        self._opened_at[ticket] = now
        while now - next(iter(self._opened_at.values())) >= _TARDY_SECONDS:  # the oldest stand first
            del self._opened_at[next(iter(self._opened_at))]

    def _is_tardy(self, ticket: int) -> bool:
        """Whether a position that does not show was opened just now and has not been closed since."""
        opened_at = self._opened_at.get(ticket)
        if opened_at is None or self._clock.monotonic() - opened_at >= _TARDY_SECONDS:
            return False
        return all(deal.entry in ENTRIES_THAT_OPEN for deal in self.deals(ticket))

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

    def deals_of_order(self, deal: int, order: int) -> list[Any]:
        """The deals of an order, found by one of them: the documentation asks for an order's ticket, brokers for it."""
        module = self._connection.module
        found = self._connection.rows(module.history_deals_get(ticket=deal), "history_deals_get")
        position_id = next((record.position_id for record in found if record.ticket == deal), None)
        if position_id is None:
            return []
        return [record for record in self.deals(position_id) if record.order == order]

    def ticket_after(self, order: int, symbol: str) -> int:
        """The position that a deal of this order went into: its own, or on a netting account the symbol's one."""
        if self.is_hedging:
            return order
        found = self._connection.rows(self._connection.module.positions_get(symbol=symbol), "positions_get")
        return next((record.ticket for record in found), order)

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
