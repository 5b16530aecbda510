"""What a trade was meant to do, kept until its outcome is known: to send it once, and to look for it afterwards.

`tag` is what a trade is found by, `since_ms` when it was meant, UTC. `is_earlier`: a gateway that is gone has sent it.
"""

from __future__ import annotations

import msgspec

from reference_server.domain.trading import (
    NewOrder,
    OrderCancellation,
    OrderChange,
    OrderResult,
    PositionChange,
    PositionClose,
    TradeMark,
    TradeRequest,
)
from reference_server.terminals.adapter.adapter import MetaTraderAdapter
from reference_server.terminals.adapter.tags import Tag


class Placing(msgspec.Struct, frozen=True, tag="place"):
    """A new order."""

    order: NewOrder
    tag: Tag
    since_ms: int
    is_earlier: bool = False

    def perform(self, adapter: MetaTraderAdapter) -> OrderResult:
        """Send it. Raises SymbolNotFound, TerminalUnavailable, OutcomeUnknown."""
        return adapter.place_order(self.order, tag=self.tag)

    def look(self, adapter: MetaTraderAdapter) -> OrderResult | None:
        """Give its result where the terminal shows it, None without a trace. Raises OutcomeUnknown if ambiguous."""
        return adapter.find_order(self.order, self.tag, self.since_ms, is_earlier=self.is_earlier)


class Closing(msgspec.Struct, frozen=True, tag="close"):
    """The closing of a position, all (volume None) or in part."""

    ticket: int
    volume: float | None
    tag: Tag
    since_ms: int
    is_earlier: bool = False

    def perform(self, adapter: MetaTraderAdapter) -> OrderResult:
        """Send it. Raises PositionNotFound, TerminalUnavailable, OutcomeUnknown."""
        return adapter.close_position(self.ticket, self.volume, tag=self.tag)

    def look(self, adapter: MetaTraderAdapter) -> OrderResult | None:
        """Give its result where the terminal shows it, None without a trace. Raises OutcomeUnknown if ambiguous."""
        return adapter.find_close(self.ticket, self.volume, self.tag, self.since_ms, is_earlier=self.is_earlier)


class Modifying(msgspec.Struct, frozen=True, tag="modify"):
    """New stop levels of a position. Its tag, where it has one, stays here."""

    change: PositionChange
    tag: Tag | None
    since_ms: int

    def perform(self, adapter: MetaTraderAdapter) -> OrderResult:
        """Send it. Raises PositionNotFound, TerminalUnavailable, OutcomeUnknown."""
        return adapter.modify_position(self.change)

    def look(self, adapter: MetaTraderAdapter) -> OrderResult | None:
        """Give its result where the position has the levels, None where it has not."""
        return adapter.find_modification(self.change)


class Changing(msgspec.Struct, frozen=True, tag="change"):
    """New terms of a pending order. Its tag, where it has one, stays here."""

    change: OrderChange
    tag: Tag | None
    since_ms: int

    def perform(self, adapter: MetaTraderAdapter) -> OrderResult:
        """Send it. Raises OrderNotFound, TerminalUnavailable, OutcomeUnknown."""
        return adapter.modify_order(self.change)

    def look(self, adapter: MetaTraderAdapter) -> OrderResult | None:
        """Give its result where the order has the terms, or had them at its end; None where it has not."""
        return adapter.find_order_change(self.change)


class Cancelling(msgspec.Struct, frozen=True, tag="cancel"):
    """The cancellation of a pending order. Its tag, where it has one, stays here."""

    ticket: int
    tag: Tag | None
    since_ms: int

    def perform(self, adapter: MetaTraderAdapter) -> OrderResult:
        """Send it. Raises OrderNotFound, TerminalUnavailable, OutcomeUnknown."""
        return adapter.cancel_order(self.ticket)

    def look(self, adapter: MetaTraderAdapter) -> OrderResult | None:
        """Give its result where the order is gone for good, None where it is pending or does not show."""
        return adapter.find_cancellation(self.ticket)


Intent = Placing | Closing | Modifying | Changing | Cancelling


def earlier(request: TradeRequest, mark: TradeMark) -> Intent:
    """Make the intent of a request that was sent with this mark, by whom and whether at all is not known."""
    tag, since_ms = Tag(mark.tag), mark.since_ms
    match request:
        case NewOrder():
            return Placing(request, tag, since_ms, is_earlier=True)
        case PositionClose(ticket, volume):
            return Closing(ticket, volume, tag, since_ms, is_earlier=True)
        case PositionChange():
            return Modifying(request, tag, since_ms)
        case OrderChange():
            return Changing(request, tag, since_ms)
        case OrderCancellation(ticket):
            return Cancelling(ticket, tag, since_ms)
