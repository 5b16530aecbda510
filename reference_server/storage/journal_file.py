"""The file behind the journal: SQLite, written by the event loop itself, once per turn.

What is written in one turn of the loop is one transaction, so that a burst of orders costs one commit. A commit
survives the death of the process; a power cut only once the file system has it too, which a thread waits for
(`fdatasync` on the write-ahead log) where `is_durable` asks for it. What has to wait for the next one of these is not
worth a transaction until then. Moving the log into the database is that thread's work as well; the loop only does the
last bit, after which the log begins anew.

Going through a pool of threads instead was measured at several times the price: a thread that wants Python's lock back
after each statement waits for the busy loop each time.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from reference_server.domain.errors import StorageUnavailable

LOG_BYTES: Final = 16 * 1024 * 1024
"""How large the write-ahead log grows before it is moved: some ten seconds of 200 orders a second."""
RETRY_SECONDS: Final = 1.0
REST_TURNS: Final = 8
"""Turns of the loop between two waits for the disk, in which those who were answered act and what clients send next
comes to share the next wait: a thread that comes back to a busy loop fights it for Python's lock. Eight turns of an
idle loop take microseconds."""

Write = Callable[[sqlite3.Connection], Any]

_log = logging.getLogger(__name__)


class JournalUnusable(Exception):
    """The journal cannot be opened. The message says which file and why."""


@dataclass(slots=True)
class _Entry:
    work: Write
    written: asyncio.Future[Any] | None = None
    unheard: Callable[[Any], None] | None = None
    then: Callable[[], None] | None = None

    @property
    def is_given_up(self) -> bool:
        """Whether who asked for it has stopped waiting: written now, it would only have to be taken back."""
        return self.written is not None and self.written.done()

    def answer(self, value: Any) -> None:
        """Say that it is durable, or to whom it concerns that nobody waits for that any more."""
        assert self.written is not None
        if not self.written.done():
            self.written.set_result(value)
        elif self.unheard is not None:
            self.unheard(value)

    def doubt(self, value: Any) -> None:
        """Say that it is written and may not be durable."""
        assert self.written is not None
        if not self.written.done():
            self.written.set_exception(NotDurable(value))
        elif self.unheard is not None:
            self.unheard(value)


class NotDurable(Exception):
    """It is written, and whether a power cut would leave it there is not known. `value` is what the write returned."""

    def __init__(self, value: Any) -> None:
        super().__init__("the file system did not confirm a write to the journal")
        self.value = value


class JournalFile:
    """An open journal. Everything but `close` is called on the event loop that opened it."""

    def __init__(self, path: Path, connection: sqlite3.Connection, *, is_durable: bool) -> None:
        self._path = path
        self._connection = connection
        self._is_durable = is_durable
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._turn: list[_Entry] = []
        self._unwritten: list[_Entry] = []
        self._unsynced: list[tuple[_Entry, Any]] = []
        self._threaded: set[asyncio.Future[Any]] = set()
        self._is_scheduled = self._is_syncing = self._is_resting = self._is_moving = self._is_closed = False
        self._move_above = LOG_BYTES
        self._log = os.open(f"{path}-wal", os.O_RDWR)

    @classmethod
    def open(cls, path: Path, schema: Sequence[str], *, is_durable: bool = True) -> JournalFile:
        """Open the file, made with mode 0600 when missing; `schema` brings an older version to its length.

        Raises JournalUnusable.
        """
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            connection = sqlite3.connect(path, isolation_level=None, timeout=5.0)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            connection.execute("BEGIN IMMEDIATE")
            version: int = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > len(schema):
                raise JournalUnusable(f"the journal {path} was made by a newer version of the gateway")
            for statement in schema[version:]:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(schema)}")
            connection.execute("COMMIT")
            connection.execute("PRAGMA busy_timeout = 0")  # the loop waits for nobody
            return cls(path, connection, is_durable=is_durable)
        except (OSError, sqlite3.Error) as error:
            cause = error.strerror if isinstance(error, OSError) else error
            raise JournalUnusable(f"the journal {path} cannot be opened: {cause}") from error

    def write(self, work: Write, unheard: Callable[[Any], None] | None = None) -> asyncio.Future[Any]:
        """Do this in the turn's transaction; the future has its value once that is durable.

        It has StorageUnavailable when the transaction failed: then nothing of it was written; NotDurable when the file
        system failed afterwards. `unheard` is called with the value of what was written after the future was ended by
        who waited for it.
        """
        written: asyncio.Future[Any] = self._loop.create_future()
        self._turn.append(_Entry(work, written, unheard))
        if not self._is_syncing:
            self._schedule()
        return written

    def write_behind(self, work: Write, then: Callable[[], None] | None = None) -> None:
        """Do this in the turn's transaction, and again until it works: for what has happened already.

        `then` is called once it is written.
        """
        self._turn.append(_Entry(work, then=then))
        self._schedule()

    def write_now(self, work: Write) -> Any:
        """Do this at once, in a transaction of its own, and wait for the disk: for what is done seldom.

        Raises StorageUnavailable.
        """
        try:
            value = self._transact([work])[0]
            if self._is_durable:
                _fdatasync(self._log)
            return value
        except (sqlite3.Error, OSError) as error:
            raise self._unavailable(error) from error

    def read(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return the rows of a query. Raises StorageUnavailable."""
        try:
            return self._connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise self._unavailable(error) from error

    async def close(self) -> None:
        """Write what waits and close the file; what cannot be written by then is given up with a line in the log."""
        if self._is_closed:
            return
        self._is_closed = True
        self._flush()
        if self._is_resting:
            self._end_rest()
        while self._threaded:
            await asyncio.wait(self._threaded)
        self._thread.shutdown()
        if self._unwritten:
            _log.error("%d outcomes of trades could not be written to the journal", len(self._unwritten))
        with suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()
        os.close(self._log)

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._is_scheduled = False
        turn = [entry for entry in (*self._unwritten, *self._turn) if not entry.is_given_up]
        self._turn, self._unwritten = [], []
        if not turn:
            return
        try:
            values = self._transact([entry.work for entry in turn])
        except Exception as error:  # the edge of the loop: whatever it is, nobody may wait for ever
            self._failed(error, turn)
            return
        for entry, value in zip(turn, values, strict=True):
            if entry.then is not None:
                entry.then()
            if entry.written is None:
                continue
            if self._is_durable:
                self._unsynced.append((entry, value))
            else:
                entry.answer(value)
        if self._unsynced and not self._is_syncing:
            self._sync()
        if not self._is_moving and not self._is_closed and os.fstat(self._log).st_size > self._move_above:
            self._move_log()

    def _transact(self, works: Sequence[Write]) -> list[Any]:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            values = [work(connection) for work in works]
            connection.execute("COMMIT")
            return values
        except BaseException:
            if connection.in_transaction:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
            raise

    def _failed(self, error: Exception, turn: list[_Entry]) -> None:
        _log.error("the journal cannot be written: %s", error, exc_info=not isinstance(error, sqlite3.Error))
        self._unwritten = [entry for entry in turn if entry.written is None]
        for entry in turn:
            if entry.written is not None and not entry.written.done():
                entry.written.set_exception(self._unavailable(error))
        if self._unwritten and not self._is_closed:
            self._loop.call_later(RETRY_SECONDS, self._retry)

    def _retry(self) -> None:
        if not self._is_closed and not self._is_scheduled:
            self._flush()

    def _sync(self) -> None:
        """Wait in the thread until what was committed is on the disk; what comes meanwhile waits for the next time."""
        waiting, self._unsynced = self._unsynced, []
        self._is_syncing = True  # until it has rested, too

        def done(synced: asyncio.Future[None]) -> None:
            error = synced.exception()
            for entry, value in waiting:
                if error is None:
                    entry.answer(value)
                else:
                    entry.doubt(value)
            if error is not None:
                _log.error("the journal is not confirmed by the file system: %s", error)
            self._is_resting = True
            self._rest(REST_TURNS)

        self._in_thread(done, _fdatasync, self._log)

    def _rest(self, turns: int) -> None:
        if not self._is_resting:
            return
        if turns and not self._is_closed:
            self._loop.call_soon(self._rest, turns - 1)
        else:
            self._end_rest()

    def _end_rest(self) -> None:
        self._is_resting = self._is_syncing = False
        self._flush()
        if self._unsynced and not self._is_syncing:  # of what was written meanwhile, if nothing could be now
            self._sync()

    def _move_log(self) -> None:
        """Move the log into the database in the thread, then the last bit here, after which the log begins anew."""
        self._is_moving = True

        def moved(done: asyncio.Future[None]) -> None:
            self._is_moving = False
            if done.exception() is not None:
                _log.warning("the journal's log could not be moved: %s", done.exception())
                return
            with suppress(sqlite3.Error):
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._move_above = os.fstat(self._log).st_size + LOG_BYTES  # more than nothing while a reader holds it

        self._in_thread(moved, _checkpoint, self._path)

    def _in_thread(self, then: Callable[[asyncio.Future[None]], None], work: Callable[..., None], value: Any) -> None:
        running = self._loop.run_in_executor(self._thread, work, value)
        self._threaded.add(running)
        running.add_done_callback(then)
        running.add_done_callback(self._threaded.discard)

    @staticmethod
    def _unavailable(error: BaseException) -> StorageUnavailable:
        return StorageUnavailable(
            f"The gateway's journal cannot be used now ({error}): nothing was done. Try again.", retry_after_seconds=1
        )


def _checkpoint(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")


_fdatasync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)
