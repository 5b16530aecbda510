"""New deals of the account, each seen once.

Deals may show up a little after what they caused, so each look overlaps the one before. How many there are is asked
first: that is one number, and in most looks it is the same as before, or greater by the deals of the trades that were
made here meanwhile, which are read by their tickets. A busy account costs no more than it has news.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from reference_server.terminals.adapter.adapter import MetaTraderAdapter

_DAY_SECONDS: Final = 86_400
_OVERLAP_SECONDS: Final = 1
_WIDE_OVERLAP_SECONDS: Final = 60
_KEPT_SECONDS: Final = 2 * _WIDE_OVERLAP_SECONDS
"""How far back from the newest deal tickets are remembered."""
_FEW: Final = 64
"""More than this many deals are not read one by one."""


class Deals:
    """The account's history of deals from the first look on."""

    def __init__(self, adapter: MetaTraderAdapter) -> None:
        self._adapter = adapter
        self._seen: set[int] = set()
        self._in_order: deque[tuple[int, int]] = deque()
        self._newest = 0
        self._counted: tuple[int, int] | None = None
        self._can_read_own = True

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
        own = [ticket for ticket in self._adapter.settlements.waiting_deals if ticket not in self._seen]
        if total is not None and self._counted == (since, total - len(own)):
            found = self._own(own)
            if found is not None:
                self._counted = (since, total)
                return found
        records = connection.rows(connection.module.history_deals_get(since, until), "history_deals_get")
        self._counted = (since, len(records))
        return [record for record in records if record.ticket not in self._seen]

    def _own(self, tickets: list[int]) -> list[Any] | None:
        """Read deals of trades that were made here; None where there are many, or they are not found by their tickets.

        The documentation wants the ticket of an order in this call, most brokers that of a deal.
        """
        if not tickets:
            return []
        if len(tickets) > _FEW or not self._can_read_own:
            return None
        connection = self._adapter.connection
        found: list[Any] = []
        for ticket in tickets:
            records = connection.rows(connection.module.history_deals_get(ticket=ticket), "history_deals_get")
            found += (record for record in records if record.ticket == ticket)
        self._can_read_own = len(found) == len(tickets)
        return found if self._can_read_own else None

    def note(self, deals: Sequence[Any]) -> None:
        """Take these as seen."""
        for deal in deals:
            self._seen.add(deal.ticket)
            self._in_order.append((deal.time, deal.ticket))
            self._newest = max(self._newest, deal.time)
        while self._in_order and self._in_order[0][0] < self._newest - _KEPT_SECONDS:
            self._seen.discard(self._in_order.popleft()[1])

    def forget_count(self) -> None:
        """Read again at the next look: what was read was not made use of."""
        self._counted = None

    def _server_seconds(self) -> int:
        return self._adapter.broker_clock.to_server_ms(self._adapter.clock.now_ms()) // 1000
