"""Stored users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update

from reference_server.domain.account import AccountState
from reference_server.domain.audit import AuditEntry
from reference_server.domain.plans import PLANS, Plan
from reference_server.domain.user import User
from reference_server.storage.audit import append
from reference_server.storage.database import Database
from reference_server.storage.tables import ACCOUNTS, USERS
from reference_server.usecases.ports import MintedKey


class UserUnknown(LookupError):
    """No stored user has this id."""


class UserHasAccounts(Exception):
    """A user cannot be deleted while it has accounts that are not."""


class PlanUnknown(LookupError):
    """A stored user has a plan that this version does not have."""


@dataclass(frozen=True, slots=True)
class ListedUser:
    """A user as an operator sees it. `key_last_four` is empty when its key was revoked."""

    user: User
    key_last_four: str


class SqlUsers:
    """Implements the Users port. Every look-up asks the database; `usecases.users` keeps what is asked often."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, user: User, key: MintedKey, *, entry: AuditEntry | None = None) -> None:
        """Store a new user and the digest of the key."""
        row = {
            "user_id": user.user_id,
            "plan": user.plan.name,
            "created_at_ms": user.created_at_ms,
            "key_digest": key.digest,
            "key_last_four": key.last_four,
            "pepper_id": key.pepper_id,
        }
        async with self._database.transaction() as connection:
            await connection.execute(insert(USERS), row)
            if entry is not None:
                await append(connection, entry)

    async def by_key_digests(self, digests: Sequence[bytes]) -> User | None:
        """Return the user whose one valid key has one of these digests: a key has one under each pepper."""
        async with self._database.reading() as connection:
            row = (await connection.execute(select(USERS).where(USERS.c.key_digest.in_(digests)))).one_or_none()
        return None if row is None else _user(row)

    async def replace_key(self, user_id: str, key: MintedKey, *, entry: AuditEntry | None = None) -> None:
        """Give the user this key; the old one stops working. Raises UserUnknown."""
        values = {"key_digest": key.digest, "key_last_four": key.last_four, "pepper_id": key.pepper_id}
        await self._change(user_id, values, entry)

    async def set_plan(self, user_id: str, plan: Plan, *, entry: AuditEntry | None = None) -> None:
        """Move the user to another plan. Raises UserUnknown."""
        await self._change(user_id, {"plan": plan.name}, entry)

    async def get(self, user_id: str) -> ListedUser:
        """Return one user for an operator. Raises UserUnknown."""
        async with self._database.reading() as connection:
            row = (await connection.execute(select(USERS).where(USERS.c.user_id == user_id))).one_or_none()
        if row is None:
            raise UserUnknown(f"no user has the id {user_id}")
        return ListedUser(_user(row), row.key_last_four)

    async def delete(self, user_id: str, *, with_accounts: bool, entry: AuditEntry) -> None:
        """Remove the user with its key, accounts and credentials as one. Raises UserUnknown, UserHasAccounts."""
        living = select(func.count()).where(
            ACCOUNTS.c.user_id == user_id, ACCOUNTS.c.state != AccountState.DELETED.value
        )
        async with self._database.transaction() as connection:
            if not with_accounts and (count := (await connection.execute(living)).scalar_one()):
                raise UserHasAccounts(
                    f"{user_id} has {count} account{'' if count == 1 else 's'} that {'is' if count == 1 else 'are'} "
                    "not deleted"
                )
            await connection.execute(delete(ACCOUNTS).where(ACCOUNTS.c.user_id == user_id))
            done = await connection.execute(delete(USERS).where(USERS.c.user_id == user_id))
            if done.rowcount == 0:
                raise UserUnknown(f"no user has the id {user_id}")
            await append(connection, entry)

    async def listing(self) -> Sequence[ListedUser]:
        """Return all users, oldest first, for an operator."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(USERS).order_by(USERS.c.created_at_ms, USERS.c.user_id))).all()
        return [ListedUser(_user(row), row.key_last_four) for row in rows]

    async def _change(self, user_id: str, values: Mapping[str, object], entry: AuditEntry | None) -> None:
        async with self._database.transaction() as connection:
            done = await connection.execute(update(USERS).where(USERS.c.user_id == user_id).values(values))
            if done.rowcount == 0:
                raise UserUnknown(f"no user has the id {user_id}")
            if entry is not None:
                await append(connection, entry)


def _user(row: Row[Any]) -> User:
    plan = PLANS.get(row.plan)
    if plan is None:
        raise PlanUnknown(f"user {row.user_id} has the plan {row.plan!r}; this version has {', '.join(PLANS)}")
    return User(user_id=row.user_id, plan=plan, created_at_ms=row.created_at_ms)
