"""`tonpo admin migrate`."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection

from reference_server.config import Settings
from reference_server.storage.ownership import owned
from reference_server.storage.schema import downgrade, revisions
from reference_server.store import open_store

from .conftest import Run, fill

NEWEST = revisions()[0]


@pytest.fixture
def old(settings: Settings) -> Settings:
    """Data of the version before, with a user and an account in them."""

    def down(connection: Connection) -> None:
        downgrade(connection, "0001")

    async def prepare() -> None:
        async with open_store(settings) as store:
            await fill(store, 1)
            async with store.database.transaction() as connection:
                await connection.run_sync(down)

    asyncio.run(prepare())
    return settings


def test_what_is_to_be_done_is_told_done_and_told_again(old: Settings, run: Run) -> None:
    check = run("migrate", "--check")
    assert (check.code, check.stdout) == (
        1,
        f"The schema is 0001 and this version needs {NEWEST}: run tonpo admin migrate.\n",
    )
    assert run("migrate").stdout == f"The schema was brought from 0001 to {NEWEST}.\n"
    for words in (("migrate", "--check"), ("migrate",)):
        done = run(*words)
        assert (done.code, done.stdout) == (0, f"The schema is up to date ({NEWEST}).\n")
    assert "1 credentials" in run("keys", "list").stdout


def test_no_command_migrates_under_a_gateway_that_runs(old: Settings, run: Run) -> None:
    with owned(old.data_dir):
        done = run("migrate")
        assert done.code == 2
        assert "a gateway is running on" in done.stderr.lower()
        listed = run("users", "list")
        assert listed.code == 2
        assert "gateway of another version (schema 0001) is running" in listed.stderr
        assert run("migrate", "--check").code == 1


def test_a_newer_and_a_missing_database_are_told(old: Settings, run: Run) -> None:
    with closing(sqlite3.connect(old.data_dir / "tonpo.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    assert "newer version of the gateway (schema 9999)" in run("migrate").stderr
    nowhere = run("migrate", "--check", place=old.data_dir.parent / "nowhere")
    assert (nowhere.code, "the first start makes it" in nowhere.stderr) == (2, True)


@pytest.mark.parametrize(
    "words",
    [
        ("audit",),
        ("backup", "out.tar"),
        ("keys", "list"),
        ("keys", "rotate"),
        ("keys", "rotate", "--pepper"),
        ("keys", "prune"),
        ("migrate",),
        ("users", "list"),
        ("users", "revoke", "usr_01jdkq2m8sx6a1t4w5y7z9b3cd"),
    ],
    ids=" ".join,
)
def test_a_mistyped_directory_is_told_and_nothing_is_made_in_it(
    words: tuple[str, ...], tmp_path: Path, run: Run
) -> None:
    done = run(*words, place=tmp_path / "mistyped")
    assert (done.code, "There is no database of a gateway at" in done.stderr) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_told(old: Settings, run: Run) -> None:
    (old.data_dir / "tonpo.db").write_bytes(b"no database, but long enough to look like one" * 200)
    done = run("migrate", "--check")
    assert (done.code, "cannot be read" in done.stderr) == (2, True)
