"""What a trade was meant to do, kept until its outcome is known: to send it once, and to look for it afterwards."""

from __future__ import annotations

import msgspec

from reference_server.domain.trading import NewOrder, OrderResult, PositionChange
from reference_server.terminals.adapter.adapter import MetaTraderAdapter
from reference_server.terminals.adapter.tags import Tag


class Placing(msgspec.Struct, frozen=True, tag="place"):
    """A new order. `since_ms`: when it was meant, UTC."""

    order: NewOrder
    tag: Tag
    since_ms: int

    def perform(self, adapter: MetaTraderAdapter) -> OrderResult:
        """Send it. Raises SymbolNotFound, TerminalUnavailable, OutcomeUnknown."""
        return adapter.place_order(self.order, tag=self.tag)

    def look(self, adapter: MetaTraderAdapter) -> OrderResult | None:
        """Give its result where the terminal shows it, None without a trace. Raises OutcomeUnknown if ambiguous."""
        return adapter.find_order(self.order, self.tag, self.since_ms)


class Closing(msgspec.Struct, frozen=True, tag="close"):
    """The closing of a position, all (volume None) or in part."""

    ticket: int
    volume: float | None
    tag: Tag
    since_ms: int

    def perform(self, adapter: MetaTraderAdapter) -> OrderResult:
        """Send it. Raises PositionNotFound, TerminalUnavailable, OutcomeUnknown."""
        return adapter.close_position(self.ticket, self.volume, tag=self.tag)

    def look(self, adapter: MetaTraderAdapter) -> OrderResult | None:
        """Give its result where the terminal shows it, None without a trace. Raises OutcomeUnknown if ambiguous."""
        return adapter.find_close(self.ticket, self.volume, self.tag, self.since_ms)


class Modifying(msgspec.Struct, frozen=True, tag="modify"):
    """New stop levels of a position."""

    change: PositionChange
    since_ms: int

    def perform(self, adapter: MetaTraderAdapter) -> OrderResult:
        """Send it. Raises PositionNotFound, TerminalUnavailable, OutcomeUnknown."""
        return adapter.modify_position(self.change)

    def look(self, adapter: MetaTraderAdapter) -> OrderResult | None:
        """Give its result where the position has the levels, None where it has not."""
        return adapter.find_modification(self.change)


Intent = Placing | Closing | Modifying
