"""The embedded database: SQLite behind SQLAlchemy Core, with one writer at a time.

The file is switched to WAL once, when it is opened. Each connection sets busy_timeout first (so that the rest waits for
a lock rather than fail), then foreign keys, synchronous NORMAL and secure_delete (erased credentials are overwritten).
A transaction of several statements begins IMMEDIATE: it never fails half-way because another process wrote meanwhile.
Writers of this process queue in a lock, which is fair and quick where SQLite's own waiting polls.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from reference_server.domain.errors import StorageUnavailable
from reference_server.storage.schema import SchemaUnknown, upgrade

BUSY_TIMEOUT_MS: Final = 5_000
CONNECTIONS: Final = 4
POOL_TIMEOUT_SECONDS: Final = 10

_PRAGMAS: Final = (
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}",
    "PRAGMA foreign_keys = ON",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA secure_delete = ON",
)


class DatabaseUnusable(Exception):
    """The database cannot be opened or brought up to date. The message says which and why."""


def database_path(url: str) -> Path:
    """Return the file of a `sqlite:///FILE` URL (or `sqlite+aiosqlite:`). Raises DatabaseUnusable for any other."""
    return Path(_parse(url).database or "").absolute()


class Database:
    """An open database. Always `await close()` it: its threads otherwise keep the process alive."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._writer = asyncio.Lock()

    @classmethod
    async def open(cls, url: str) -> Database:
        """Open the file, made with mode 0600 when missing, and migrate it. Raises DatabaseUnusable."""
        path = database_path(url)
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            await asyncio.to_thread(_switch_to_wal, path)
        except (OSError, sqlite3.DatabaseError) as error:
            cause = error.strerror if isinstance(error, OSError) else error
            raise DatabaseUnusable(f"the database {path} cannot be opened: {cause}") from error
        database = cls(_engine(_parse(url).set(drivername="sqlite+aiosqlite", database=str(path))))
        try:
            async with database.transaction() as connection:
                await connection.run_sync(upgrade)
        except (DatabaseError, StorageUnavailable, SchemaUnknown) as error:
            await database.close()
            cause_of = error.__cause__ if isinstance(error, StorageUnavailable) else error
            reason = cause_of.orig if isinstance(cause_of, DatabaseError) else cause_of
            raise DatabaseUnusable(f"the database {path} cannot be used: {reason}") from error
        except BaseException:
            await database.close()
            raise
        return database

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """For one statement that changes nothing. Raises StorageUnavailable, as the other two do."""
        with _told():
            async with self._engine.connect() as connection:
                yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """For one statement that changes something: SQLite makes it atomic without a BEGIN, in half the time."""
        with _told():
            async with self._writer, self._engine.connect() as connection:
                yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """For several statements: holds the write lock from its beginning; commits, or rolls back on an error."""
        with _told():
            async with self._writer, self._engine.connect() as connection:
                await connection.execution_options(immediate=True)
                async with connection.begin():
                    yield connection

    async def probe(self) -> None:
        """Make a small write that changes nothing: can the file be written to? Raises DatabaseError."""
        async with self.transaction() as connection:
            await connection.exec_driver_sql("PRAGMA user_version = 0")

    async def close(self) -> None:
        """Close every connection and end its thread. Safe to call twice."""
        await self._engine.dispose()


@contextmanager
def _told() -> Iterator[None]:
    """Tell what is wrong with the file (full, locked, gone) from what is wrong with the gateway."""
    try:
        yield
    except OperationalError as error:
        raise StorageUnavailable(
            f"The gateway's database cannot be used now ({error.orig}): nothing was done. Try again.",
            retry_after_seconds=1,
        ) from error
    except PoolTimeout as error:
        raise StorageUnavailable(retry_after_seconds=1) from error


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise DatabaseUnusable("the database URL cannot be read: expected sqlite:///FILE") from error
    if parsed.drivername not in ("sqlite", "sqlite+aiosqlite") or parsed.database in (None, "", ":memory:"):
        shown = parsed.render_as_string(hide_password=True)
        raise DatabaseUnusable(f"the database URL {shown} is not of the form sqlite:///FILE")
    return parsed


def _switch_to_wal(path: Path) -> None:
    """Make WAL the file's journal mode, for good. SQLite does not wait for the lock that this one change needs."""
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)


def _engine(url: URL) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=CONNECTIONS,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT_SECONDS,
        hide_parameters=True,  # an error's text reaches the log, and parameters hold digests and sealed credentials
        pool_reset_on_return=None,  # every transaction is ended where it began; another rollback costs a thread switch
    )
    event.listen(engine.sync_engine, "connect", _prepare)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # autocommit: the driver's own BEGIN is deferred and late
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get("immediate", False):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
