"""The account of orders that were placed here, so that each outcome is announced once: not again by the poller."""

from __future__ import annotations

from collections import OrderedDict
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

    def report(self, settled: OrderSettled, *, is_filled: bool) -> None:
        """Announce an outcome at the next poll. `is_filled`: its deals are all known, else only the placing is."""
        self._waiting.append(settled)
        ticket = settled.result.order
        if ticket:
            kept = self._filled if is_filled else self._placed
            kept[ticket] = None
            if len(kept) > _KEPT:
                kept.popitem(last=False)

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
