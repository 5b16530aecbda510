"""Terminals as the gateway runs them, watched: how trades end is measured and logged, and how accounts move.

What stands in the log names account, ticket, retcode and request, and never a comment, a key or a price that was asked
for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, cast

from reference_server.domain.account import Account, Mt5Credentials
from reference_server.domain.errors import GatewayError, OutcomeUnknown
from reference_server.domain.events import TerminalEvent
from reference_server.domain.trading import (
    NewOrder,
    OrderChange,
    OrderResult,
    PositionChange,
    TradeMark,
    TradeRequest,
)
from reference_server.usecases.measures import Measures, TradeOutcome
from reference_server.usecases.ports import Clock, Listener, Terminal, Terminals

_log = logging.getLogger("tonpo.trades")
_accounts_log = logging.getLogger("tonpo.accounts")

Tell = Callable[[Mapping[str, object]], None]
"""Told what to log of each trade whose outcome is known, on the event loop; None logs only those that are not."""

_Trade = Coroutine[Any, Any, OrderResult]


class ObservedTerminals:
    """Implements Terminals over others."""

    def __init__(self, terminals: Terminals, measures: Measures, clock: Clock, tell: Tell | None = None) -> None:
        self._terminals = terminals
        self._measures = measures
        self._clock = clock
        self._tell = tell
        self._opened: set[str] = set()

    async def open(self, account_id: str, credentials: Mt5Credentials, listener: Listener) -> Terminal:
        """Start a terminal and log in. Raises LoginRefused, BrokerUnreachable."""
        arrived = self._measures.event_arrived

        def listen(event: TerminalEvent) -> None:
            arrived(type(event).__name__)
            listener(event)

        terminal = await self._terminals.open(account_id, credentials, listen)
        self._measures.terminal_opened(again=account_id in self._opened)
        self._opened.add(account_id)
        return cast(Terminal, ObservedTerminal(account_id, terminal, self._measures, self._clock, self._tell))

    async def close(self) -> None:
        """Close the terminals beneath."""
        await self._terminals.close()


class ObservedTerminal:
    """One terminal: its trades are watched, everything else is the terminal's own."""

    def __init__(
        self, account_id: str, terminal: Terminal, measures: Measures, clock: Clock, tell: Tell | None
    ) -> None:
        self._account_id = account_id
        self._terminal = terminal
        self._measures = measures
        self._clock = clock
        self._tell = tell

    def __getattr__(self, name: str) -> Any:
        return getattr(self._terminal, name)

    async def place_order(self, order: NewOrder, mark: TradeMark | None = None) -> OrderResult:
        """Send an order."""
        return await self._watched("place", self._terminal.place_order(order, *_given(mark)))

    async def close_position(self, ticket: int, volume: float | None, mark: TradeMark | None = None) -> OrderResult:
        """Close a position."""
        return await self._watched("close", self._terminal.close_position(ticket, volume, *_given(mark)), ticket)

    async def modify_position(self, change: PositionChange, mark: TradeMark | None = None) -> OrderResult:
        """Set a position's stop levels."""
        return await self._watched("modify", self._terminal.modify_position(change, *_given(mark)), change.ticket)

    async def modify_order(self, change: OrderChange, mark: TradeMark | None = None) -> OrderResult:
        """Change a pending order."""
        return await self._watched("modify", self._terminal.modify_order(change, *_given(mark)), change.ticket)

    async def cancel_order(self, ticket: int, mark: TradeMark | None = None) -> OrderResult:
        """Cancel a pending order."""
        return await self._watched("cancel", self._terminal.cancel_order(ticket, *_given(mark)), ticket)

    async def reconcile(self, request: TradeRequest, mark: TradeMark) -> OrderResult | None:
        """Look for a trade whose answer was lost."""
        self._measures.reconciliation_began()
        try:
            found = await self._terminal.reconcile(request, mark)
        finally:
            self._measures.reconciliation_ended()
        what = {"account_id": self._account_id, "found": found is not None}
        if found is not None:
            what |= {"ticket": found.ticket, "retcode": found.retcode}
        _log.info("trade_reconciled", extra=what)
        return found

    async def _watched(self, kind: str, trade: _Trade, ticket: int | None = None) -> OrderResult:
        began = self._clock.monotonic()
        retcode: int | None = None
        outcome, reason = TradeOutcome.UNKNOWN, ""
        try:
            result = await trade
            outcome = TradeOutcome.ACCEPTED if result.success else TradeOutcome.REFUSED
            ticket, retcode = result.ticket or ticket, result.retcode
            return result
        except OutcomeUnknown as unknown:
            reason = unknown.reason
            raise
        except GatewayError as refused:
            outcome, reason = TradeOutcome.NOT_SENT, refused.reason
            raise
        finally:  # a defect, or a caller who was cut off: it may have left
            seconds = self._clock.monotonic() - began
            self._measures.trade_ended(kind, outcome, seconds)
            if outcome is TradeOutcome.UNKNOWN or self._tell is not None:
                what: dict[str, object] = {"account_id": self._account_id, "kind": kind, "outcome": str(outcome)}
                what |= {"ticket": ticket, "retcode": retcode, "duration_ms": round(seconds * 1000, 2)}
                if reason:
                    what["reason"] = reason
                if self._tell is None or outcome is TradeOutcome.UNKNOWN:
                    _log.warning("trade", extra=what)
                else:
                    self._tell(what)


def _given(mark: TradeMark | None) -> tuple[TradeMark, ...]:
    return () if mark is None else (mark,)


class AccountLog:
    """A listener of the account book that logs each change of state or pause."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[str, bool]] = {}

    def __call__(self, account: Account) -> None:
        """Note one stored change."""
        now = (str(account.state), account.paused)
        before = self._last.get(account.account_id)
        if before == now:
            return
        if account.counts:
            self._last[account.account_id] = now
        else:
            self._last.pop(account.account_id, None)
        what: dict[str, object] = {"account_id": account.account_id, "state": now[0], "paused": account.paused}
        if before is not None:
            what["before"] = before[0]
        if account.last_error is not None:
            what["error"] = account.last_error
        _accounts_log.info("account_state", extra=what)
