"""Terminals that a person can use as well: before anything is read or sent, the account is compared with its own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from reference_server.domain.account import Mt5Credentials
from reference_server.domain.errors import TerminalUnavailable
from reference_server.domain.events import ConnectionChanged, TerminalEvent
from reference_server.domain.trading import OrderResult
from reference_server.terminals.adapter.adapter import MetaTraderAdapter
from reference_server.terminals.workers.inline import InlineTerminal
from reference_server.terminals.workers.intents import Intent
from reference_server.usecases.ports import Listener

_DETAIL = "The terminal was logged in to another account from outside."


class GuardedTerminal(InlineTerminal):
    """A terminal of one account that refuses to work once it answers for another: it must be opened anew."""

    def __init__(
        self,
        adapter: MetaTraderAdapter,
        listener: Listener,
        credentials: Mt5Credentials,
        *,
        poll_interval_seconds: float,
    ) -> None:
        self._login = int(credentials.login)
        self._server = credentials.server.casefold()
        self._is_foreign = self._is_told = False
        super().__init__(adapter, listener, poll_interval_seconds=poll_interval_seconds)

    def verify(self) -> None:
        """Make sure that it is the right account that answers. Raises TerminalUnavailable: nothing was done."""
        connection = self._adapter.connection
        account = connection.answer(connection.module.account_info(), "account_info")
        if account.login != self._login or account.server.casefold() != self._server:
            self._is_foreign = True
        if self._is_foreign:
            raise TerminalUnavailable(f"{_DETAIL} Nothing was done.")

    def perform(self, intent: Intent, on_send: Callable[[], None] | None = None) -> OrderResult:
        """Send a trade once; the account is looked at immediately before each request leaves."""

        def leaving() -> None:
            self.verify()
            if on_send is not None:
                on_send()

        self.verify()
        return super().perform(intent, leaving)

    def look(self, intent: Intent) -> OrderResult | None:
        """Look once for a trade whose answer was lost, in the right account."""
        self.verify()
        return super().look(intent)

    def _events(self) -> list[TerminalEvent]:
        if self._is_told:
            return []
        with suppress(TerminalUnavailable):  # a dead terminal is told by the poller
            self.verify()
        self._is_told = self._is_foreign
        if self._is_foreign:
            return [ConnectionChanged(connected=False, alive=False, detail=_DETAIL)]
        return super()._events()
