"""What moves choose among: accounts, positions and orders that there are now, and prices around the market's."""

from __future__ import annotations

from typing import Any

from tests.trials.model import Account, Sent
from tests.trials.trial import Trial

PIP = 0.0001
MID = 1.0855

Found = tuple[Account, dict[str, Any] | None]


class Choices:
    """A number chosen outside picks one of what there is."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._world = trial.world
        self.mid = MID

    def account(self, which: int) -> Account:
        """An account that is not deleted."""
        usable = self._world.usable()
        return usable[which % len(usable)]

    def open_one(self, which: int, what: str) -> Found:
        """One of the open `positions` or `orders` of usable accounts, from the broker's own books; or an account."""
        shown = self._trial.broker.accounts()
        found = [
            (account, one)
            for account in self._world.usable()
            if account.login in shown
            for one in shown[account.login][what]
        ]
        return found[which % len(found)] if found else (self.account(which), None)

    def opposites(self, which: int) -> tuple[Account, dict[str, Any], dict[str, Any]] | None:
        """Two positions of one account in one symbol that face each other."""
        shown = self._trial.broker.accounts()
        found = [
            (account, one, other)
            for account in self._world.usable()
            if account.login in shown and not account.is_netting
            for one in shown[account.login]["positions"]
            for other in shown[account.login]["positions"]
            if one["symbol"] == other["symbol"] and one["type"] != other["type"]
        ]
        return found[which % len(found)] if found else None

    def keyed(self, which: int, *, is_undecided: bool = False) -> Sent | None:
        """A request with a key; `is_undecided`: one of which it is not known whether it was executed."""
        found = [
            one
            for one in self._world.sent
            if one.key is not None and one.answers and not one.account.deleted
            if one.may_be_executed or not is_undecided
        ]
        return found[which % len(found)] if found else None

    def away(self, pips: int) -> float:
        """A price so far from the market's."""
        return round(self.mid + pips * PIP, 5)

    def levels(self, is_buy: bool, down: int, up: int, removes: bool) -> dict[str, float]:
        """Stop levels for a position; `removes`: it has no take profit."""
        low, high = self.away(-down), self.away(up)
        sl, tp = (low, high) if is_buy else (high, low)
        return {"sl": sl, "tp": 0.0 if removes else tp}
