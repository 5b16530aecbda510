"""Opening, migrating, locking and closing the database file."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from reference_server.storage.database import Database, DatabaseUnusable, database_path
from reference_server.storage.schema import downgrade, upgrade
from reference_server.storage.tables import METADATA


async def test_migrations_make_exactly_the_tables_that_the_code_uses(database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), METADATA))

    async with database.reading() as connection:
        assert await connection.run_sync(differences) == []


async def test_migrations_go_down_to_nothing_and_up_again(database: Database) -> None:
    def tables(connection: Connection) -> set[str]:
        return set(inspect(connection).get_table_names())

    async with database.transaction() as connection:
        await connection.run_sync(downgrade)
        assert await connection.run_sync(tables) == {"alembic_version"}
        await connection.run_sync(upgrade)
        assert {"users", "accounts", "audit"} < await connection.run_sync(tables)


async def test_interrupted_migration_leaves_nothing_behind(database: Database) -> None:
    async def interrupted() -> None:
        async with database.transaction() as connection:
            await connection.run_sync(downgrade)
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        await interrupted()
    async with database.reading() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM users"))).scalar_one() == 0


async def test_opening_again_keeps_the_rows(url: str, database: Database) -> None:
    async with database.writing() as connection:
        columns = "user_id, key_digest, key_last_four, plan, created_at_ms"
        await connection.execute(text(f"INSERT INTO users ({columns}) VALUES ('usr_1', x'00', 'abcd', 'free', 1)"))
    again = await Database.open(url)
    try:
        async with again.reading() as connection:
            assert (await connection.execute(text("SELECT user_id FROM users"))).scalars().all() == ["usr_1"]
    finally:
        await again.close()


async def test_two_processes_may_open_a_new_file_at_once(url: str) -> None:
    opened = await asyncio.gather(*(Database.open(url) for _ in range(6)))
    for database in opened:
        await _ask(database)
        await database.close()


async def test_file_is_private_and_connections_are_set_up(url: str, database: Database) -> None:
    assert stat.S_IMODE(database_path(url).stat().st_mode) == 0o600
    async with database.reading() as connection:
        pragmas = {
            name: (await connection.execute(text(f"PRAGMA {name}"))).scalar_one()
            for name in ("busy_timeout", "journal_mode", "foreign_keys", "synchronous", "secure_delete")
        }
    assert pragmas == {
        "busy_timeout": 5000,
        "journal_mode": "wal",
        "foreign_keys": 1,
        "synchronous": 1,
        "secure_delete": 1,
    }


async def test_writer_holds_the_lock_from_the_beginning(url: str, database: Database) -> None:
    with closing(sqlite3.connect(database_path(url), timeout=0, isolation_level=None)) as other:
        async with database.transaction():
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("BEGIN IMMEDIATE")
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")


async def test_database_of_a_newer_version_is_refused_in_words(url: str, database: Database) -> None:
    async with database.writing() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseUnusable, match="newer version of the gateway"):
        await Database.open(url)


async def test_file_that_is_no_database_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"certainly not a database file" * 50)
    with pytest.raises(DatabaseUnusable, match="file is not a database"):
        await Database.open(f"sqlite:///{tmp_path / 'x.db'}")


async def test_missing_directory_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnusable, match="cannot be opened: No such file"):
        await Database.open(f"sqlite:///{tmp_path / 'none' / 'x.db'}")


@pytest.mark.parametrize("url", ["nonsense", "sqlite://", "sqlite:///:memory:", "postgresql://u:secret@host/db"])
def test_other_urls_are_refused_without_their_password(url: str) -> None:
    with pytest.raises(DatabaseUnusable, match="sqlite:///FILE") as caught:
        database_path(url)
    assert "secret" not in str(caught.value)


async def test_closing_ends_every_thread_and_may_be_repeated(url: str) -> None:
    before = set(threading.enumerate())
    database = await Database.open(url)
    await asyncio.gather(*(_ask(database) for _ in range(20)))
    started = [thread for thread in threading.enumerate() if thread not in before and "asyncio" not in thread.name]
    assert started
    await database.close()
    await database.close()
    for thread in started:  # each ends soon after it has closed its connection
        thread.join(5)
    assert not any(thread.is_alive() for thread in started)


async def test_text_of_a_database_error_holds_no_parameters(database: Database) -> None:
    async with database.writing() as connection:
        with pytest.raises(DBAPIError) as failed:
            await connection.execute(text("INSERT INTO nowhere VALUES (:sealed)"), {"sealed": "v1.unmistakable"})
    assert "unmistakable" not in str(failed.value)


async def _ask(database: Database) -> None:
    async with database.reading() as connection:
        await connection.execute(text("SELECT 1"))
