"""The account of orders that were placed here, so that each outcome is announced once: not again by the poller."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from reference_server.domain.events import OrderSettled

_KEPT: Final = 10_000
"""Orders remembered; the poller sees an order within a few polls, so this bounds memory and forgets nothing in use."""


class Settlements:
    """Outcomes waiting to be announced, and the tickets that need no second announcement."""

    def __init__(self) -> None:
        self._waiting: list[OrderSettled] = []
        self._placed: OrderedDict[int, None] = OrderedDict()
        self._filled: OrderedDict[int, None] = OrderedDict()
        self._told: OrderedDict[int, None] = OrderedDict()

    def report(self, settled: OrderSettled, *, is_filled: bool) -> None:
        """Announce an outcome at the next poll. `is_filled`: its deals are all known, else only the placing is."""
        self._waiting.append(settled)
        ticket = settled.result.order
        if ticket:
            _keep(self._filled if is_filled else self._placed, ticket)

    def report_found(self, settled: OrderSettled, *, is_filled: bool) -> None:
        """Announce an outcome that was found afterwards, unless the poller has seen and told it already."""
        ticket = settled.result.order
        if ticket in self._told or self.is_own(ticket):
            return
        self.report(settled, is_filled=is_filled)

    def know(self, orders: Iterable[int]) -> None:
        """Learn of orders that were settled before: they are not told again, and are no other's."""
        for order in orders:
            _keep(self._filled, order)

    def told(self, order: int) -> None:
        """Note that the poller has announced something of this order."""
        _keep(self._told, order)

    def take(self) -> list[OrderSettled]:
        """Give what waits, in order, and forget it."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def is_announced_as_placed(self, order: int) -> bool:
        """Whether the placing of this order was announced."""
        return order in self._placed

    def is_announced_as_filled(self, order: int) -> bool:
        """Whether the filling of this order was announced."""
        return order in self._filled

    def is_own(self, order: int) -> bool:
        """Whether this order's outcome was reported here: it is no other's."""
        return order in self._placed or order in self._filled


def _keep(tickets: OrderedDict[int, None], ticket: int) -> None:
    tickets[ticket] = None
    if len(tickets) > _KEPT:
        tickets.popitem(last=False)
