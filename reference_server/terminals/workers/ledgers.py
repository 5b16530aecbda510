"""The lost trades of all accounts of a provider: they outlive the terminals that lost them."""

from __future__ import annotations

from weakref import WeakValueDictionary

from reference_server.domain.account import Mt5Credentials
from reference_server.terminals.workers.unsettled import Reconciling, Unsettled
from reference_server.usecases.ports import Clock


class Ledgers:
    """One `Unsettled` for each account: a lost trade is looked for where it was sent and nowhere else."""

    def __init__(self, clock: Clock, times: Reconciling | None = None) -> None:
        self._clock = clock
        self._times = times
        self._of: WeakValueDictionary[tuple[str, str, str], Unsettled] = WeakValueDictionary()

    def of(self, account_id: str, credentials: Mt5Credentials) -> Unsettled:
        """Give an account's lost trades, the same for each of its terminals.

        They live as long as a terminal of the account, also one that is only being opened, or a search.
        """
        key = (account_id, credentials.server.casefold(), credentials.login)
        unsettled = self._of.get(key)
        if unsettled is None:
            unsettled = self._of[key] = Unsettled(self._clock, self._times)
        return unsettled

    async def close(self) -> None:
        """Look no further; who still waits is told that the outcome is unknown."""
        for unsettled in list(self._of.values()):
            await unsettled.close()
        self._of.clear()
