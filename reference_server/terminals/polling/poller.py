"""One poller for each account: everything that the terminal would say if it could speak first.

Its cost grows with the symbols watched and not with who listens.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from reference_server.domain.account import AccountInfo
from reference_server.domain.errors import TerminalUnavailable
from reference_server.domain.events import AccountChanged, TerminalEvent
from reference_server.domain.market import Timeframe
from reference_server.terminals.adapter.adapter import MetaTraderAdapter
from reference_server.terminals.adapter.connection import NothingFound
from reference_server.terminals.polling.book import BookFollower
from reference_server.terminals.polling.candles import CandleFollower
from reference_server.terminals.polling.clockwork import ClockFollower
from reference_server.terminals.polling.connection import ConnectionFollower
from reference_server.terminals.polling.ticks import TickFollower

_EQUITY_INTERVAL_SECONDS: Final = 1.0


class Poller:
    """Asks one terminal and tells what changed. Synchronous; nothing is told twice."""

    def __init__(self, adapter: MetaTraderAdapter, *, position_interval_seconds: float = 1.0) -> None:
        self._adapter = adapter
        self._connection = ConnectionFollower(adapter)
        self._clockwork = ClockFollower(adapter)
        self._ticks = TickFollower(adapter)
        self._candles = CandleFollower(adapter, self._ticks.newest_ms)
        self._book = BookFollower(adapter, position_interval_seconds=position_interval_seconds)
        self._account: AccountInfo | None = None
        self._account_told_at = 0.0
        self._watched: tuple[Collection[str], Collection[tuple[str, Timeframe]]] = ((), ())

    @property
    def is_idle(self) -> bool:
        """Whether nothing is watched and nothing is in the book, so that seldom polls suffice."""
        return not any(self._watched) and self._book.is_empty

    def begin(self) -> None:
        """Take everything as it stands as known. Raises TerminalUnavailable."""
        self._account = self._adapter.account_info()
        self._book.begin()

    def watch(self, symbols: Collection[str], candles: Collection[tuple[str, Timeframe]]) -> None:
        """Replace what market data is told. Raises SymbolNotFound, TerminalUnavailable."""
        self._watched = (symbols, candles)
        self._ticks.watch({*symbols})
        self._candles.watch(candles)

    def poll(self) -> list[TerminalEvent]:
        """Give what happened since the last call, in order. A dead terminal is an event and no exception."""
        events: list[TerminalEvent] = []
        try:
            events += self._connection.poll()
            if self._connection.alive:
                self._clockwork.poll()
                events += self._ticks.poll()
                account = self._adapter.account_info()
                changes = self._book.poll(balance_moved=self._has_balance_moved(account))
                events += changes
                self._tell_account(account, events, has_book_changed=bool(changes))
                events += self._candles.poll()
        except NothingFound:
            pass  # the terminal lives and has no answer at this moment: the next poll asks again
        except TerminalUnavailable as lost:
            gone = self._connection.gone(lost.message)
            if gone:
                events += self._adapter.settlements.take()  # their answers are known; nobody asks this terminal again
                events += gone
        return events

    def _has_balance_moved(self, account: AccountInfo) -> bool:
        return self._account is not None and self._account.balance != account.balance

    def _tell_account(self, account: AccountInfo, events: list[TerminalEvent], *, has_book_changed: bool) -> None:
        """Tell balance and credit at once, and margin with a change of the book; equity at most once a second.

        Margin alone may move with every tick, since it is converted at the present rate.
        """
        known = self._account
        if known == account:
            return
        now = self._adapter.clock.monotonic()
        is_urgent = (
            known is None
            or (known.balance, known.credit, known.trade_allowed)
            != (account.balance, account.credit, account.trade_allowed)
            or (has_book_changed and known.margin != account.margin)
        )
        if is_urgent or now - self._account_told_at >= _EQUITY_INTERVAL_SECONDS:
            self._account = account
            self._account_told_at = now
            events.append(AccountChanged(account))
