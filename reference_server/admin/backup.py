"""`tonpo admin backup` and `tonpo admin restore`."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import click

from reference_server.admin.archive import Manifest, member_of, unpack, write_archive
from reference_server.admin.master_keys import missing_keys
from reference_server.admin.opened_store import kept_revision, opened_store, operator_entry
from reference_server.admin.snapshot import DATABASE, secrets_left_out, take_snapshot
from reference_server.commands import FILE, Refused, explained, placed
from reference_server.config import Settings, load_settings
from reference_server.doctor.database import stored_revision
from reference_server.domain.audit import AuditAction
from reference_server.domain.errors import StorageUnavailable
from reference_server.release import gateway_version
from reference_server.security.gateway_secrets import MASTER_KEYS, PEPPERS
from reference_server.security.key_files import ring_of
from reference_server.security.key_ring import MasterKey
from reference_server.storage.credentials import SealedRow
from reference_server.storage.journal_file import JournalUnusable
from reference_server.storage.journal_schema import open_journal_file
from reference_server.storage.schema import revisions
from reference_server.storage.stream_positions import SqlStreamPositions

AHEAD: Final = 2**32
"""More numbers than the stream of any account has given out since a backup was made."""
SPREAD: Final = 2**40
"""Two restorations of one backup differ by a part of this, so that neither gives out the numbers of the other.
Thousands of restorations stay below 2**53, above which not every reader of JSON tells numbers apart."""


@click.command(epilog="Example: tonpo admin backup tonpo-2026-01-31.tar.gz --data-dir ./data")
@click.argument("file", type=FILE, metavar="FILE")
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
@placed
def backup(config_file: Path | None, file: Path, force: bool, **flags: Any) -> None:
    """Write everything that a gateway keeps into one file, while it may be running.

    The file holds the keys together with what they protect: whoever has it can log in to the accounts. Only its owner
    may read it (mode 0600); keep it as safe as the data directory.
    """
    with explained():
        settings = load_settings(flags, os.environ, config_file)
        manifest = _back_up(settings, file.absolute(), force=force)
        size = sum(one.bytes for one in manifest.files)
        click.echo(f"{file} holds {len(manifest.files)} files ({size:,} bytes), schema {manifest.schema}.")
        for name in secrets_left_out(settings):
            click.echo(f"{name} is given by environment and not in it: keep that value as well.")


@click.command(epilog="Example: tonpo admin restore tonpo-2026-01-31.tar.gz --data-dir ./data")
@click.argument("file", type=FILE, metavar="FILE")
@click.option("--data-dir", type=FILE, metavar="DIR", required=True, help="Empty, or not there yet.")
def restore(file: Path, data_dir: Path) -> None:
    """Make a data directory from a backup.

    Everything is checked before the directory appears: hashes, the databases, the schema, and that the keys open what
    is stored. Streams go on with numbers far above those of before: who comes back gets a snapshot. Never let two
    gateways run on the data of one: they would trade the same accounts.
    """
    with explained():
        manifest = _restore(file, data_dir.absolute())
        click.echo(f"{data_dir} holds the backup of {manifest.made_at}, made by version {manifest.version}.")


def _back_up(settings: Settings, file: Path, *, force: bool) -> Manifest:
    schema = kept_revision(settings)
    if file.exists() and not force:
        raise Refused(f"{file} exists: name another file, or give --force to replace it")
    if not file.parent.is_dir():
        raise Refused(f"the folder {file.parent} does not exist")
    try:
        with TemporaryDirectory(dir=file.parent, prefix=".tonpo-backup-") as folder:
            files = take_snapshot(settings, Path(folder))
            if missing := _missing_keys(Path(folder)):
                raise Refused(
                    f"stored credentials need master keys that the ring does not hold ({', '.join(missing)}), and a "
                    "backup could not be restored: run tonpo admin doctor"
                )
            members = tuple(member_of(name, path) for name, path in files)
            schema = stored_revision(Path(folder, DATABASE)) or schema
            manifest = Manifest(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", gateway_version(), schema, members)
            write_archive(file, files, manifest, force=force)
    except OSError as error:
        raise Refused(f"the backup cannot be made: {error.strerror or error} ({error.filename})") from error
    if schema == revisions()[0]:
        asyncio.run(_note(settings, AuditAction.BACKUP_MADE, f"{len(members)} files"))
    return manifest


def _restore(file: Path, data_dir: Path) -> Manifest:
    if data_dir.exists() and (not data_dir.is_dir() or any(data_dir.iterdir())):
        raise Refused(f"{data_dir} is not empty: a backup is restored into a new directory only")
    with _draft_beside(data_dir) as draft:
        manifest = unpack(file, draft)
        for path in draft.glob("*.db"):
            _check_database(file, path)
        revision = stored_revision(draft / DATABASE) if (draft / DATABASE).exists() else None
        if revision not in revisions():
            raise Refused(
                f"{file} was made by a newer version of the gateway (schema {manifest.schema}): install that one"
            )
        if missing := _missing_keys(draft):
            raise Refused(f"{file} does not hold the master keys that its credentials need: {', '.join(missing)}")
        if (draft / MASTER_KEYS).exists() and (draft / PEPPERS).exists():
            restored = load_settings({"data_dir": draft}, {})
            asyncio.run(_note(restored, AuditAction.BACKUP_RESTORED, f"of {manifest.made_at}"))
        asyncio.run(_move_streams_ahead(file, draft))
        if data_dir.exists():
            data_dir.rmdir()
        draft.rename(data_dir)
    return manifest


@contextmanager
def _draft_beside(data_dir: Path) -> Iterator[Path]:
    """A private directory that becomes the data directory, or is removed."""
    try:
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        draft = data_dir.with_name(f".{data_dir.name}.{secrets.token_hex(8)}")
        draft.mkdir(mode=0o700)
        try:
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise Refused(f"{data_dir} cannot be made: {error.strerror or error}") from error


def _check_database(file: Path, path: Path) -> None:
    try:
        with closing(sqlite3.connect(path)) as connection:
            said = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        raise Refused(f"{file} holds a damaged {path.name}: {error}") from error
    if said != "ok":
        raise Refused(f"{file} holds a damaged {path.name}: {said}")


def _missing_keys(directory: Path) -> Sequence[str]:
    """Name the keys that credentials in this copy need and its ring lacks; none where the ring is kept elsewhere."""
    file = directory / MASTER_KEYS
    if not file.exists():
        return ()
    query = "SELECT account_id, sealed_credentials FROM accounts WHERE sealed_credentials IS NOT NULL"
    try:
        with closing(sqlite3.connect(directory / DATABASE)) as connection:
            rows = [SealedRow(*row) for row in connection.execute(query)]
    except sqlite3.Error as error:
        raise Refused(f"the database is damaged: {error}") from error
    return missing_keys(rows, ring_of(file.read_text(errors="replace"), MasterKey, where=MASTER_KEYS))


async def _move_streams_ahead(file: Path, directory: Path) -> None:
    """Give no number again that a stream may have given out after the backup was made.

    A client that knows one would be told what follows it as if nothing had been lost. Now it gets a snapshot.
    """
    with closing(sqlite3.connect(directory / DATABASE)) as connection:
        account_ids = [account_id for (account_id,) in connection.execute("SELECT account_id FROM accounts")]
    try:
        journal = open_journal_file(directory)
        try:
            SqlStreamPositions(journal).leave_out(account_ids, AHEAD + secrets.randbelow(SPREAD))
        finally:
            await journal.close()
    except (JournalUnusable, StorageUnavailable) as error:
        raise Refused(f"{file} holds a journal that cannot be used: {error}") from error


async def _note(settings: Settings, action: AuditAction, detail: str) -> None:
    async with opened_store(settings) as store:
        await store.audit.add(operator_entry(action, "data", detail))
