"""How far the numbers of each account's stream were given out, in the journal's file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from reference_server.storage.journal_file import JournalFile

_RESERVE: Final = (
    "INSERT INTO stream_positions VALUES (?1, ?2) ON CONFLICT DO UPDATE SET reserved = reserved + ?2 RETURNING reserved"
)


class SqlStreamPositions:
    """Implements the StreamPositions port."""

    def __init__(self, file: JournalFile) -> None:
        self._file = file

    def reserve(self, account_id: str, count: int) -> int:
        """Let `count` further numbers be used, and return the last one that may have been before; 0 without any.

        Raises StorageUnavailable.
        """

        def write(connection: sqlite3.Connection) -> int:
            reserved: int = connection.execute(_RESERVE, (account_id, count)).fetchone()[0]
            return reserved - count

        before: int = self._file.write_now(write)
        return before

    def leave_out(self, account_ids: Iterable[str], count: int) -> None:
        """Let `count` further numbers of each of these accounts never be used. Raises StorageUnavailable."""

        def write(connection: sqlite3.Connection) -> None:
            for account_id in account_ids:
                connection.execute(_RESERVE, (account_id, count)).fetchone()

        self._file.write_now(write)
