"""A copy of everything that a gateway keeps, taken while it may be running."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from reference_server.commands import Refused
from reference_server.config import Settings
from reference_server.security.gateway_secrets import MASTER_KEYS, PEPPERS
from reference_server.storage.database import database_path

DATABASE: Final = "tonpo.db"

_BUSY_SECONDS: Final = 2.0
_ATTEMPTS: Final = 5
_SIMULATOR_JOURNAL: Final = re.compile(r"simulator\.([0-9]{1,12})\.journal")
_SIMULATOR_DUMP: Final = "simulator.json"


def take_snapshot(settings: Settings, directory: Path) -> Sequence[tuple[str, Path]]:
    """Copy what there is into an empty directory; return names and files. Raises Refused.

    The databases come first and the simulated broker last: what a gateway has noted about a trade is then never newer
    than the trade. Journals of the broker are copied before the dump, which may take their place meanwhile.
    """
    files = _copy_with_secrets(settings, directory)
    files += [(path.name, _copy_database(path, directory / path.name)) for path in _other_databases(settings)]
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


def _copy_with_secrets(settings: Settings, directory: Path) -> list[tuple[str, Path]]:
    """Copy the main database, and the rings as they are at the moment that the copy shows.

    At every moment the ring files hold the keys of the stored rows, and no key comes back once it is gone: rings that
    are the same before and after that moment are those of it. The gateway need not wait for a lock.
    """
    for _ in range(_ATTEMPTS):
        before = _secrets(settings)
        with _at_one_moment(database_path(settings.database_url)) as source:
            if _secrets(settings) == before:
                copies = [(DATABASE, _copy_to(directory / DATABASE, source))]
                return copies + [(name, _write(directory / name, content)) for name, content in before.items()]
    raise Refused("the keys are being changed: make the backup when that has ended")


def _other_databases(settings: Settings) -> Sequence[Path]:
    main = database_path(settings.database_url)
    return sorted(path for path in settings.data_dir.glob("*.db") if path != main and path.name != DATABASE)


def _secrets(settings: Settings) -> Mapping[str, bytes]:
    places = {
        MASTER_KEYS: settings.master_keys_file or settings.data_dir / MASTER_KEYS,
        PEPPERS: settings.api_key_pepper_file or settings.data_dir / PEPPERS,
    }
    left_out = secrets_left_out(settings)
    return {name: path.read_bytes() for name, path in places.items() if name not in left_out}


def _simulator_files(directory: Path) -> Sequence[Path]:
    journals = [
        (int(found[1]), path) for path in directory.iterdir() if (found := _SIMULATOR_JOURNAL.fullmatch(path.name))
    ]
    dump = directory / _SIMULATOR_DUMP
    return [*(path for _, path in sorted(journals)), *([dump] if dump.exists() else ())]


def _copy(path: Path, target: Path) -> Path:
    shutil.copyfile(path, target)
    return target


def _write(target: Path, content: bytes) -> Path:
    target.write_bytes(content)
    return target


def _copy_database(path: Path, target: Path) -> Path:
    """Copy as of one moment, whoever writes meanwhile."""
    with _at_one_moment(path) as source:
        return _copy_to(target, source)


def _copy_to(target: Path, source: sqlite3.Connection) -> Path:
    with closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
    return target


@contextmanager
def _at_one_moment(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database for a transaction that sees it as it is now, whoever writes meanwhile."""
    address = f"file:{quote(str(path))}?mode=rw"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)) as source:
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()  # backup() itself would wait without end
            yield source
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise Refused(f"{path} is locked by the gateway that is running: stop it, then make the backup") from error
        raise Refused(f"{path} cannot be read: {error}") from error
