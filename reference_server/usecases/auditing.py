"""Where a request comes from, and the entries of the audit log that are made of it."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

import msgspec

from reference_server.domain.account import Account, AccountState
from reference_server.domain.audit import GATEWAY, AuditAction, AuditEntry
from reference_server.usecases.ports import Clock


class Origin(msgspec.Struct, frozen=True):
    """The request that is being served: its id and its client's address. Neither outside of one."""

    request_id: str | None = None
    address: str | None = None


_NOWHERE: Final = Origin()

ORIGIN: Final[ContextVar[Origin]] = ContextVar("origin", default=_NOWHERE)
"""Set by the edge for each request and socket, in its own context."""


class Auditor:
    """Makes entries: what happened, with the time and the origin of the request."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def entry(self, action: AuditAction, *, actor: str, subject: str, detail: str = "") -> AuditEntry:
        """Return an entry for what is about to be stored. `detail` must hold no secret."""
        origin = ORIGIN.get()
        return AuditEntry(self._clock.now_ms(), actor, action, subject, origin.request_id, origin.address, detail)

    def account_created(self, account: Account) -> AuditEntry:
        """Return the entry for a new account."""
        detail = f"server {account.mt5_server}"
        return self.entry(AuditAction.ACCOUNT_CREATED, actor=account.user_id, subject=account.account_id, detail=detail)

    def account_changed(self, before: Account, after: Account) -> AuditEntry | None:
        """Return the entry for a change that somebody may ask about later; connections come and go without one."""
        if after.state is AccountState.LOGIN_FAILED and before.state is not AccountState.LOGIN_FAILED:
            # of the broker's doing, whoever's request began the supervision
            return AuditEntry(
                self._clock.now_ms(), GATEWAY, AuditAction.LOGIN_FAILED, after.account_id, detail=after.last_error or ""
            )
        if after.state is AccountState.DELETED:
            action = AuditAction.ACCOUNT_DELETED
        elif after.paused is not before.paused:
            action = AuditAction.ACCOUNT_PAUSED if after.paused else AuditAction.ACCOUNT_RESUMED
        else:
            return None
        return self.entry(action, actor=after.user_id, subject=after.account_id)
