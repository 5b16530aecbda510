"""What is measured and logged of terminals, of trading requests, and of how accounts move.

What stands in the log names account, ticket, retcode and request, and never a comment, a key or a price that was asked
for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from reference_server.domain.account import Account, Mt5Credentials
from reference_server.domain.events import TerminalEvent
from reference_server.domain.requests import Outcome, TradeRecord
from reference_server.usecases.measures import Measures, NoMeasures
from reference_server.usecases.ports import Listener, Terminal, Terminals

_log = logging.getLogger("tonpo.trades")
_accounts_log = logging.getLogger("tonpo.accounts")

Tell = Callable[[Mapping[str, object]], None]
"""Told what to log of each trade whose outcome is known, on the event loop; None logs only those that are not."""


class ObservedTerminals:
    """Implements Terminals over others, and counts what they do by themselves."""

    def __init__(self, terminals: Terminals, measures: Measures) -> None:
        self._terminals = terminals
        self._measures = measures
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
        return terminal

    async def close(self) -> None:
        """Close the terminals beneath."""
        await self._terminals.close()


class TradeWatch:
    """Measures and logs how trading requests end."""

    def __init__(self, measures: Measures | None = None, tell: Tell | None = None) -> None:
        self.measures = measures or NoMeasures()
        self._tell = tell

    def ended(self, record: TradeRecord, seconds: float, reason: str = "") -> None:
        """Note what became of a request, after so many seconds at its terminal. `reason`: of one that was not sent."""
        self.measures.trade_ended(record.operation, record.outcome, seconds)
        is_unknown = record.outcome is Outcome.UNKNOWN
        if self._tell is None and not is_unknown:
            return
        what: dict[str, object] = {
            "account_id": record.account_id,
            "operation": record.operation,
            "outcome": record.outcome.value,
            "duration_ms": int(seconds * 100_000 + 0.5) / 100,
        }
        if record.result is not None:
            what |= {"ticket": record.result.ticket, "retcode": record.result.retcode}
        if reason:
            what["reason"] = reason
        if is_unknown or self._tell is None:
            _log.warning("trade", extra=what)
        else:
            self._tell(what)

    def found(self, record: TradeRecord) -> None:
        """Note that a request whose answer was lost was found."""
        what: dict[str, object] = {
            "account_id": record.account_id,
            "operation": record.operation,
            "outcome": record.outcome.value,
        }
        if record.result is not None:
            what |= {"ticket": record.result.ticket, "retcode": record.result.retcode}
        _log.info("trade_reconciled", extra=what)


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
