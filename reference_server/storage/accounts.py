"""Stored accounts and their sealed credentials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, func, insert, select, update

from reference_server.domain.account import Account, AccountState
from reference_server.domain.audit import AuditEntry
from reference_server.domain.errors import AccountLimitReached
from reference_server.storage.audit import append
from reference_server.storage.database import Database
from reference_server.storage.tables import ACCOUNTS
from reference_server.usecases.ports import Seal

_NOT_COUNTING: Final = (AccountState.DELETED, AccountState.LOGIN_FAILED)
_COLUMNS: Final = tuple(column for column in ACCOUNTS.c if column.name != "sealed_credentials")
_AGE: Final = (ACCOUNTS.c.created_at_ms, ACCOUNTS.c.account_id)


class SqlAccounts:
    """Implements the Accounts port. Every call asks the database; `usecases.account_book` keeps what is asked often."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, account: Account, seal: Seal, *, limit: int | None, entry: AuditEntry | None = None) -> None:
        """Store, if fewer than `limit` of the user's accounts count. Raises AccountLimitReached.

        Sealed while nobody else can write: whoever takes a key from the ring sees this row, or this sees the new ring.
        """
        count = select(func.count()).where(
            ACCOUNTS.c.user_id == account.user_id, ACCOUNTS.c.state.not_in(_NOT_COUNTING)
        )
        async with self._database.transaction() as connection:
            if limit is not None and (await connection.execute(count)).scalar_one() >= limit:
                raise AccountLimitReached(
                    f"The plan allows {limit} account{'' if limit == 1 else 's'}: delete one or change the plan."
                )
            row = {
                "account_id": account.account_id,
                "user_id": account.user_id,
                "state": account.state.value,
                "paused": account.paused,
                "region": account.region,
                "mt5_server": account.mt5_server,
                "last_error": account.last_error,
                "sealed_credentials": seal(),
                "created_at_ms": account.created_at_ms,
            }
            await connection.execute(insert(ACCOUNTS), row)
            if entry is not None:
                await append(connection, entry)

    async def of_user(self, user_id: str) -> Sequence[Account]:
        """Return all accounts of the user, oldest first, deleted ones included."""
        query = select(*_COLUMNS).where(ACCOUNTS.c.user_id == user_id).order_by(*_AGE)
        async with self._database.reading() as connection:
            return tuple(map(_account, (await connection.execute(query)).all()))

    async def save(self, account: Account, *, expected: AccountState, entry: AuditEntry | None = None) -> bool:
        """Store state, paused and last_error if the stored state is still `expected`; tell whether it was.

        `deleted` erases the sealed credentials in the same statement.
        """
        values: dict[str, object] = {
            "state": account.state.value,
            "paused": account.paused,
            "last_error": account.last_error,
        }
        if account.state is AccountState.DELETED:
            values["sealed_credentials"] = None
        change = (
            update(ACCOUNTS)
            .where(ACCOUNTS.c.account_id == account.account_id, ACCOUNTS.c.state == expected.value)
            .values(values)
        )
        if entry is None:
            async with self._database.writing() as connection:
                return bool((await connection.execute(change)).rowcount)
        async with self._database.transaction() as connection:
            is_stored = bool((await connection.execute(change)).rowcount)
            if is_stored:
                await append(connection, entry)
        return is_stored

    async def sealed_credentials(self, account_id: str) -> bytes | None:
        """Return what was sealed, or None when it was erased or never there."""
        query = select(ACCOUNTS.c.sealed_credentials).where(ACCOUNTS.c.account_id == account_id)
        async with self._database.reading() as connection:
            sealed: bytes | None = (await connection.execute(query)).scalar_one_or_none()
        return sealed

    async def to_connect(self) -> Sequence[Account]:
        """Return every account that ought to have a terminal, oldest first."""
        query = select(*_COLUMNS).where(ACCOUNTS.c.state.not_in(_NOT_COUNTING)).order_by(*_AGE)
        async with self._database.reading() as connection:
            return tuple(map(_account, (await connection.execute(query)).all()))

    async def count_by_state(self) -> dict[str, int]:
        """Return how many accounts there are in each state; every state is named."""
        query = select(ACCOUNTS.c.state, func.count()).group_by(ACCOUNTS.c.state)
        async with self._database.reading() as connection:
            found = {row[0]: row[1] for row in (await connection.execute(query)).all()}
        return {state.value: found.get(state.value, 0) for state in AccountState}


def _account(row: Row[Any]) -> Account:
    return Account(
        account_id=row.account_id,
        user_id=row.user_id,
        state=AccountState(row.state),
        created_at_ms=row.created_at_ms,
        paused=row.paused,
        region=row.region,
        last_error=row.last_error,
        mt5_server=row.mt5_server,
    )
