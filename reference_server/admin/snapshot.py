"""A copy of everything that a gateway keeps, taken while it may be running."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import quote

from reference_server.commands import Refused
from reference_server.config import Settings
from reference_server.security.gateway_secrets import MASTER_KEYS, PEPPERS
from reference_server.storage.database import database_path

DATABASE: Final = "tonpo.db"

_BUSY_SECONDS: Final = 2.0
_SIMULATOR_JOURNAL: Final = re.compile(r"simulator\.([0-9]{1,12})\.journal")
_SIMULATOR_DUMP: Final = "simulator.json"


def take_snapshot(settings: Settings, directory: Path) -> Sequence[tuple[str, Path]]:
    """Copy what there is into an empty directory; return names and files. Raises Refused.

    The databases come first and the simulated broker last: what a gateway has noted about a trade is then never newer
    than the trade. Journals of the broker are copied before the dump, which may take their place meanwhile.
    """
    files = [(name, _copy_database(path, directory / name)) for name, path in _databases(settings)]
    files += [(name, _copy(path, directory / name)) for name, path in _secret_files(settings)]
    for path in _simulator_files(settings.data_dir):
        try:
            files.append((path.name, _copy(path, directory / path.name)))
        except FileNotFoundError:  # a journal whose content has just gone into the dump
            continue
    return files


def secrets_left_out(settings: Settings) -> Sequence[str]:
    """Name the secrets that were given by environment: they are in no file, and so in no backup."""
    given = {MASTER_KEYS: settings.master_keys, PEPPERS: settings.api_key_pepper}
    return [name for name, value in given.items() if value]


def _databases(settings: Settings) -> Sequence[tuple[str, Path]]:
    main = database_path(settings.database_url)
    others = sorted(path for path in settings.data_dir.glob("*.db") if path != main and path.name != DATABASE)
    return [(DATABASE, main), *((path.name, path) for path in others)]


def _secret_files(settings: Settings) -> Sequence[tuple[str, Path]]:
    places = {
        MASTER_KEYS: settings.master_keys_file or settings.data_dir / MASTER_KEYS,
        PEPPERS: settings.api_key_pepper_file or settings.data_dir / PEPPERS,
    }
    left_out = secrets_left_out(settings)
    return [(name, path) for name, path in places.items() if name not in left_out]


def _simulator_files(directory: Path) -> Sequence[Path]:
    journals = [
        (int(found[1]), path) for path in directory.iterdir() if (found := _SIMULATOR_JOURNAL.fullmatch(path.name))
    ]
    dump = directory / _SIMULATOR_DUMP
    return [*(path for _, path in sorted(journals)), *([dump] if dump.exists() else ())]


def _copy(path: Path, target: Path) -> Path:
    shutil.copyfile(path, target)
    return target


def _copy_database(path: Path, target: Path) -> Path:
    """Copy as of one moment, with SQLite's own backup, whoever writes meanwhile."""
    address = f"file:{quote(str(path))}?mode=rw"
    try:
        with (
            closing(sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS)) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()  # backup() itself would wait without end
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise Refused(f"{path} is locked by the gateway that is running: stop it, then make the backup") from error
        raise Refused(f"{path} cannot be read: {error}") from error
    return target
