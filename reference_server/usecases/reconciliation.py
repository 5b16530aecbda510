"""Requests whose answer was lost, also those of an earlier life of the gateway: looked for until it is known.

A search belongs to an account's terminal: it begins when there is one, and again with the next. What is found is noted
in the journal; what is not stays unknown, and is looked for once more by the next terminal.
"""

from __future__ import annotations

import asyncio
import logging
from weakref import WeakValueDictionary

from reference_server.domain.errors import GatewayError
from reference_server.domain.requests import TradeRecord
from reference_server.domain.trading import OrderResult
from reference_server.usecases.observation import TradeWatch
from reference_server.usecases.ports import Journal, Terminal

_log = logging.getLogger(__name__)


class Reconciler:
    """Finds out what became of open requests."""

    def __init__(self, journal: Journal, watch: TradeWatch | None = None) -> None:
        self._watch = watch or TradeWatch()
        self._journal = journal
        self._open: dict[str, dict[int, TradeRecord]] = {}
        self._searches: dict[int, asyncio.Task[None]] = {}
        self._latest: WeakValueDictionary[str, Terminal] = WeakValueDictionary()
        self._is_closed = False

    @property
    def open_requests(self) -> int:
        """How many requests have no known outcome."""
        return sum(map(len, self._open.values()))

    def begin(self) -> None:
        """Take up what an earlier process left open. Raises StorageUnavailable."""
        for record in self._journal.open_requests():
            self._open.setdefault(record.account_id, {})[record.number] = record

    def lost(self, record: TradeRecord, terminal: Terminal) -> None:
        """Look for a request whose answer has just been lost by this terminal, which may have a successor already."""
        self._open.setdefault(record.account_id, {})[record.number] = record
        self._search(record, self._latest.get(record.account_id, terminal))

    def terminal_ready(self, account_id: str, terminal: Terminal) -> None:
        """Look at this terminal for all that is open of its account."""
        self._latest[account_id] = terminal
        for record in list(self._open.get(account_id, {}).values()):
            self._search(record, terminal)

    async def close(self) -> None:
        """Look no further; what is open stays so in the journal."""
        self._is_closed = True
        searches = list(self._searches.values())
        for search in searches:
            search.cancel()
        if searches:
            await asyncio.wait(searches)

    def _search(self, record: TradeRecord, terminal: Terminal) -> None:
        if self._is_closed or record.number in self._searches:
            return
        search = asyncio.get_running_loop().create_task(self._searched(record, terminal), name="reconcile request")
        self._searches[record.number] = search

    async def _searched(self, record: TradeRecord, terminal: Terminal) -> None:
        try:
            await self._find(record, terminal)
        finally:
            del self._searches[record.number]  # at once: a terminal that is ready now begins the next

    async def _find(self, record: TradeRecord, terminal: Terminal) -> None:
        while True:
            try:
                result = await self._asked(record, terminal)
            except GatewayError as gone:
                successor = self._latest.get(record.account_id)
                if successor is None or successor is terminal:
                    _log.info("a request of %s is looked for again by its next terminal: %s", record.account_id, gone)
                    return
                terminal = successor
                continue
            except Exception:  # the edge of a task: the request stays unknown
                _log.exception("the search for a request of %s ended in a defect", record.account_id)
                return
            break
        if result is None:
            _log.warning("a request of %s left no trace at the broker and stays unknown", record.account_id)
            return
        found = record.answered(result)
        self._journal.settle(found)
        self._watch.found(found)
        of_account = self._open.get(record.account_id, {})
        of_account.pop(record.number, None)
        if not of_account:
            self._open.pop(record.account_id, None)

    async def _asked(self, record: TradeRecord, terminal: Terminal) -> OrderResult | None:
        self._watch.measures.reconciliation_began()
        try:
            return await terminal.reconcile(record.request, record.mark)
        finally:
            self._watch.measures.reconciliation_ended()
