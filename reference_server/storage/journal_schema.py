"""What the journal's file holds, and its opening."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from reference_server.storage.journal_file import JournalFile

JOURNAL_FILE: Final = "journal.db"

SCHEMA: Final = (
    """CREATE TABLE requests (
        number INTEGER PRIMARY KEY AUTOINCREMENT, user_id TEXT NOT NULL, account_id TEXT NOT NULL,
        operation TEXT NOT NULL, kind TEXT NOT NULL, request BLOB NOT NULL, tag INTEGER NOT NULL,
        since_ms INTEGER NOT NULL, key TEXT, fingerprint BLOB NOT NULL, counted_day TEXT, outcome TEXT NOT NULL,
        result BLOB)""",
    "CREATE UNIQUE INDEX requests_by_key ON requests (user_id, key) WHERE key IS NOT NULL",
    "CREATE INDEX open_requests ON requests (number) WHERE outcome IN ('in_flight', 'unknown')",
    """CREATE TABLE trades_per_day (
        user_id TEXT NOT NULL, day TEXT NOT NULL, trades INTEGER NOT NULL, PRIMARY KEY (user_id, day)) WITHOUT ROWID""",
    "CREATE TABLE cursor_secret (secret BLOB NOT NULL)",
    "INSERT INTO cursor_secret VALUES (randomblob(32))",
    "CREATE TABLE stream_positions (account_id TEXT PRIMARY KEY, reserved INTEGER NOT NULL) WITHOUT ROWID",
)
"""One statement for each version of the file: new ones are added at the end.

A number is never given out again (AUTOINCREMENT): an outcome that is written late must not meet another request's row.
"""


def open_journal_file(directory: Path, *, is_durable: bool = True) -> JournalFile:
    """Open the journal's file in a data directory, made or brought up to date if need be. Raises JournalUnusable."""
    return JournalFile.open(directory / JOURNAL_FILE, SCHEMA, is_durable=is_durable)
