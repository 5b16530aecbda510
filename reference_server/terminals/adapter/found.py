"""The results of orders that were found afterwards, as far as the terminal shows what became of them."""

from __future__ import annotations

from typing import Final

from reference_server.domain.trading import OrderResult
from reference_server.terminals.adapter import retcodes, shapes
from reference_server.terminals.adapter.constants import (
    ORDER_STATE_CANCELED,
    ORDER_STATE_EXPIRED,
    ORDER_STATE_REJECTED,
)
from reference_server.terminals.adapter.positions import Positions
from reference_server.terminals.adapter.symbols import Symbols
from reference_server.terminals.adapter.traces import Trace

_NOISE: Final = 1e-9
_ENDED_UNFILLED: Final = {
    ORDER_STATE_CANCELED: retcodes.CANCELED,
    ORDER_STATE_EXPIRED: retcodes.CANCELED,
    ORDER_STATE_REJECTED: retcodes.REJECTED,
}


class FoundResults:
    """Makes results of traces."""

    def __init__(self, symbols: Symbols, positions: Positions) -> None:
        self._symbols = symbols
        self._positions = positions

    def executed(self, trace: Trace, asked: float | None) -> OrderResult:
        """The outcome of a market order for `asked` lots (None: whatever there was); a part is told as a part.

        Deals and the order's own count may show at different times: the greater of the two is what is filled.
        """
        digits = self._symbols.digits(trace.symbol)
        ticket = self._ticket_of(trace)
        order = trace.order
        filled = 0.0 if order is None else float(order.volume_initial - order.volume_current)
        if trace.deals:
            shown = sum(deal.volume for deal in trace.deals)
            price = sum(deal.price * deal.volume for deal in trace.deals) / shown
            return _filled(trace, ticket, asked, volume=max(shown, filled), price=round(price, digits))
        if trace.position is not None:
            seen = trace.volume if asked is None else min(asked, trace.volume)
            volume = filled if filled > _NOISE else seen
            return _filled(trace, ticket, asked, volume=volume, price=round(trace.position.price_open, digits))
        if trace.is_active:
            volume = trace.volume if asked is None else min(asked, trace.volume)
            return _success(trace, trace.ticket, retcode=retcodes.PLACED, volume=volume)
        if order.state in _ENDED_UNFILLED and filled < _NOISE:
            return _failure(_ENDED_UNFILLED[order.state])
        return _filled(trace, ticket, asked, volume=filled, price=round(order.price_open, digits))

    def _ticket_of(self, trace: Trace) -> int:
        """The ticket of the position that an order went into: on a netting account it may be older or newer."""
        identifier = trace.position_id or trace.ticket
        record = self._positions.by_identifier(identifier)
        return identifier if record is None else int(record.ticket)

    def placed(self, trace: Trace, price: float | None) -> OrderResult:
        """The outcome of placing a pending order at `price`: what became of it later is told by events."""
        order = trace.order
        if order is not None and order.state == ORDER_STATE_REJECTED and not trace.deals:
            return _failure(retcodes.REJECTED)
        return _success(trace, trace.ticket, volume=trace.volume, price=price or 0.0)


def _filled(trace: Trace, ticket: int, asked: float | None, *, volume: float, price: float) -> OrderResult:
    wanted = asked if trace.order is None else trace.order.volume_initial
    is_whole = wanted is None or wanted - volume < _NOISE
    return OrderResult(
        ticket=ticket,
        success=True,
        retcode=retcodes.DONE if is_whole else retcodes.DONE_PARTIAL,
        price=price,
        volume=shapes.volume(volume),
        order=trace.ticket,
        deal=trace.deals[-1].ticket if trace.deals else 0,
    )


def _success(
    trace: Trace, ticket: int, *, volume: float, price: float = 0.0, retcode: int = retcodes.DONE
) -> OrderResult:
    return OrderResult(
        ticket=ticket,
        success=True,
        retcode=retcode,
        price=price,
        volume=shapes.volume(volume),
        order=trace.ticket,
    )


def _failure(retcode: int) -> OrderResult:
    return OrderResult(ticket=0, success=False, retcode=retcode, error=retcodes.sentence_of(retcode))
