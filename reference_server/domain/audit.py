"""What the gateway writes down about keys, users and accounts: who did what, when, and from where. Never a secret."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

OPERATOR: Final = "operator"
"""The actor of what was done on the command line."""
GATEWAY: Final = "gateway"
"""The actor of what nobody asked for."""
NOBODY: Final = "unknown"
"""The actor of what was asked with a key that is nobody's."""


class AuditAction(StrEnum):
    """What can happen."""

    USER_CREATED = "user_created"
    USER_DELETED = "user_deleted"
    PLAN_CHANGED = "plan_changed"
    KEY_ROTATED = "key_rotated"
    KEY_REVOKED = "key_revoked"
    ACCOUNT_CREATED = "account_created"
    ACCOUNT_PAUSED = "account_paused"
    ACCOUNT_RESUMED = "account_resumed"
    ACCOUNT_DELETED = "account_deleted"
    NODE_ENROLLED = "node_enrolled"
    NODE_REMOVED = "node_removed"
    NODE_TOKEN_MADE = "node_token_made"  # noqa: S105 - what happened
    LOGIN_FAILED = "login_failed"
    AUTHENTICATION_FAILED = "authentication_failed"
    MASTER_KEY_ROTATED = "master_key_rotated"
    MASTER_KEY_PRUNED = "master_key_pruned"
    PEPPER_ROTATED = "pepper_rotated"
    PEPPER_PRUNED = "pepper_pruned"
    BACKUP_MADE = "backup_made"
    BACKUP_RESTORED = "backup_restored"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit log. Time in ms since the epoch, UTC.

    `actor`: a user's id, or one of the words above; `subject`: the id of a user or an account, or what was changed;
    `request_id` and `address`: of the request that asked, None where there was none.
    """

    time_ms: int
    actor: str
    action: AuditAction
    subject: str
    request_id: str | None = None
    address: str | None = None
    detail: str = ""
