"""New deals of the account, each seen once.

Deals may show up a little after what they caused, so each look overlaps the one before. How many there are is asked
first: that is one number, and in most looks it is the same as before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from reference_server.terminals.adapter.adapter import MetaTraderAdapter

_DAY_SECONDS: Final = 86_400
_OVERLAP_SECONDS: Final = 1
_WIDE_OVERLAP_SECONDS: Final = 60
_KEPT: Final = 100_000
"""Deal tickets remembered: more than any account makes within the overlap."""


class Deals:
    """The account's history of deals from the first look on."""

    def __init__(self, adapter: MetaTraderAdapter) -> None:
        self._adapter = adapter
        self._seen: set[int] = set()
        self._in_order: deque[int] = deque()
        self._newest = 0
        self._counted: tuple[int, int] | None = None

    def begin(self) -> None:
        """Take all that is there as seen."""
        self._newest = self._server_seconds() - 2 * _DAY_SECONDS
        self.note(self.look(is_wide=True))

    def look(self, *, is_wide: bool) -> list[Any]:
        """Give the deals not seen before, oldest first. `is_wide` looks further back, for the tardy ones."""
        since = self._newest - (_WIDE_OVERLAP_SECONDS if is_wide else _OVERLAP_SECONDS)
        until = max(self._newest, self._server_seconds()) + _DAY_SECONDS
        connection = self._adapter.connection
        total = connection.module.history_deals_total(since, until)
        if total is not None and self._counted == (since, total):
            return []
        records = connection.rows(connection.module.history_deals_get(since, until), "history_deals_get")
        self._counted = (since, len(records))
        return [record for record in records if record.ticket not in self._seen]

    def note(self, deals: Sequence[Any]) -> None:
        """Take these as seen."""
        for deal in deals:
            self._seen.add(deal.ticket)
            self._in_order.append(deal.ticket)
            self._newest = max(self._newest, deal.time)
        while len(self._in_order) > _KEPT:
            self._seen.discard(self._in_order.popleft())

    def forget_count(self) -> None:
        """Read again at the next look: what was read was not made use of."""
        self._counted = None

    def _server_seconds(self) -> int:
        return self._adapter.broker_clock.to_server_ms(self._adapter.clock.now_ms()) // 1000
