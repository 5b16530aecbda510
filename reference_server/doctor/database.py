"""The database, read without changing it or leaving a file beside it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import quote

from reference_server.config import Settings
from reference_server.doctor.data import examine_privacy
from reference_server.doctor.finding import Finding, note, ok, problem, warning
from reference_server.storage.database import DatabaseUnusable, database_path
from reference_server.storage.schema import revisions

_BUSY_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class StoredAccount:
    """One account as it is stored. `sealed` is absent once it is deleted."""

    account_id: str
    state: str
    sealed: bytes | None


def examine_database(settings: Settings) -> Iterator[Finding]:
    """Say whether the database opens, is whole, and has a schema that this version knows."""
    try:
        path = database_path(settings.database_url)
    except DatabaseUnusable as error:
        yield problem("database", str(error), "Give --database-url as sqlite:///FILE, or leave it out.")
        return
    if not path.exists():
        yield note("database", f"{path} does not exist yet: the first start makes it")
        return
    try:
        with _reading(path) as connection:
            damage = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            revision = _revision(connection)
            states = _states(connection) if revision else {}
            entries = _audit_entries(connection) if revision == revisions()[0] else None
    except (sqlite3.Error, OSError) as error:
        yield problem("database", f"{path} cannot be read: {error}", "Restore it from a backup of the data directory.")
        return
    if damage != "ok":
        remedy = "Stop the gateway and restore the data directory from a backup."
        yield problem("database", f"{path} is damaged: {damage}", remedy)
        return
    yield from _judge_schema(path, revision)
    yield from examine_privacy("database", path, 0o600)
    if entries is not None:
        yield ok("audit", entries)
    if states:
        yield from _judge_states(states)


def stored_accounts(settings: Settings) -> Sequence[StoredAccount]:
    """Read the accounts that have credentials; none where there is no database that can be read."""
    try:
        path = database_path(settings.database_url)
        if not path.exists():
            return ()
        with _reading(path) as connection:
            query = "SELECT account_id, state, sealed_credentials FROM accounts WHERE sealed_credentials IS NOT NULL"
            return tuple(StoredAccount(*row) for row in connection.execute(query))
    except (DatabaseUnusable, sqlite3.Error, OSError):
        return ()


def stored_peppers(settings: Settings) -> Mapping[str, int]:
    """Count the API keys by the pepper that they name; none where the database cannot be read or is of before."""
    try:
        path = database_path(settings.database_url)
        if not path.exists():
            return {}
        with _reading(path) as connection:
            query = "SELECT pepper_id, count(*) FROM users WHERE pepper_id IS NOT NULL GROUP BY pepper_id"
            return dict(connection.execute(query))
    except (DatabaseUnusable, sqlite3.Error, OSError):
        return {}


def stored_revision(path: Path) -> str | None:
    """Return the schema's revision, None where there are no tables yet. Raises sqlite3.Error, OSError."""
    with _reading(path) as connection:
        return _revision(connection)


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open for reading. SQLite would make the files of its log when they are missing, and leave them."""
    log, index = path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")
    if not log.exists() or (log.stat().st_size == 0 and not index.exists()):
        with closing(_open(path, "mode=ro&immutable=1")) as connection:
            yield connection
    elif index.exists():
        with closing(_open(path, "mode=ro")) as connection:
            yield connection
    else:  # copied by hand: the log is part of the data, its index is not there
        with TemporaryDirectory(prefix="tonpo-doctor-") as folder:
            for one in (path, log):
                shutil.copy(one, folder)
            with closing(_open(Path(folder, path.name), "mode=ro")) as connection:
                yield connection


def _open(path: Path, options: str) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path))}?{options}", uri=True, timeout=_BUSY_SECONDS)


def _revision(connection: sqlite3.Connection) -> str | None:
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "alembic_version" not in tables:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def _states(connection: sqlite3.Connection) -> dict[str, int]:
    return dict(connection.execute("SELECT state, count(*) FROM accounts GROUP BY state ORDER BY state"))


def _audit_entries(connection: sqlite3.Connection) -> str:
    count, oldest_ms = connection.execute("SELECT count(*), min(time_ms) FROM audit").fetchone()
    if not count:
        return "the audit log is empty"
    oldest = datetime.fromtimestamp(oldest_ms / 1000, UTC)
    return f"the audit log holds {count:,} entr{'y' if count == 1 else 'ies'}, the oldest of {oldest:%Y-%m-%d}"


def _judge_schema(path: Path, revision: str | None) -> Iterator[Finding]:
    if revision is None:
        yield note("database", f"{path} has no tables yet: the first start makes them")
    elif revision == revisions()[0]:
        yield ok("database", f"{path} opens, is whole and up to date (schema {revision})")
    elif revision in revisions():
        yield note("database", f"{path} has the older schema {revision}: the next start brings it up to date")
    else:
        says = f"{path} was made by a newer version of the gateway (schema {revision})"
        yield problem("database", says, "Install that version or a newer one: an older one cannot read the data.")


def _judge_states(states: dict[str, int]) -> Iterator[Finding]:
    shown = ", ".join(f"{number} {state}" for state, number in states.items())
    if states.get("login_failed"):
        remedy = "A login that the broker refused is not tried again: delete the account and add it with what is right."
        yield warning("accounts", shown, remedy)
    else:
        yield ok("accounts", shown)
