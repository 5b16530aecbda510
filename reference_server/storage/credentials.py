"""Sealed credentials as they lie in the database, for the rotation of master keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from reference_server.storage.database import Database
from reference_server.storage.tables import ACCOUNTS

Rewrap = Callable[[str, bytes], bytes]
"""Takes an account's id and sealed text; returns the same credentials under the newest key."""


@dataclass(frozen=True, slots=True)
class SealedRow:
    """What one account has sealed."""

    account_id: str
    sealed: bytes = field(repr=False)


class SqlSealedCredentials:
    """All sealed credentials, of whichever user."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def batch(self, after: str, size: int) -> Sequence[SealedRow]:
        """Return the next rows by account id."""
        query = (
            select(ACCOUNTS.c.account_id, ACCOUNTS.c.sealed_credentials)
            .where(ACCOUNTS.c.account_id > after, ACCOUNTS.c.sealed_credentials.is_not(None))
            .order_by(ACCOUNTS.c.account_id)
            .limit(size)
        )
        async with self._database.reading() as connection:
            return [SealedRow(*row) for row in (await connection.execute(query)).all()]

    async def everything(self) -> Sequence[SealedRow]:
        """Return every row."""
        async with self._database.reading() as connection:
            return await sealed_rows(connection)

    async def rewrap(self, rows: Sequence[SealedRow], rewrap: Rewrap) -> int:
        """Store each row anew unless it was changed or erased since it was read; return how many were stored.

        `rewrap` is called while nobody else can write.
        """
        stored = 0
        async with self._database.transaction() as connection:
            for row in rows:
                sealed = rewrap(row.account_id, row.sealed)
                if sealed == row.sealed:
                    continue
                change = (
                    update(ACCOUNTS)
                    .where(ACCOUNTS.c.account_id == row.account_id, ACCOUNTS.c.sealed_credentials == row.sealed)
                    .values(sealed_credentials=sealed)
                )
                stored += (await connection.execute(change)).rowcount
        return stored


async def sealed_rows(connection: AsyncConnection) -> Sequence[SealedRow]:
    """Return every row as a transaction sees it."""
    query = select(ACCOUNTS.c.account_id, ACCOUNTS.c.sealed_credentials).where(
        ACCOUNTS.c.sealed_credentials.is_not(None)
    )
    return [SealedRow(*row) for row in (await connection.execute(query)).all()]
