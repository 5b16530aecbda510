"""Opening, closing and changing of positions: each request with its tag, each answer as a result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from reference_server.domain.errors import GatewayError, OutcomeUnknown, PositionNotFound
from reference_server.domain.events import OrderSettled
from reference_server.domain.trading import KEEP, NewOrder, OrderResult, OrderType, PositionChange, Side
from reference_server.terminals.adapter import requests, retcodes, shapes
from reference_server.terminals.adapter.clock import BrokerClock
from reference_server.terminals.adapter.constants import POSITION_BUY
from reference_server.terminals.adapter.dispatch import Dispatch, is_accepted
from reference_server.terminals.adapter.pending import PendingOrders
from reference_server.terminals.adapter.placing import can_expire, send_order
from reference_server.terminals.adapter.positions import Positions
from reference_server.terminals.adapter.reconciliation import Reconciliation
from reference_server.terminals.adapter.refusals import refusal
from reference_server.terminals.adapter.settlements import Settlements
from reference_server.terminals.adapter.symbols import Symbols, TradingRules
from reference_server.terminals.adapter.tags import Tag, carry, client_magic

T = TypeVar("T")

_VOLUME_NOISE: Final = 1e-9


class Trading:
    """The trades of one account."""

    def __init__(
        self,
        dispatch: Dispatch,
        symbols: Symbols,
        positions: Positions,
        settlements: Settlements,
        reconciliation: Reconciliation,
        pending: PendingOrders,
        broker_clock: BrokerClock,
    ) -> None:
        self._dispatch = dispatch
        self._symbols = symbols
        self._positions = positions
        self._settlements = settlements
        self._reconciliation = reconciliation
        self._pending = pending
        self._broker_clock = broker_clock

    def place_order(self, order: NewOrder, tag: Tag | None) -> OrderResult:
        """Place a market or pending order. Raises SymbolNotFound, TerminalUnavailable, OutcomeUnknown."""
        symbol = self._symbols.select(order.symbol)
        if not can_expire(order, symbol):
            result = refusal(retcodes.INVALID_EXPIRATION, symbol)
            self._report(result, order.symbol, order.side, order.order_type)
            return result
        marked = order.marked(*carry(tag, order.magic, order.comment))
        doubt = self._reconciliation.doubt_of(order, tag)
        try:
            answer = send_order(self._dispatch, symbol, marked, self._broker_clock)
        except OutcomeUnknown:
            doubt()
            raise
        if not is_accepted(answer):
            result = refusal(answer.retcode, symbol)
        elif order.order_type is OrderType.MARKET:
            result = self._filled(answer, self._ticket_of(answer, order.symbol), symbol)
            self._positions.opened(result.ticket)
        else:
            result = OrderResult(
                ticket=int(answer.order),
                success=True,
                retcode=int(answer.retcode),
                price=requests.at_tick(order.price or 0.0, symbol),
                volume=shapes.volume(order.volume),
                order=int(answer.order),
            )
            self._pending.placed(result.ticket)
        self._report(result, order.symbol, order.side, order.order_type)
        return result

    def close_position(self, ticket: int, volume: float | None, tag: Tag | None) -> OrderResult:
        """Close all (None) or part of a position. Raises PositionNotFound, TerminalUnavailable, OutcomeUnknown.

        The deal bears the client's magic number of the position, as statistics by magic number expect.
        """
        record = self._positions.record(ticket)
        symbol = self._symbols.select(record.symbol)
        side = Side.BUY if record.type == POSITION_BUY else Side.SELL
        answer = self._send_close(record, symbol, volume, tag)
        if answer is not None and answer.retcode == retcodes.INVALID_CLOSE_VOLUME and volume is None:
            record = self._positions.record(ticket)  # part of it was closed meanwhile
            answer = self._send_close(record, symbol, volume, tag)
        if answer is None:
            result = refusal(retcodes.INVALID_CLOSE_VOLUME, symbol)
        elif is_accepted(answer):
            result = self._filled(answer, ticket, symbol)
        else:
            self._raise_if_gone(answer.retcode, ticket)
            result = refusal(answer.retcode, symbol)
        self._report(result, record.symbol, side.opposite, OrderType.MARKET)
        return result

    def modify_position(self, change: PositionChange) -> OrderResult:
        """Change the stop levels: what is KEEP is read first and sent again, since a level left out is removed.

        Raises PositionNotFound, TerminalUnavailable, OutcomeUnknown.
        """
        record = self._positions.record(change.ticket)
        symbol = self._symbols.select(record.symbol)
        sl = record.sl if change.sl is KEEP else change.sl
        tp = record.tp if change.tp is KEEP else change.tp
        answer = self._dispatch.send(requests.stop_levels(change.ticket, symbol, sl=sl, tp=tp))
        if not is_accepted(answer):
            self._raise_if_gone(answer.retcode, change.ticket)
            return refusal(answer.retcode, symbol)
        return OrderResult(ticket=change.ticket, success=True, retcode=retcodes.DONE)

    def _send_close(self, record: Any, symbol: TradingRules, volume: float | None, tag: Tag | None) -> Any:
        """Send the closing deal; None where the volume is more than the position has."""
        lots = shapes.volume(record.volume) if volume is None else volume
        if lots > record.volume + _VOLUME_NOISE:
            return None
        side = Side.BUY if record.type == POSITION_BUY else Side.SELL
        magic, comment = carry(tag, client_magic(record.magic), "")
        return self._dispatch.send_deal(
            symbol,
            side.opposite,
            lambda spec, filling, price: requests.closing_deal(
                int(record.ticket), side, lots, spec, filling=filling, price=price, magic=magic, comment=comment
            ),
        )

    def _raise_if_gone(self, retcode: int, ticket: int) -> None:
        """Raise PositionNotFound when a request was refused because its position was closed meanwhile.

        Servers have a retcode for that and some say "invalid request" instead.
        """
        is_gone = retcode == retcodes.POSITION_CLOSED
        if retcode in retcodes.MAYBE_GONE:
            is_gone = _asked_afterwards(lambda: self._positions.find(ticket) is None, default=False)
        if is_gone:
            raise PositionNotFound(f"The position {ticket} is already closed.")

    def _filled(self, answer: Any, ticket: int, symbol: TradingRules) -> OrderResult:
        """The outcome of a deal; where the broker answers without price or volume, its deal has them."""
        price, volume = float(answer.price), float(answer.volume)
        if answer.deal and not (price and volume):
            nothing: list[Any] = []
            deals = _asked_afterwards(
                lambda: self._positions.deals_of_order(answer.deal, answer.order), default=nothing
            )
            if deals:
                volume = sum(deal.volume for deal in deals)
                price = sum(deal.price * deal.volume for deal in deals) / volume
        return OrderResult(
            ticket=ticket,
            success=True,
            retcode=int(answer.retcode),
            price=shapes.decimal(price, symbol.digits),
            volume=shapes.volume(volume),
            order=int(answer.order),
            deal=int(answer.deal),
        )

    def _ticket_of(self, answer: Any, symbol: str) -> int:
        order = int(answer.order)
        return int(_asked_afterwards(lambda: self._positions.ticket_after(order, symbol), default=order))

    def _report(self, result: OrderResult, symbol: str, side: Side, order_type: OrderType) -> None:
        """Leave the outcome for the poller to announce."""
        is_filled = result.deal != 0
        self._settlements.report(OrderSettled(result, symbol, side, order_type), is_filled=is_filled)


def _asked_afterwards(question: Callable[[], T], *, default: T) -> T:
    """Ask after the broker has answered: whatever goes wrong now must not deny that answer."""
    try:
        return question()
    except (GatewayError, OSError, EOFError):
        return default
