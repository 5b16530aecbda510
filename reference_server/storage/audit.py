"""The stored audit log. The database itself refuses to change an entry; old ones are purged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, delete, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from reference_server.domain.audit import OPERATOR, AuditAction, AuditEntry
from reference_server.storage.database import Database
from reference_server.storage.tables import ACCOUNTS, AUDIT
from reference_server.usecases.ports import OperatorChange

MOST_DETAIL: Final = 500
"""Characters of a detail that are kept: a broker's words reach it."""


class SqlAudit:
    """Implements the Audit port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, entry: AuditEntry) -> None:
        """Append one entry, for a change that is stored elsewhere."""
        async with self._database.writing() as connection:
            await append(connection, entry)

    async def latest(self) -> int:
        """Return the sequence of the last entry, 0 when there is none."""
        async with self._database.reading() as connection:
            last: int | None = (await connection.execute(select(func.max(AUDIT.c.sequence)))).scalar_one()
        return last or 0

    async def operator_changes(self, after: int) -> Sequence[OperatorChange]:
        """Return what the operator did after this sequence, oldest first."""
        query = (
            select(AUDIT.c.sequence, AUDIT.c.action, AUDIT.c.subject)
            .where(AUDIT.c.sequence > after, AUDIT.c.actor == OPERATOR, AUDIT.c.action.in_(list(AuditAction)))
            .order_by(AUDIT.c.sequence)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [OperatorChange(row.sequence, AuditAction(row.action), row.subject) for row in rows]

    async def listing(
        self, *, since_ms: int | None = None, user_id: str | None = None, limit: int | None = None
    ) -> Sequence[AuditEntry]:
        """Return the newest `limit` entries, oldest first: since a time, by or about a user or one of its accounts."""
        query = select(AUDIT).where(AUDIT.c.action.in_(list(AuditAction)))
        if since_ms is not None:
            query = query.where(AUDIT.c.time_ms >= since_ms)
        if user_id is not None:
            own = select(ACCOUNTS.c.account_id).where(ACCOUNTS.c.user_id == user_id)
            query = query.where(or_(AUDIT.c.actor == user_id, AUDIT.c.subject == user_id, AUDIT.c.subject.in_(own)))
        query = query.order_by(AUDIT.c.sequence.desc()).limit(limit)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [_entry(row) for row in reversed(rows)]

    async def purge(self, *, before_ms: int, failures: int) -> None:
        """Remove what is older, and all but the newest `failures` failed authentications."""
        failed = AUDIT.c.action == AuditAction.AUTHENTICATION_FAILED
        newest = select(AUDIT.c.sequence).where(failed).order_by(AUDIT.c.sequence.desc()).limit(failures)
        async with self._database.transaction() as connection:
            await connection.execute(delete(AUDIT).where(AUDIT.c.time_ms < before_ms))
            await connection.execute(delete(AUDIT).where(failed, AUDIT.c.sequence.not_in(newest)))


async def append(connection: AsyncConnection, entry: AuditEntry) -> None:
    """Append an entry in the transaction of the change that it tells of."""
    row = {
        "time_ms": entry.time_ms,
        "actor": entry.actor,
        "action": entry.action.value,
        "subject": entry.subject,
        "request_id": entry.request_id,
        "address": entry.address,
        "detail": entry.detail[:MOST_DETAIL],
    }
    await connection.execute(insert(AUDIT), row)


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(
        row.time_ms, row.actor, AuditAction(row.action), row.subject, row.request_id, row.address, row.detail
    )
