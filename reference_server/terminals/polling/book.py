"""Changes of the account's book: positions, pending orders and deals, whoever caused them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from reference_server.domain.events import OrderSettled, PositionChanged, TerminalEvent
from reference_server.domain.trading import OrderResult, Position
from reference_server.terminals.adapter import retcodes, shapes
from reference_server.terminals.adapter.adapter import MetaTraderAdapter
from reference_server.terminals.adapter.constants import (
    DEAL_ENTRY_IN,
    DEAL_ENTRY_OUT_BY,
    DEAL_SELL,
    ORDER_STATE_CANCELED,
    ORDER_STATE_EXPIRED,
    ORDER_STATE_REJECTED,
)
from reference_server.terminals.polling.deals import Deals

_LOOK_ON_SECONDS: Final = 1.0
"""How long deals are looked for after a change: they come 10 to 1000 ms late."""
_SWEEP_SECONDS: Final = 5.0
"""How often deals are looked for without a sign: one that opened and closed between two polls leaves none."""
_VANISHED: Final = {
    ORDER_STATE_CANCELED: (retcodes.CANCELED, "The pending order was cancelled."),
    ORDER_STATE_EXPIRED: (retcodes.CANCELED, "The pending order expired."),
    ORDER_STATE_REJECTED: (retcodes.ACTIVATION_REJECTED, "The activation of the pending order was rejected."),
}


class BookFollower:
    """Compares the book with what it was at the last poll."""

    def __init__(self, adapter: MetaTraderAdapter, *, position_interval_seconds: float = 1.0) -> None:
        self._adapter = adapter
        self._interval = position_interval_seconds
        self._deals = Deals(adapter)
        self._positions: dict[int, Any] = {}
        self._told: dict[int, Position] = {}
        self._told_at: dict[int, float] = {}
        self._orders: dict[int, Any] = {}
        self._vanished: dict[int, Any] = {}
        self._look_until = 0.0
        self._next_sweep = 0.0

    @property
    def is_empty(self) -> bool:
        """Whether there is neither a position nor a pending order."""
        return not self._positions and not self._orders

    def begin(self) -> None:
        """Take the book as it stands as known."""
        now = self._adapter.clock.monotonic()
        self._deals.begin()
        for record in self._adapter.position_book.records():
            self._positions[record.ticket] = record
            self._told[record.ticket] = self._adapter.position_book.shape(record)
            self._told_at[record.ticket] = now
        self._orders = self._read_orders()
        self._next_sweep = now + _SWEEP_SECONDS

    def poll(self, *, balance_moved: bool) -> list[TerminalEvent]:
        """Give what changed since the last call: settled orders first, then positions."""
        now = self._adapter.clock.monotonic()
        positions = {record.ticket: record for record in self._adapter.position_book.records()}
        orders = self._read_orders()
        announced = self._adapter.settlements.take()  # only now: a terminal that could not be read would lose them
        placed = [order for ticket, order in orders.items() if ticket not in self._orders]
        self._vanished.update({t: order for t, order in self._orders.items() if t not in orders})
        is_changed = balance_moved or announced or placed or self._vanished or _differ(positions, self._positions)
        if is_changed:
            self._look_until = now + _LOOK_ON_SECONDS
        is_sweep = now >= self._next_sweep
        deals: list[Any] = []
        if is_sweep or now <= self._look_until:
            deals = self._deals.new(is_wide=is_sweep)
            if is_sweep:
                self._next_sweep = now + _SWEEP_SECONDS
        events: list[TerminalEvent] = [*announced]
        events += [
            _placed(order) for order in placed if not self._adapter.settlements.is_announced_as_placed(order.ticket)
        ]
        events += self._filled(deals, positions)
        events += self._ended()
        events += self._moved(positions, deals, now)
        self._positions, self._orders = positions, orders
        return events

    def _read_orders(self) -> dict[int, Any]:
        connection = self._adapter.connection
        return {order.ticket: order for order in connection.rows(connection.module.orders_get(), "orders_get")}

    def _filled(self, deals: list[Any], positions: dict[int, Any]) -> list[OrderSettled]:
        """One outcome for each order that new deals belong to, unless it was announced when it was placed."""
        by_order: dict[int, list[Any]] = {}
        for deal in deals:
            if deal.order and deal.type <= DEAL_SELL:
                by_order.setdefault(deal.order, []).append(deal)
        settled: list[OrderSettled] = []
        for ticket, group in by_order.items():
            order = self._vanished.pop(ticket, None)
            if self._adapter.settlements.is_announced_as_filled(ticket):
                continue
            order = order or self._orders.get(ticket) or self._past_order(ticket)
            settled.append(self._filling(ticket, group, order, positions))
            self._adapter.settlements.told(ticket)
        return settled

    def _filling(self, ticket: int, group: list[Any], order: Any, positions: dict[int, Any]) -> OrderSettled:
        first = group[0]
        legs = group[:1] if first.entry == DEAL_ENTRY_OUT_BY else group  # close-by: its second leg mirrors the first
        volume = shapes.volume(sum(leg.volume for leg in legs))
        price = sum(leg.price * leg.volume for leg in legs) / volume if volume else first.price
        position = next((t for t, p in positions.items() if p.identifier == first.position_id), first.position_id)
        result = OrderResult(
            ticket=position,
            success=True,
            retcode=retcodes.DONE,
            price=round(price, self._adapter.symbol_book.digits(first.symbol)),
            volume=volume,
            order=ticket,
            deal=legs[-1].ticket,
        )
        kind = shapes.type_of_order(order.type if order is not None else first.type, first.reason)
        return OrderSettled(result, first.symbol, shapes.side_of_order(first.type), kind)

    def _ended(self) -> list[OrderSettled]:
        """Outcomes of pending orders that left the book without a deal, once their history says why."""
        settled: list[OrderSettled] = []
        for ticket in list(self._vanished):
            past = self._past_order(ticket)
            if past is None:
                continue
            del self._vanished[ticket]
            if past.state in _VANISHED:
                retcode, error = _VANISHED[past.state]
                result = OrderResult(ticket=ticket, success=False, retcode=retcode, error=error, order=ticket)
                settled.append(_outcome(result, past))
        return settled

    def _past_order(self, ticket: int) -> Any:
        connection = self._adapter.connection
        found = connection.rows(connection.module.history_orders_get(ticket=ticket), "history_orders_get")
        return found[0] if found else None

    def _moved(self, positions: dict[int, Any], deals: list[Any], now: float) -> list[PositionChanged]:
        moved: list[PositionChanged] = []
        for ticket, record in positions.items():
            known = self._positions.get(ticket)
            if known is None:
                moved.append(self._tell(record, "opened", now))
            elif _terms(known) != _terms(record) or (
                now - self._told_at[ticket] >= self._interval and self._has_new_value(record)
            ):
                moved.append(self._tell(record, "changed", now))
        for ticket in self._positions.keys() - positions.keys():
            self._told_at.pop(ticket, None)
            self._adapter.position_book.forget(ticket)
            last = self._told.pop(ticket)
            moved.append(PositionChanged(self._closed(last, self._positions[ticket].identifier, deals), "closed"))
        return moved

    def _tell(self, record: Any, change: Any, now: float) -> PositionChanged:
        position = self._adapter.position_book.shape(record)
        self._told[record.ticket] = position
        self._told_at[record.ticket] = now
        return PositionChanged(position, change)

    def _has_new_value(self, record: Any) -> bool:
        return self._adapter.position_book.shape(record) != self._told[record.ticket]

    def _closed(self, last: Position, identifier: int, deals: list[Any]) -> Position:
        """The position as it ended: with the price and profit of its last deal where that is there already."""
        exits = [deal for deal in deals if deal.position_id == identifier and deal.entry != DEAL_ENTRY_IN]
        if not exits:
            return replace(last, volume=0.0)
        digits = self._adapter.symbol_book.digits(last.symbol)
        money_digits = self._adapter.position_book.money_digits
        return replace(
            last,
            volume=0.0,
            current_price=round(exits[-1].price, digits),
            profit=round(exits[-1].profit, money_digits),
            swap=round(exits[-1].swap, money_digits),
        )


def _terms(record: Any) -> tuple[float, float, float, float]:
    return (record.volume, record.sl, record.tp, record.price_open)


def _differ(now: dict[int, Any], before: dict[int, Any]) -> bool:
    if now.keys() != before.keys():
        return True
    return any(record.volume != before[ticket].volume for ticket, record in now.items())


def _placed(order: Any) -> OrderSettled:
    result = OrderResult(
        ticket=order.ticket,
        success=True,
        retcode=retcodes.DONE,
        price=order.price_open,
        volume=shapes.volume(order.volume_initial),
        order=order.ticket,
    )
    return _outcome(result, order)


def _outcome(result: OrderResult, order: Any) -> OrderSettled:
    return OrderSettled(
        result, order.symbol, shapes.side_of_order(order.type), shapes.type_of_order(order.type, order.reason)
    )
