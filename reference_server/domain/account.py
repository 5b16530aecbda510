"""An MT5 account on the gateway: its seven states, the legal moves between them, and what MT5 says of its money."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import msgspec


class AccountState(StrEnum):
    """Source: Tonpo docs, "Account Lifecycle"."""

    CREATED = "created"
    CONNECTING = "connecting"
    ACTIVE = "active"
    DISCONNECTED = "disconnected"
    RECONNECTING = "reconnecting"
    LOGIN_FAILED = "login_failed"
    DELETED = "deleted"


_S = AccountState
LEGAL_MOVES: dict[AccountState, frozenset[AccountState]] = {
    _S.CREATED: frozenset({_S.CONNECTING, _S.DELETED}),
    _S.CONNECTING: frozenset({_S.ACTIVE, _S.LOGIN_FAILED, _S.DISCONNECTED, _S.DELETED}),
    _S.ACTIVE: frozenset({_S.DISCONNECTED, _S.DELETED}),
    _S.DISCONNECTED: frozenset({_S.RECONNECTING, _S.DELETED}),
    _S.RECONNECTING: frozenset({_S.ACTIVE, _S.DISCONNECTED, _S.LOGIN_FAILED, _S.DELETED}),
    _S.LOGIN_FAILED: frozenset({_S.DELETED}),
    _S.DELETED: frozenset(),
}
"""Assumption: the docs name the states and not the moves; these follow from their descriptions."""


class IllegalMove(ValueError):
    """An account was asked to make a move that its lifecycle does not have; a defect of the caller."""


@dataclass(frozen=True, slots=True)
class Account:
    """A provisioned account. `paused` blocks new orders and leaves the state alone. Times in ms, UTC."""

    account_id: str
    user_id: str
    state: AccountState
    created_at_ms: int
    paused: bool = False
    region: str | None = None
    last_error: str | None = None
    mt5_server: str = ""
    """The broker's server: not a secret, stays readable after the credentials are erased."""

    def moved_to(self, state: AccountState, *, last_error: str | None = None) -> Account:
        """Return the account in its new state. Raises IllegalMove."""
        if state not in LEGAL_MOVES[self.state]:
            raise IllegalMove(f"{self.account_id}: {self.state} -> {state}")
        return replace(self, state=state, last_error=last_error)

    @property
    def counts(self) -> bool:
        """Whether the account counts for selection and for the plan's number of accounts."""
        return self.state not in (AccountState.DELETED, AccountState.LOGIN_FAILED)


@dataclass(frozen=True, slots=True)
class Mt5Credentials:
    """What the terminal needs to log in. `repr` never shows the password."""

    login: str
    password: str
    server: str

    def __repr__(self) -> str:
        return f"Mt5Credentials(login=…, password=…, server={self.server!r})"


class AccountInfo(msgspec.Struct, frozen=True):
    """Live account figures, money in `currency`; `margin_level` is MT5's percentage, 0 without margin."""

    login: int
    name: str
    server: str
    currency: str
    leverage: int
    balance: float
    credit: float
    equity: float
    profit: float
    margin: float
    free_margin: float
    margin_level: float
    margin_mode: str
    """hedging, netting or exchange"""
    trade_mode: str
    """demo, contest or real"""
    trade_allowed: bool
