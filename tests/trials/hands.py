"""What somebody does at the terminal, past the gateway: each method is one move, as in `tests/trials/steps.py`."""

from __future__ import annotations

from typing import Any

from tests.trials.choices import Choices
from tests.trials.model import CLOSE_BY, MODIFY, PENDING, REMOVE, SLTP
from tests.trials.trial import Trial

BUY, SELL = 0, 1
KINDS = {"limit": 2, "stop": 4, "stopLimit": 6}
"""MT5's number of the buying order; the selling one follows."""
ABOVE = (3, 4, 6)
"""Orders that wait above the market."""
NEARER_PIPS = 4
"""How much nearer to the market than its first price the second price of a stop-limit order is."""


class Hands:
    """The moves by hand of one trial."""

    def __init__(self, trial: Trial, choices: Choices) -> None:
        self._trial = trial
        self._choices = choices

    def trade_by_hand(self, which: int, side: str, volume: float, symbol: str, mimics: bool) -> None:
        """Buy or sell. `mimics`: as a request asks for of which nobody knows what became, its comment included."""
        account = self._choices.account(which)
        request: dict[str, Any] = {"symbol": symbol, "type": SELL if side == "sell" else BUY, "volume": volume}
        lost = [one for one in self._trial.world.orders_of(account) if one.may_be_executed and not one.is_pending]
        if mimics and lost:
            body = lost[-1].body or {}
            request = {
                "symbol": body["symbol"], "type": SELL if body["side"] == "sell" else BUY, "volume": body["volume"],
                "comment": lost[-1].name,
            }  # fmt: skip
        self._trial.by_hand(account, **request)

    def close_by_hand(self, which: int, volume: float | None) -> None:
        """Close an open position, or a part of it."""
        account, position = self._choices.open_one(which, "positions")
        if position is not None:
            self._trial.by_hand(
                account, position=position["ticket"], symbol=position["symbol"], type=1 - position["type"],
                volume=min(volume or position["volume"], position["volume"]),
            )  # fmt: skip

    def close_opposites_by_hand(self, which: int, volume: float) -> None:
        """Close two positions against each other; where there are none that face each other, open them."""
        found = self._choices.opposites(which)
        if found is None:
            hedging = [account for account in self._trial.world.usable() if not account.is_netting]
            if not hedging:
                return
            account = hedging[which % len(hedging)]
            for kind, lots in ((BUY, 0.1), (SELL, volume)):
                self._trial.by_hand(account, symbol="EURUSD", type=kind, volume=lots)
            found = self._choices.opposites(which)
        if found is not None:
            account, one, other = found
            self._trial.by_hand(account, action=CLOSE_BY, position=one["ticket"], position_by=other["ticket"])

    def change_levels_by_hand(self, which: int, down: int, up: int, removes: bool) -> None:
        """New stops for an open position."""
        account, position = self._choices.open_one(which, "positions")
        if position is not None:
            levels = self._choices.levels(position["type"] == BUY, down, up, removes)
            ticket = position["ticket"]
            self._trial.by_hand(
                account, ticket=ticket, action=SLTP, position=ticket, symbol=position["symbol"], **levels
            )

    def pending_by_hand(self, which: int, kind: str, side: str, distance: int, symbol: str) -> None:
        """An order that waits for its price."""
        number = KINDS[kind] + (side == "sell")
        direction = 1 if number in ABOVE else -1
        request: dict[str, Any] = {"price": self._choices.away(direction * distance)}
        if kind == "stopLimit":
            request["stoplimit"] = self._choices.away(direction * (distance - NEARER_PIPS))
        self._trial.by_hand(
            self._choices.account(which), action=PENDING, symbol=symbol, type=number, volume=0.1, **request
        )

    def move_pending_by_hand(self, which: int, distance: int) -> None:
        """A new price for a pending order."""
        account, order = self._choices.open_one(which, "orders")
        if order is not None:
            direction = 1 if order["type"] in ABOVE else -1
            ticket = order["ticket"]
            self._trial.by_hand(
                account, ticket=ticket, action=MODIFY, order=ticket, price=self._choices.away(direction * distance),
                stoplimit=order["price_stoplimit"], sl=order["sl"], tp=order["tp"],
            )  # fmt: skip

    def cancel_by_hand(self, which: int) -> None:
        """Withdraw a pending order."""
        account, order = self._choices.open_one(which, "orders")
        if order is not None:
            ticket = order["ticket"]
            self._trial.by_hand(account, ticket=ticket, action=REMOVE, order=ticket)
