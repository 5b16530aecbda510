"""What a terminal shows of the orders of a stretch of time, gathered by order.

An order can be seen in four places, and in some of them later than in others: among the active orders, the orders that
are done, the deals, and the positions. They are read in the order in which an order moves through them, so that none
slips through between two readings.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from reference_server.domain.errors import TerminalUnavailable
from reference_server.terminals.adapter.connection import Connection
from reference_server.terminals.adapter.constants import REASON_EXPERT, REASONS_OF_THE_SERVER, SELLING_ORDERS


@dataclass(slots=True)
class Trace:
    """One order: its record, the deals made of it and, on a hedging account, the position that it opened."""

    ticket: int
    order: Any = None
    is_active: bool = False
    deals: list[Any] = field(default_factory=list)
    position: Any = None

    @property
    def _record(self) -> Any:
        """The record that tells most."""
        if self.order is not None:
            return self.order
        return self.deals[0] if self.deals else self.position

    @property
    def symbol(self) -> str:
        """What is traded."""
        return str(self._record.symbol)

    @property
    def magic(self) -> int:
        """The order's magic number."""
        return int(self._record.magic)

    @property
    def comment(self) -> str:
        """The order's comment, as far as the broker keeps it."""
        return str(self._record.comment)

    @property
    def is_sell(self) -> bool:
        """Which way it trades."""
        return self._record.type in SELLING_ORDERS

    @property
    def volume(self) -> float:
        """Lots asked for, or those that show."""
        if self.order is not None:
            return float(self.order.volume_initial)
        return float(sum(deal.volume for deal in self.deals)) if self.deals else float(self.position.volume)

    @property
    def time_ms(self) -> int:
        """When it was made, in ms of the server's clock."""
        return int(self.order.time_setup_msc if self.order is not None else self._record.time_msc)

    @property
    def is_of_the_server(self) -> bool:
        """Whether it is the exit of a stop: it bears the magic of the order that opened the position."""
        return self._record.reason in REASONS_OF_THE_SERVER

    @property
    def is_of_a_program(self) -> bool:
        """Whether it was sent through the package, as far as the broker says so."""
        return bool(self._record.reason == REASON_EXPERT)

    @property
    def position_id(self) -> int:
        """The identifier of the position that it opened, changed or closed; 0 when that does not show yet."""
        if self.deals:
            return int(self.deals[0].position_id)
        return int(self.order.position_id if self.order is not None else self.position.identifier)


def read_traces(connection: Connection, from_s: int, until_s: int, *, is_hedging: bool) -> list[Trace]:
    """Read every order that shows in a range of the server's clock, in seconds. Raises TerminalUnavailable.

    A terminal that has lost its broker answers from memory, which proves nothing: it counts as unavailable. A position
    of a netting account bears the marks of the last order that changed it; while that order does not show, the position
    is the only sign of it, and its ticket is not known (0).
    """
    module = connection.module
    if not connection.answer(module.terminal_info(), "terminal_info").connected:
        raise TerminalUnavailable("The terminal has lost its broker: what became of the order cannot be seen now.")
    active = connection.answer(module.orders_get(), "orders_get")
    positions = connection.answer(module.positions_get(), "positions_get")
    past = connection.answer(module.history_orders_get(from_s, until_s), "history_orders_get")
    deals = connection.answer(module.history_deals_get(from_s, until_s), "history_deals_get")
    found: dict[int, Trace] = {}
    for records, is_active in ((active, True), (past, False)):
        for order in records:
            found[order.ticket] = Trace(order.ticket, order, is_active)
    for deal in deals:
        if deal.order:
            found.setdefault(deal.order, Trace(deal.order)).deals.append(deal)
    changed = {deal.position_id for deal in deals}
    for position in positions:
        ticket = position.identifier
        if ticket in found or (position.time >= from_s and ticket not in changed):
            found.setdefault(ticket, Trace(ticket)).position = position
        elif not is_hedging and position.time_update >= from_s and ticket not in changed:
            found[-ticket] = Trace(0, position=position)
    return list(found.values())
