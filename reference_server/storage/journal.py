"""The journal: every trading request is written down here before it is sent.

A request with an idempotency key is kept for 24 hours, one without until its outcome is known, and one whose outcome is
not known until it is. What the process that wrote it left in flight is unknown to the next one.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from reference_server.domain.errors import DailyTradeLimitExceeded, StorageUnavailable
from reference_server.domain.requests import Claim, Outcome, TradeRecord
from reference_server.domain.trading import (
    NewOrder,
    OrderCancellation,
    OrderChange,
    OrderResult,
    PositionChange,
    PositionClose,
    TradeMark,
    TradeRequest,
)
from reference_server.storage.journal_file import JournalFile, NotDurable
from reference_server.storage.patience import Patience
from reference_server.storage.steady_age import SteadyAge
from reference_server.usecases.ports import Clock

KEPT_MS: Final = 24 * 3600 * 1000
"""How long a key is kept. Source: design, capability `idempotency`."""
CLAIM_SECONDS: Final = 5.0
"""How long a request waits to be written down before it is refused: a disk that takes longer is ill."""
PURGE_SECONDS: Final = 60.0
PURGED_AT_ONCE: Final = 300
"""Rows; a millisecond. While there are more, it is done every second."""
_DAY_MS: Final = 24 * 3600 * 1000

_COLUMNS: Final = (
    "number, user_id, account_id, operation, kind, request, tag, since_ms, key, fingerprint, counted_day"
    + ", outcome, result"
)
_INSERT: Final = (
    "INSERT INTO requests (user_id, account_id, operation, kind, request, tag, since_ms, key, fingerprint, counted_day,"
    " outcome) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'in_flight')"
)
_INSERT_PLAIN: Final = (
    "INSERT INTO requests (user_id, account_id, operation, kind, request, tag, since_ms, fingerprint, outcome)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, x'', 'in_flight')"
)
"""One without a key, of a plan without a limit. The driver takes long over a value that is None or bytes."""
_BY_KEY: Final = f"SELECT {_COLUMNS} FROM requests WHERE user_id = ? AND key = ?"  # noqa: S608 - constants
_OPEN: Final = f"SELECT {_COLUMNS} FROM requests WHERE outcome IN ('in_flight', 'unknown') ORDER BY number"  # noqa: S608
_COUNT: Final = (
    "INSERT INTO trades_per_day VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET trades = trades + 1 WHERE trades < ?"
)
_UNCOUNT: Final = "UPDATE trades_per_day SET trades = trades - 1 WHERE user_id = ? AND day = ? AND trades > 0"
_PURGE: Final = (
    "DELETE FROM requests WHERE number IN (SELECT number FROM"
    " (SELECT number, since_ms FROM requests WHERE outcome NOT IN ('in_flight', 'unknown') ORDER BY number LIMIT ?)"
    " WHERE since_ms < ?)"
)
"""Rows are numbered as they come: only the first of those that are over are looked at, however many there are."""
_PURGE_DAYS: Final = "DELETE FROM trades_per_day WHERE day < ?"

_KINDS: Final[dict[str, Any]] = {
    "order": NewOrder,
    "close": PositionClose,
    "modify": PositionChange,
    "change": OrderChange,
    "cancel": OrderCancellation,
}
_KIND_OF: Final[dict[type, str]] = {kind: name for name, kind in _KINDS.items()}
_encode: Final = msgspec.msgpack.Encoder().encode


class SqlJournal:
    """Implements the Journal port in a file that `journal_schema` opened, which is its owner's to close."""

    def __init__(self, file: JournalFile, clock: Clock) -> None:
        self._file = file
        self._clock = clock
        self._age = SteadyAge(clock)
        self._settled: dict[int, TradeRecord] = {}  # whose outcome is not on disk yet
        self._next_purge = clock.monotonic()
        self._patience = Patience(_not_in_time)
        file.write_now(_forget_flights)

    async def claim(self, record: TradeRecord, *, daily_limit: int | None) -> Claim:
        """Write a request down, or return the earlier one with its key.

        Raises DailyTradeLimitExceeded, StorageUnavailable.
        """
        kept_since_ms = self._age.now_ms() - KEPT_MS
        statement, row = _insertion(record)  # a defect in it must not meet the others of the turn

        def write(connection: sqlite3.Connection) -> Claim | None:
            if record.key is not None:
                earlier = self._earlier(connection, record, kept_since_ms)
                if earlier is not None:
                    return Claim(earlier, is_new=False)
            if record.counted_day is not None and daily_limit is not None:
                if daily_limit <= 0:
                    return None
                if not connection.execute(_COUNT, (record.user_id, record.counted_day, daily_limit)).rowcount:
                    return None
            number = connection.execute(statement, row).lastrowid
            assert number is not None
            return Claim(record.numbered(number), is_new=True)

        self._purge()
        claim = await self._written(self._file.write(write, self._abandon))
        if claim is None:
            raise DailyTradeLimitExceeded
        return claim

    async def _written(self, writing: asyncio.Future[Claim | None]) -> Claim | None:
        """Wait until a claim is durable. One that is not in time, or never, is not sent: its key stays free."""
        self._patience.watch(writing, CLAIM_SECONDS)
        try:
            return await writing
        except NotDurable as failure:
            self._abandon(failure.value)
            raise StorageUnavailable(retry_after_seconds=1) from failure

    def _abandon(self, claim: Claim | None) -> None:
        """Free the key of a request that was written down and that nobody will send."""
        if claim is not None and claim.is_new:
            self.settle(claim.record.settled(Outcome.NOT_SENT))

    def settle(self, record: TradeRecord) -> None:
        """Note what became of a request; one without a key is forgotten once that is known."""
        result = None if record.result is None else _encode(record.result)
        self._settled[record.number] = record

        def write(connection: sqlite3.Connection) -> None:
            if record.key is None and not record.outcome.is_open:
                done = connection.execute("DELETE FROM requests WHERE number = ?", (record.number,))
            else:
                done = connection.execute(
                    "UPDATE requests SET outcome = ?, result = ? WHERE number = ?",
                    (record.outcome.value, result, record.number),
                )
            if done.rowcount and record.counted_day is not None and not _counts(record.outcome):
                connection.execute(_UNCOUNT, (record.user_id, record.counted_day))

        def written() -> None:
            if self._settled.get(record.number) is record:
                del self._settled[record.number]

        self._file.write_behind(write, written)

    def by_key(self, user_id: str, key: str) -> TradeRecord | None:
        """Return the user's request with this key, if it is kept. Raises StorageUnavailable."""
        rows = self._file.read(_BY_KEY, (user_id, key))
        if not rows:
            return None
        record = _record(rows[0])
        record = self._settled.get(record.number, record)
        return record if _is_kept(record, self._age.now_ms() - KEPT_MS) else None

    def open_requests(self) -> Sequence[TradeRecord]:
        """Return every request of which it is not known what became of it, oldest first. Raises StorageUnavailable."""
        return [record for record in map(_record, self._file.read(_OPEN)) if record.number not in self._settled]

    def cursor_secret(self) -> bytes:
        """Return the 32 random bytes that seal cursors, made with the journal. Raises StorageUnavailable."""
        secret: bytes = self._file.read("SELECT secret FROM cursor_secret")[0][0]
        return secret

    def trades(self, user_id: str, day: str) -> int:
        """Return how many trades of a day (ISO, UTC) count against the user's limit. Raises StorageUnavailable."""
        rows = self._file.read("SELECT trades FROM trades_per_day WHERE user_id = ? AND day = ?", (user_id, day))
        return rows[0][0] if rows else 0

    def _earlier(self, connection: sqlite3.Connection, record: TradeRecord, kept_since_ms: int) -> TradeRecord | None:
        """Return the request that has the key already; one that is over, or may be taken up again, is dropped.

        What counts is what stands in the file: outcomes on their way to it are written first, or say that it is busy.
        """
        row = connection.execute(_BY_KEY, (record.user_id, record.key)).fetchone()
        if row is None:
            return None
        earlier = _record(row)
        is_again = earlier.outcome is Outcome.NOT_SENT and earlier.fingerprint == record.fingerprint
        if _is_kept(earlier, kept_since_ms) and not is_again:
            return earlier
        connection.execute("DELETE FROM requests WHERE number = ?", (earlier.number,))
        return None

    def _purge(self) -> None:
        """Drop some of what is over, when it is time."""
        now = self._clock.monotonic()
        if now < self._next_purge:
            return
        self._next_purge = now + PURGE_SECONDS
        now_ms, kept_since_ms = self._clock.now_ms(), self._age.now_ms() - KEPT_MS
        yesterday = datetime.fromtimestamp((now_ms - _DAY_MS) / 1000, UTC).date().isoformat()

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(_PURGE_DAYS, (yesterday,))
            if connection.execute(_PURGE, (PURGED_AT_ONCE, kept_since_ms)).rowcount == PURGED_AT_ONCE:
                self._next_purge = now + 1.0

        self._file.write_behind(write)


def _not_in_time() -> StorageUnavailable:
    return StorageUnavailable(
        "The gateway's disk did not confirm the request in time: nothing was done. Try again.", retry_after_seconds=1
    )


def _forget_flights(connection: sqlite3.Connection) -> None:
    """What an earlier process left in flight may or may not have been executed."""
    connection.execute("UPDATE requests SET outcome = 'unknown' WHERE outcome = 'in_flight'")


def _is_kept(record: TradeRecord, since_ms: int) -> bool:
    return record.outcome.is_open or record.mark.since_ms > since_ms


def _counts(outcome: Outcome) -> bool:
    return outcome is Outcome.ACCEPTED or outcome.is_open


def _insertion(record: TradeRecord) -> tuple[str, tuple[Any, ...]]:
    mark = record.mark
    kind, sent = _KIND_OF[type(record.request)], bytearray(_encode(record.request))
    row = (record.user_id, record.account_id, record.operation, kind, sent, mark.tag, mark.since_ms)
    if record.key is None and record.counted_day is None:
        return _INSERT_PLAIN, row
    return _INSERT, (*row, record.key, record.fingerprint, record.counted_day)


def _record(row: Sequence[Any]) -> TradeRecord:
    number, user_id, account_id, operation, kind, request, tag, since_ms, key, fingerprint, day, outcome, result = row
    sent: TradeRequest = msgspec.msgpack.decode(request, type=_KINDS[kind])
    return TradeRecord(
        user_id=user_id,
        account_id=account_id,
        operation=operation,
        request=sent,
        mark=TradeMark(tag, since_ms),
        key=key,
        fingerprint=fingerprint,
        counted_day=day,
        outcome=Outcome(outcome),
        result=None if result is None else msgspec.msgpack.decode(result, type=OrderResult),
        number=number,
    )
