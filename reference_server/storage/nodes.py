"""Stored nodes: which account a one-time token is for, and which node it has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from reference_server.domain.account import Account, AccountState
from reference_server.domain.audit import AuditEntry
from reference_server.storage.accounts import COLUMNS, account_of
from reference_server.storage.audit import append
from reference_server.storage.database import Database
from reference_server.storage.tables import ACCOUNTS
from reference_server.usecases.node_ports import Enrolled, MakeEntry

_NODE = (ACCOUNTS.c.auth_token_used, ACCOUNTS.c.node_key_digest)


class AccountUnknown(LookupError):
    """No account that is not deleted has this id."""


class NodeUnknown(LookupError):
    """The account has no node."""


@dataclass(frozen=True, slots=True)
class ListedNode:
    """An account's node as an operator sees it. `enrolled_at_ms` None: there is a token and no node yet."""

    account: Account
    enrolled_at_ms: int | None


class SqlNodes:
    """Implements the StoredNodes port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def enrol(self, token: bytes, key: bytes, make_entry: MakeEntry) -> Enrolled | None:
        """Give the account of this unused token the node with this key; None when there is no such account.

        Again, with the same key: the same answer. An account whose credentials were refused is returned as it is.
        """
        query = select(*COLUMNS, *_NODE).where(ACCOUNTS.c.auth_token_digest == token)
        try:
            async with self._database.transaction() as connection:
                row = (await connection.execute(query)).one_or_none()
                if row is None or (row.auth_token_used and row.node_key_digest != key):
                    return None
                account = account_of(row)
                if row.auth_token_used or account.state is AccountState.LOGIN_FAILED:
                    return Enrolled(account, is_new=False)
                entry = make_entry(account)
                values = {"auth_token_used": True, "node_key_digest": key, "node_enrolled_at_ms": entry.time_ms}
                await _change(connection, account.account_id, values, entry)
                return Enrolled(account, is_new=True)
        except IntegrityError:  # the key is that of another account's node
            return None

    async def by_key(self, key: bytes) -> Account | None:
        """Return the account whose node has this key."""
        return await self._one(ACCOUNTS.c.node_key_digest == key)

    async def has_node(self, account_id: str) -> bool:
        """Whether a node is enrolled for the account."""
        query = select(ACCOUNTS.c.node_key_digest).where(ACCOUNTS.c.account_id == account_id)
        async with self._database.reading() as connection:
            return (await connection.execute(query)).scalar_one_or_none() is not None

    async def account(self, account_id: str) -> Account | None:
        """Return the account itself."""
        return await self._one(ACCOUNTS.c.account_id == account_id)

    async def listing(self, *, with_tokens: bool = False) -> Sequence[ListedNode]:
        """Return the accounts that have a node, oldest first; or those as well whose token can still be used."""
        has_node = ACCOUNTS.c.node_key_digest.is_not(None)
        is_claimable = ACCOUNTS.c.auth_token_digest.is_not(None) & ~ACCOUNTS.c.auth_token_used
        query = (
            select(*COLUMNS, ACCOUNTS.c.node_enrolled_at_ms)
            .where(or_(has_node, is_claimable) if with_tokens else has_node)
            .order_by(ACCOUNTS.c.created_at_ms, ACCOUNTS.c.account_id)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [ListedNode(account_of(row), row.node_enrolled_at_ms) for row in rows]

    async def remove(self, account_id: str, entry: AuditEntry) -> None:
        """Take the node from its account; its token dies as well. Raises AccountUnknown, NodeUnknown."""
        values: dict[str, object] = {
            "auth_token_digest": None,
            "auth_token_used": False,
            "node_key_digest": None,
            "node_enrolled_at_ms": None,
        }
        async with self._database.transaction() as connection:
            row = await _living(connection, account_id)
            if row.node_key_digest is None:
                raise NodeUnknown(f"{account_id} has no node")
            await _change(connection, account_id, values, entry)

    async def replace_token(self, account_id: str, token: bytes, entry: AuditEntry) -> None:
        """Give the account this token alone; its node stays until another one uses it. Raises AccountUnknown."""
        async with self._database.transaction() as connection:
            await _living(connection, account_id)
            await _change(connection, account_id, {"auth_token_digest": token, "auth_token_used": False}, entry)

    async def _one(self, condition: ColumnElement[bool]) -> Account | None:
        async with self._database.reading() as connection:
            row = (await connection.execute(select(*COLUMNS).where(condition))).one_or_none()
        return None if row is None else account_of(row)


async def _living(connection: AsyncConnection, account_id: str) -> Any:
    query = select(*COLUMNS, *_NODE).where(
        ACCOUNTS.c.account_id == account_id, ACCOUNTS.c.state != AccountState.DELETED.value
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise AccountUnknown(f"no account has the id {account_id}, or it is deleted")
    return row


async def _change(connection: AsyncConnection, account_id: str, values: dict[str, object], entry: AuditEntry) -> None:
    await connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.account_id == account_id).values(values))
    await append(connection, entry)
