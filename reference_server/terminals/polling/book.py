"""Changes of the account's book: positions, pending orders and deals, whoever caused them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final

from reference_server.domain.errors import GatewayError
from reference_server.domain.events import OrderSettled, PositionChanged, TerminalEvent
from reference_server.domain.trading import Position
from reference_server.terminals.adapter.adapter import MetaTraderAdapter
from reference_server.terminals.adapter.constants import DEAL_ENTRY_OUT_BY, DEAL_SELL
from reference_server.terminals.polling.deals import Deals
from reference_server.terminals.polling.endings import Endings
from reference_server.terminals.polling.outcomes import Outcomes

_LOOK_ON_SECONDS: Final = 1.0
"""How long deals are looked for after a change: they come 10 to 1000 ms late."""
_SWEEP_SECONDS: Final = 5.0
"""How often deals are looked for without a sign: one that opened and closed between two polls leaves none."""
_GIVE_UP_SECONDS: Final = 60.0
"""How long the history is asked why a pending order ended."""
_NOISE: Final = 1e-9
_KEPT: Final = 10_000
"""Ended positions remembered."""


@dataclass(slots=True)
class _State:
    """The book at the last poll. `vanished` and `closing`: what is gone, and until when its end is sought."""

    positions: dict[int, Any] = field(default_factory=dict)
    told: dict[int, Position] = field(default_factory=dict)
    told_at: dict[int, float] = field(default_factory=dict)
    orders: dict[int, Any] = field(default_factory=dict)
    vanished: dict[int, tuple[Any, float]] = field(default_factory=dict)
    closing: dict[int, tuple[Any, float]] = field(default_factory=dict)
    unseen: dict[int, float] = field(default_factory=dict)
    """Identifiers of positions that deals opened and that did not show (yet), and until when they may."""

    def copy(self) -> _State:
        return _State(
            dict(self.positions),
            dict(self.told),
            dict(self.told_at),
            dict(self.orders),
            dict(self.vanished),
            dict(self.closing),
            dict(self.unseen),
        )


class BookFollower:
    """Compares the book with what it was at the last poll."""

    def __init__(self, adapter: MetaTraderAdapter, *, position_interval_seconds: float = 1.0) -> None:
        self._adapter = adapter
        self._interval = position_interval_seconds
        self._deals = Deals(adapter)
        self._outcomes = Outcomes(adapter)
        self._endings = Endings(adapter)
        self._state = _State()
        self._look_until = 0.0
        self._next_sweep = 0.0
        self._ended: OrderedDict[int, None] = OrderedDict()
        self._paired: OrderedDict[int, None] = OrderedDict()
        """Orders that closed two positions against each other and were told with the first deal of the two."""
        self._silent: set[int] = set()
        """Positions that were there at the beginning and were never told as opened."""

    @property
    def is_empty(self) -> bool:
        """Whether there is neither a position nor a pending order."""
        return not self._state.positions and not self._state.orders

    def begin(self) -> None:
        """Take the book as it stands as known."""
        now = self._adapter.clock.monotonic()
        self._deals.begin()
        for record in self._adapter.position_book.records():
            self._state.positions[record.ticket] = record
            self._state.told[record.ticket] = self._adapter.position_book.shape(record)
            self._state.told_at[record.ticket] = now
        self._silent = {*self._state.positions}
        self._state.orders = self._read_orders()
        self._next_sweep = now + _SWEEP_SECONDS

    def poll(self, *, balance_moved: bool) -> list[TerminalEvent]:
        """Give what changed since the last call: settled orders first, then positions.

        A terminal that fails in the middle leaves everything as it was, so that nothing is lost or told twice.
        """
        now = self._adapter.clock.monotonic()
        positions = {record.ticket: record for record in self._adapter.position_book.records()}
        orders = self._read_orders()
        before = self._state
        state = before.copy()
        gone = {ticket: (order, now + _GIVE_UP_SECONDS) for ticket, order in before.orders.items()}
        state.vanished.update({ticket: end for ticket, end in gone.items() if ticket not in orders})
        unfilled, found = self._adapter.settlements.unfilled, self._adapter.settlements.found
        for ticket in unfilled:
            state.vanished.setdefault(ticket, (None, now + _GIVE_UP_SECONDS))
        for ticket in orders:
            state.vanished.pop(ticket, None)
        placed = [order for ticket, order in orders.items() if ticket not in before.orders]
        is_moved = balance_moved or placed or state.vanished or state.closing or state.unseen
        if is_moved or self._adapter.settlements.has_news or _differ(positions, before.positions):
            self._look_until = now + _LOOK_ON_SECONDS
        is_sweep = now >= self._next_sweep
        deals = self._deals.look(is_wide=is_sweep) if is_sweep or now <= self._look_until else []
        state.positions, state.orders = positions, orders
        self._state = state
        try:
            events: list[TerminalEvent] = self._outcomes.placed(placed)
            events += self._filled(deals, before)
            events += self._vanished(now)
            events += self._moved(before, now)
            events += self._flashed(before, deals, now)
        except GatewayError:
            self._state = before
            self._deals.forget_count()
            raise
        self._remember_ended(before)
        self._remember_paired(deals)
        self._deals.note(deals)
        self._adapter.settlements.followed(unfilled, found)
        self._silent -= {*found}
        if is_sweep:
            self._next_sweep = now + _SWEEP_SECONDS
        return [*self._adapter.settlements.take(), *events]

    def _read_orders(self) -> dict[int, Any]:
        connection = self._adapter.connection
        return {order.ticket: order for order in connection.answer(connection.module.orders_get(), "orders_get")}

    def _filled(self, deals: list[Any], before: _State) -> list[OrderSettled]:
        """One outcome for each order that new deals belong to, unless it was announced when it was placed."""
        by_order: dict[int, list[Any]] = {}
        for deal in deals:
            if deal.order and deal.type <= DEAL_SELL and deal.order not in self._paired:
                by_order.setdefault(deal.order, []).append(deal)
        settled: list[OrderSettled] = []
        for ticket, group in by_order.items():
            order, _ = self._state.vanished.get(ticket, (None, 0.0))
            if order is not None and sum(deal.volume for deal in group) > order.volume_current - _NOISE:
                del self._state.vanished[ticket]  # filled, and not withdrawn after a part
            news = self._adapter.settlements.untold(ticket, group)
            if news:
                order = order or before.orders.get(ticket) or self._outcomes.past_order(ticket)
                settled.append(self._outcomes.filling(ticket, news, order, self._state.positions))
        return settled

    def _vanished(self, now: float) -> list[OrderSettled]:
        """Outcomes of pending orders that left the book unfilled, or not all filled, once their history says why."""
        settled: list[OrderSettled] = []
        for ticket, (_, give_up_at) in list(self._state.vanished.items()):
            past = self._outcomes.past_order(ticket)
            if past is not None or now >= give_up_at:
                del self._state.vanished[ticket]
            if past is not None:
                settled += self._outcomes.ending(past)
        return settled

    def _moved(self, before: _State, now: float) -> list[PositionChanged]:
        state = self._state
        moved: list[PositionChanged] = []
        for ticket, record in state.positions.items():
            back, _ = state.closing.pop(ticket, (None, 0.0))  # it shows again: it had not ended
            known = before.positions.get(ticket) or back
            state.unseen.pop(record.identifier, None)
            if known is None or (ticket in self._silent and ticket in self._adapter.settlements.found):
                moved.append(self._tell(record, "opened", now))
            elif _terms(known) != _terms(record) or (
                now - state.told_at[ticket] >= self._interval and self._has_new_value(record)
            ):
                moved.append(self._tell(record, "changed", now))
        for ticket in before.positions.keys() - state.positions.keys():
            state.closing[ticket] = (before.positions[ticket], now + _LOOK_ON_SECONDS)
        for ticket, (record, wait_until) in list(state.closing.items()):
            last = state.told[ticket]
            closed = self._endings.closed(last, record.identifier, is_final=now >= wait_until)
            if closed is not None:
                del state.closing[ticket], state.told[ticket], state.told_at[ticket]
                self._adapter.position_book.forget(ticket)
                moved.append(PositionChanged(closed, "closed"))
        return moved

    def _flashed(self, before: _State, deals: list[Any], now: float) -> list[PositionChanged]:
        """Both events of a position that opened and closed without ever showing."""
        state = self._state
        known = {record.identifier for record in (*state.positions.values(), *before.positions.values())}
        known |= {record.identifier for record, _ in before.closing.values()}
        for deal in deals:
            identifier = deal.position_id
            if self._endings.is_opening(deal) and identifier not in known and identifier not in self._ended:
                state.unseen.setdefault(identifier, now + _GIVE_UP_SECONDS)
        flashed: list[PositionChanged] = []
        for identifier, give_up_at in list(state.unseen.items()):
            pair = self._endings.flash(identifier)
            if pair is not None or now >= give_up_at:
                del state.unseen[identifier]
            if pair is not None:
                flashed += [PositionChanged(pair[0], "opened"), PositionChanged(pair[1], "closed")]
        return flashed

    def _remember_ended(self, before: _State) -> None:
        """Note positions whose end was told: deals that show later do not make them anew."""
        if not (before.closing or before.unseen or before.positions.keys() - self._state.positions.keys()):
            return
        present = {record.identifier for record in self._state.positions.values()}
        ended = [record.identifier for record, _ in before.closing.values()]
        ended += [record.identifier for record in before.positions.values()]
        ended += before.unseen
        for identifier in ended:
            if identifier not in present:
                self._ended[identifier] = None
        while len(self._ended) > _KEPT:
            self._ended.popitem(last=False)

    def _remember_paired(self, deals: list[Any]) -> None:
        for deal in deals:
            if deal.entry == DEAL_ENTRY_OUT_BY:
                self._paired[deal.order] = None
        while len(self._paired) > _KEPT:
            self._paired.popitem(last=False)

    def _tell(self, record: Any, change: Any, now: float) -> PositionChanged:
        position = self._adapter.position_book.shape(record)
        self._state.told[record.ticket] = position
        self._state.told_at[record.ticket] = now
        return PositionChanged(position, change)

    def _has_new_value(self, record: Any) -> bool:
        return self._adapter.position_book.shape(record) != self._state.told[record.ticket]


def _terms(record: Any) -> tuple[float, float, float, float]:
    return (record.volume, record.sl, record.tp, record.price_open)


def _differ(now: dict[int, Any], before: dict[int, Any]) -> bool:
    if now.keys() != before.keys():
        return True
    return any(record.volume != before[ticket].volume for ticket, record in now.items())
