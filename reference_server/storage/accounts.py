"""Stored accounts and their sealed credentials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import func, insert, select, update

from reference_server.domain.account import Account, AccountState
from reference_server.domain.audit import AuditEntry
from reference_server.domain.errors import AccountLimitReached
from reference_server.storage.audit import append
from reference_server.storage.database import Database
from reference_server.storage.tables import ACCOUNTS
from reference_server.usecases.ports import Seal

_NOT_COUNTING: Final = (AccountState.DELETED, AccountState.LOGIN_FAILED)
_SECRET: Final = {
    "sealed_credentials": None,
    "auth_token_digest": None,
    "auth_token_used": False,
    "node_key_digest": None,
    "node_enrolled_at_ms": None,
}
"""What is read by who needs it alone, and what a deleted account has in its place."""
COLUMNS: Final = tuple(column for column in ACCOUNTS.c if column.name not in _SECRET)
_AGE: Final = (ACCOUNTS.c.created_at_ms, ACCOUNTS.c.account_id)


class SqlAccounts:
    """Implements the Accounts port. Every call asks the database; `usecases.account_book` keeps what is asked often."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self,
        account: Account,
        seal: Seal,
        *,
        limit: int | None,
        token_digest: bytes | None = None,
        entry: AuditEntry | None = None,
    ) -> None:
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
                "auth_token_digest": token_digest,
            }
            await connection.execute(insert(ACCOUNTS), row)
            if entry is not None:
                await append(connection, entry)

    async def of_user(self, user_id: str) -> Sequence[Account]:
        """Return all accounts of the user, oldest first, deleted ones included."""
        query = select(*COLUMNS).where(ACCOUNTS.c.user_id == user_id).order_by(*_AGE)
        async with self._database.reading() as connection:
            return tuple(map(account_of, (await connection.execute(query)).all()))

    async def save(self, account: Account, *, expected: AccountState, entry: AuditEntry | None = None) -> bool:
        """Store state, paused and last_error if the stored state is still `expected`; tell whether it was.

        `deleted` erases the sealed credentials, token and node in the same statement.
        """
        values: dict[str, object] = {
            "state": account.state.value,
            "paused": account.paused,
            "last_error": account.last_error,
        }
        if account.state is AccountState.DELETED:
            values |= _SECRET
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
        query = select(*COLUMNS).where(ACCOUNTS.c.state.not_in(_NOT_COUNTING)).order_by(*_AGE)
        async with self._database.reading() as connection:
            return tuple(map(account_of, (await connection.execute(query)).all()))

    async def count_by_state(self) -> dict[str, int]:
        """Return how many accounts there are in each state; every state is named."""
        query = select(ACCOUNTS.c.state, func.count()).group_by(ACCOUNTS.c.state)
        async with self._database.reading() as connection:
            found = {row[0]: row[1] for row in (await connection.execute(query)).all()}
        return {state.value: found.get(state.value, 0) for state in AccountState}


def account_of(row: Any) -> Account:
    """Return the account of a row with these columns."""
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
