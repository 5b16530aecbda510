"""Stored users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, insert, select, update

from reference_server.domain.plans import PLANS, Plan
from reference_server.domain.user import User
from reference_server.storage.database import Database
from reference_server.storage.tables import USERS
from reference_server.usecases.ports import MintedKey


class UserUnknown(LookupError):
    """No stored user has this id."""


class PlanUnknown(LookupError):
    """A stored user has a plan that this version does not have."""


@dataclass(frozen=True, slots=True)
class ListedUser:
    """A user as an operator sees it."""

    user: User
    key_last_four: str


class SqlUsers:
    """Implements the Users port. Every look-up asks the database; `usecases.users` keeps what is asked often."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, user: User, key: MintedKey) -> None:
        """Store a new user and the digest of the key."""
        row = {
            "user_id": user.user_id,
            "plan": user.plan.name,
            "created_at_ms": user.created_at_ms,
            "key_digest": key.digest,
            "key_last_four": key.last_four,
        }
        async with self._database.writing() as connection:
            await connection.execute(insert(USERS), row)

    async def by_key_digest(self, digest: bytes) -> User | None:
        """Return the user whose one valid key has this digest."""
        async with self._database.reading() as connection:
            row = (await connection.execute(select(USERS).where(USERS.c.key_digest == digest))).one_or_none()
        return None if row is None else _user(row)

    async def replace_key(self, user_id: str, key: MintedKey) -> None:
        """Give the user this key; the old one stops working. Raises UserUnknown."""
        await self._change(user_id, {"key_digest": key.digest, "key_last_four": key.last_four})

    async def set_plan(self, user_id: str, plan: Plan) -> None:
        """Move the user to another plan. Raises UserUnknown."""
        await self._change(user_id, {"plan": plan.name})

    async def listing(self) -> Sequence[ListedUser]:
        """Return all users, oldest first, for an operator."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(USERS).order_by(USERS.c.created_at_ms, USERS.c.user_id))).all()
        return [ListedUser(_user(row), row.key_last_four) for row in rows]

    async def _change(self, user_id: str, values: dict[str, object]) -> None:
        async with self._database.writing() as connection:
            done = await connection.execute(update(USERS).where(USERS.c.user_id == user_id).values(values))
        if done.rowcount == 0:
            raise UserUnknown(f"no user has the id {user_id}")


def _user(row: Row[Any]) -> User:
    plan = PLANS.get(row.plan)
    if plan is None:
        raise PlanUnknown(f"user {row.user_id} has the plan {row.plan!r}; this version has {', '.join(PLANS)}")
    return User(user_id=row.user_id, plan=plan, created_at_ms=row.created_at_ms)
