"""The account of orders that were placed here, so that each outcome is announced once: not again by the poller."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Final

from reference_server.domain.events import OrderSettled
from reference_server.terminals.adapter.retcodes import DONE_PARTIAL

_KEPT: Final = 10_000
"""Orders remembered; the poller sees an order within a few polls, so this bounds memory and forgets nothing in use."""
_NOISE: Final = 1e-9


class Settlements:
    """Outcomes waiting to be announced, and the tickets that need no second announcement."""

    def __init__(self) -> None:
        self._waiting: list[OrderSettled] = []
        self._placed: OrderedDict[int, None] = OrderedDict()
        self._filled: OrderedDict[int, float] = OrderedDict()
        self._told: OrderedDict[int, None] = OrderedDict()
        self._deals: OrderedDict[int, None] = OrderedDict()
        self._unfilled: dict[int, None] = {}
        self._found: dict[int, None] = {}

    @property
    def has_news(self) -> bool:
        """Whether an outcome waits to be announced."""
        return bool(self._waiting)

    @property
    def waiting_deals(self) -> list[int]:
        """Tickets of the deals whose outcome waits to be announced, as far as the broker named them."""
        return [settled.result.deal for settled in self._waiting if settled.result.deal]

    def report(self, settled: OrderSettled, *, is_filled: bool) -> None:
        """Announce an outcome at the next poll. `is_filled`: its deals are known, else only the placing is.

        Of an order that was filled in part, the deals up to the volume announced are known.
        """
        self._waiting.append(settled)
        result = settled.result
        if not result.order:
            return
        if is_filled:
            announced = result.volume if result.retcode == DONE_PARTIAL else float("inf")
            _keep(self._filled, result.order, announced)
        else:
            _keep(self._placed, result.order, None)
            self._unfilled[result.order] = None

    def report_found(self, settled: OrderSettled, *, is_filled: bool) -> None:
        """Announce an outcome that was found afterwards, unless the poller has seen and told it already."""
        ticket = settled.result.order
        if settled.result.success:
            self._found[settled.result.ticket] = None
        if ticket in self._told or self.is_own(ticket):
            return
        self.report(settled, is_filled=is_filled)

    def know(self, orders: Iterable[int]) -> None:
        """Learn of orders that were settled before: they are not told again, and are no other's."""
        for order in orders:
            _keep(self._filled, order, float("inf"))

    def told(self, order: int) -> None:
        """Note that the poller has announced something of this order."""
        _keep(self._told, order, None)

    def take(self) -> list[OrderSettled]:
        """Give what waits, in order, and forget it."""
        waiting, self._waiting = self._waiting, []
        return waiting

    @property
    def unfilled(self) -> tuple[int, ...]:
        """Orders that the broker took and had not filled when it answered: their end is awaited, also unseen."""
        return tuple(self._unfilled)

    @property
    def found(self) -> tuple[int, ...]:
        """Positions whose trade was found afterwards: one that was there before the first poll is told as opened."""
        return tuple(self._found)

    def followed(self, orders: Iterable[int], found: Iterable[int]) -> None:
        """The poller awaits the end of these orders, and has told of these positions."""
        for order in orders:
            self._unfilled.pop(order, None)
        for ticket in found:
            self._found.pop(ticket, None)

    def untold(self, order: int, deals: list[Any]) -> list[Any]:
        """The deals of an order that were not announced with it."""
        announced = self._filled.get(order)
        if announced is None:
            return deals
        news: list[Any] = []
        for deal in deals:
            if deal.ticket in self._deals:
                announced -= deal.volume
            elif deal.volume <= announced + _NOISE:
                announced -= deal.volume
                _keep(self._deals, deal.ticket, None)
            else:
                news.append(deal)
        return news

    def is_announced_as_placed(self, order: int) -> bool:
        """Whether the placing of this order was announced."""
        return order in self._placed

    def is_own(self, order: int) -> bool:
        """Whether this order's outcome was reported here: it is no other's."""
        return order in self._placed or order in self._filled


def _keep(tickets: OrderedDict[int, Any], ticket: int, value: Any) -> None:
    tickets[ticket] = value
    if len(tickets) > _KEPT:
        tickets.popitem(last=False)
