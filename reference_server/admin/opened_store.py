"""The data directory, opened beside a gateway that may be running."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from reference_server.clock import SystemClock
from reference_server.commands import Refused
from reference_server.config import Settings
from reference_server.doctor.data import is_in_use
from reference_server.doctor.database import stored_revision
from reference_server.domain.audit import OPERATOR, AuditAction, AuditEntry
from reference_server.storage.database import DatabaseUnusable, database_path
from reference_server.storage.ownership import DataInUse
from reference_server.storage.schema import revisions
from reference_server.store import Store, open_store
from reference_server.usecases.auditing import Auditor


@asynccontextmanager
async def opened_store(settings: Settings, *, alone: str = "", may_be_new: bool = False) -> AsyncIterator[Store]:
    """Open the data. `alone`: why no gateway may run meanwhile, as a clause; none can then be started either.

    `may_be_new`: make the data where there are none; otherwise a mistyped directory is refused, and nothing is made.

    Raises Refused, DatabaseUnusable, SecretUnusable.
    """
    if not may_be_new:
        kept_revision(settings)
    if not alone:
        refuse_old_gateway(settings)
    try:
        async with open_store(settings, alone=bool(alone)) as store:
            yield store
    except DataInUse as error:
        if not alone:
            raise
        raise Refused(f"a gateway is running on {settings.data_dir}, and {alone}: stop it first") from error


def kept_revision(settings: Settings) -> str:
    """Return the revision of the stored schema. Raises Refused where no gateway has kept anything, DatabaseUnusable."""
    revision = revision_of(settings)
    if revision is None:
        raise Refused(f"there is no database of a gateway at {settings.database_url}: the first start makes it")
    return revision


def refuse_old_gateway(settings: Settings) -> None:
    """Opening brings the schema up to date; a gateway of an older version that runs would not know it."""
    revision = revision_of(settings)
    if revision is not None and revision != revisions()[0] and is_running(settings):
        raise Refused(
            f"a gateway of another version (schema {revision}) is running on {settings.data_dir}: stop it, and run "
            "tonpo admin migrate"
        )


def revision_of(settings: Settings) -> str | None:
    """Return the revision of the stored schema, None where there is none yet. Raises DatabaseUnusable."""
    path = database_path(settings.database_url)
    if not path.exists():
        return None
    try:
        return stored_revision(path)
    except (sqlite3.Error, OSError) as error:
        raise DatabaseUnusable(f"the database {path} cannot be read: {error}") from error


def is_running(settings: Settings) -> bool:
    """Whether a gateway runs on the data. Raises DataInUse when it cannot be told."""
    return settings.data_dir.is_dir() and is_in_use(settings)


def operator_entry(action: AuditAction, subject: str, detail: str = "") -> AuditEntry:
    """Return the audit log's entry for what the operator does now."""
    return Auditor(SystemClock()).entry(action, actor=OPERATOR, subject=subject, detail=detail)
