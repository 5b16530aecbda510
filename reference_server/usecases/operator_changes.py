"""What an operator changes on the command line, honoured by the gateway that runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from reference_server.domain.audit import AuditAction
from reference_server.usecases.ports import Audit
from reference_server.usecases.users import UserUseCases

POLL_SECONDS: Final = 1.0
"""How long a key that was revoked outside may still be served; a look reads only what the log has gained since."""

NodeRemoved = Callable[[str], None]
"""Told the id of an account whose node was removed; must not block or raise."""

_ENDS_KEY: Final = (AuditAction.KEY_ROTATED, AuditAction.KEY_REVOKED, AuditAction.USER_DELETED)


class OperatorChanges:
    """Follows the operator's entries in the audit log: they are stored with the change itself."""

    def __init__(self, audit: Audit, users: UserUseCases, on_node_removed: NodeRemoved | None = None) -> None:
        self._audit = audit
        self._users = users
        self._on_node_removed = on_node_removed
        self._seen = 0

    async def begin(self) -> None:
        """Start at the log's end: before this nothing of any user is in memory."""
        self._seen = await self._audit.latest()

    async def look(self) -> None:
        """Honour what came since the last look: forget what is in memory, close the sockets of a key that ended.

        The log's end is read first. Entries get their sequences in the order of their commits, so that what is stored
        after that has a higher one: it is found now or by the next look, and never skipped.
        """
        end = await self._audit.latest()
        if end <= self._seen:  # nothing new; lower when all was purged
            return
        for change in await self._audit.operator_changes(self._seen):
            if change.action in _ENDS_KEY:
                self._users.key_ended(change.subject)
            elif change.action is AuditAction.PLAN_CHANGED:
                self._users.forget(change.subject)
            elif change.action is AuditAction.NODE_REMOVED and self._on_node_removed is not None:
                self._on_node_removed(change.subject)
            self._seen = change.sequence
        self._seen = max(self._seen, end)
