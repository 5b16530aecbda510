"""A backup holds everything, a restoration is all or nothing, and what is no good backup is told in a sentence."""

from __future__ import annotations

import asyncio
import io
import json
import sqlite3
import stat
import sys
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from reference_server.admin import master_keys, snapshot
from reference_server.admin.archive import MANIFEST
from reference_server.admin.backup import AHEAD, SPREAD
from reference_server.api.frames import FrameEncoder
from reference_server.commands import Refused
from reference_server.config import Settings, load_settings
from reference_server.domain.account import Account, AccountState
from reference_server.domain.audit import AuditAction
from reference_server.domain.events import StatusChanged
from reference_server.security.key_files import ring_of
from reference_server.security.key_ring import MasterKey
from reference_server.security.live_ring import LiveRing
from reference_server.security.vault import EnvelopeVault
from reference_server.storage.database import database_path
from reference_server.storage.journal_schema import open_journal_file
from reference_server.storage.schema import revisions
from reference_server.storage.stream_positions import SqlStreamPositions
from reference_server.store import Store, open_store
from reference_server.usecases.account_events import AccountEvents

from .conftest import USER_ID, Run, account_id, assert_all_open, fill

Rewrite = Callable[[dict[str, bytes]], None]
ACCOUNTS = 3


@pytest.fixture
def used(settings: Settings) -> Settings:
    """Data of a gateway that has run, with a simulated broker."""

    async def use() -> None:
        async with open_store(settings) as store:
            await fill(store, ACCOUNTS)

    asyncio.run(use())
    (settings.data_dir / "simulator.json").write_text('{"journal": 2}')
    for number in (10, 2):
        (settings.data_dir / f"simulator.{number}.journal").write_text(f"{number}\n")
    with closing(sqlite3.connect(settings.data_dir / "journal.db")) as connection:
        connection.execute("CREATE TABLE trades (id INTEGER)")
        connection.execute("INSERT INTO trades VALUES (7)")
        connection.commit()
    return settings


@pytest.fixture
def made(used: Settings, run: Run, tmp_path: Path) -> Path:
    done = run("backup", str(tmp_path / "backup.tar.gz"))
    assert done.code == 0, done.stderr
    assert "holds 7 files" in done.stdout
    return tmp_path / "backup.tar.gz"


def contents(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        return {one.name: archive.extractfile(one).read() for one in archive}  # type: ignore[union-attr]


def written(path: Path, members: dict[str, bytes], **odd: Any) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(odd.get(name, name))
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


@pytest.fixture
def rotate_and_prune(used: Settings) -> Iterator[Callable[[], None]]:
    """Give the gateway another master key and take the old one away, in a thread of its own."""

    async def rotate(store: Store) -> None:
        async for _ in master_keys.rotate(store):
            pass
        assert len(await master_keys.prune(store)) == 1

    with ThreadPoolExecutor(1) as apart:
        runner, opened = asyncio.Runner(), open_store(used)
        store = apart.submit(runner.run, opened.__aenter__()).result()
        yield lambda: apart.submit(runner.run, rotate(store)).result()
        apart.submit(runner.run, opened.__aexit__(None, None, None)).result()
        apart.submit(runner.close).result()


@contextmanager
def before_lines(module: str, do: Callable[[int], object]) -> Iterator[None]:
    """Do something before each line of a module that this thread passes; it is told how many lines were passed."""
    former, passed = sys.gettrace(), count()

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        if frame.f_code.co_filename != module:
            return None
        if event == "line":
            do(next(passed))
        return trace

    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(former)


async def numbered(data_dir: Path, account: str, count: int) -> AccountEvents:
    """Number so many events of an account, as a gateway does that runs on this directory."""
    journal = open_journal_file(data_dir)
    events = AccountEvents(account, FrameEncoder(), SqlStreamPositions(journal))
    for _ in range(count):
        events.add(StatusChanged(Account(account, USER_ID, AccountState.ACTIVE, 1)))
    await journal.close()
    return events


def opened_passwords(folder: Path) -> list[str]:
    """Open what is sealed in a copied database by the ring that was copied with it."""
    vault = EnvelopeVault(LiveRing(ring_of((folder / "master_keys").read_text(), MasterKey, where="ring")))
    query = "SELECT account_id, sealed_credentials FROM accounts"
    with closing(sqlite3.connect(folder / "tonpo.db")) as copy:
        return [vault.open(*row).password for row in copy.execute(query)]


def test_a_backup_is_private_complete_and_noted(made: Path, used: Settings, run: Run) -> None:
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    held = contents(made)
    assert next(iter(held)) == MANIFEST
    assert set(held) == {
        MANIFEST, "tonpo.db", "journal.db", "master_keys", "api_key_pepper", "simulator.2.journal",
        "simulator.10.journal", "simulator.json",
    }  # fmt: skip
    said = json.loads(held[MANIFEST])
    assert said["schema"] == revisions()[0]
    assert [one["name"] for one in said["files"]] == list(held)[1:]
    assert AuditAction.BACKUP_MADE in run("audit").stdout
    assert {path.name for path in made.parent.iterdir()} == {"data", made.name}


def test_a_restored_directory_is_what_was_backed_up(made: Path, used: Settings, run: Run, tmp_path: Path) -> None:
    target = tmp_path / "deep" / "restored"
    done = run("restore", str(made), place=target)
    assert done.code == 0, done.stderr
    restored = load_settings({"data_dir": target}, {})
    asyncio.run(assert_all_open(restored, ACCOUNTS))
    assert stat.S_IMODE(target.stat().st_mode) == 0o700
    names = {path.name: stat.S_IMODE(path.stat().st_mode) for path in target.iterdir()}
    assert set(names) == set(contents(made)) - {MANIFEST}
    assert set(names.values()) == {0o600}
    for name in ("simulator.json", "simulator.2.journal", "master_keys", "api_key_pepper"):
        assert (target / name).read_bytes() == (used.data_dir / name).read_bytes()
    assert AuditAction.BACKUP_RESTORED in run("audit", place=target).stdout
    assert [path.name for path in target.parent.iterdir()] == ["restored"]


def test_a_backup_is_consistent_while_a_gateway_writes(used: Settings, run: Run, tmp_path: Path) -> None:
    with closing(sqlite3.connect(database_path(used.database_url), isolation_level=None)) as gateway:
        gateway.execute("BEGIN IMMEDIATE")
        gateway.execute("UPDATE accounts SET state = 'deleted', sealed_credentials = NULL")
        # neither waits for the transaction nor sees it; the note of the backup has to wait, and so comes afterwards
        folder = tmp_path / "copy"
        folder.mkdir()
        snapshot.take_snapshot(used, folder)
        gateway.execute("ROLLBACK")
    with closing(sqlite3.connect(folder / "tonpo.db")) as copy:
        assert copy.execute("SELECT count(*) FROM accounts WHERE state = 'active'").fetchone() == (ACCOUNTS,)


def test_keys_rotated_and_pruned_at_any_moment_of_the_copying_belong_to_the_copy(
    used: Settings, tmp_path: Path, rotate_and_prune: Callable[[], None]
) -> None:
    rotated: list[int] = []
    for moment in count(step=3):
        folder = tmp_path / f"copy {moment}"
        folder.mkdir()

        def rotate_once(passed: int, moment: int = moment) -> None:
            if passed == moment:
                rotated.append(passed)
                rotate_and_prune()

        with before_lines(snapshot.__file__, rotate_once):
            snapshot.take_snapshot(used, folder)
        assert opened_passwords(folder) == [f"password {number}" for number in range(ACCOUNTS)]
        if moment not in rotated:
            break
    assert len(rotated) > 20


def test_keys_that_change_all_the_time_are_told(used: Settings, tmp_path: Path) -> None:
    ring = used.data_dir / "master_keys"
    with (
        before_lines(snapshot.__file__, lambda passed: ring.write_text(f"# {passed}\n")),
        pytest.raises(Refused, match="the keys are being changed"),
    ):
        snapshot.take_snapshot(used, tmp_path)


def test_what_could_not_be_restored_is_not_backed_up(used: Settings, run: Run, tmp_path: Path) -> None:
    (used.data_dir / "master_keys").write_text("bm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm4=\n")
    done = run("backup", str(tmp_path / "x.tar.gz"))
    assert done.code == 2
    assert "Stored credentials need master keys that the ring does not hold" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"data"}


def test_a_database_that_the_running_gateway_locks_is_told(used: Settings, run: Run, tmp_path: Path) -> None:
    with closing(sqlite3.connect(used.data_dir / "journal.db", isolation_level=None)) as gateway:
        gateway.execute("PRAGMA locking_mode = EXCLUSIVE")
        gateway.execute("PRAGMA journal_mode = WAL")
        gateway.execute("INSERT INTO trades VALUES (8)")
        done = run("backup", str(tmp_path / "x.tar.gz"))
    assert done.code == 2
    assert "journal.db is locked by the gateway that is running: stop it" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"data"}


def test_a_file_is_overwritten_only_when_forced(made: Path, run: Run) -> None:
    before = made.read_bytes()
    refused = run("backup", str(made))
    assert refused.code == 2
    assert "exists: name another file, or give --force" in refused.stderr
    assert made.read_bytes() == before
    assert run("backup", str(made), "--force").code == 0
    assert made.read_bytes() != before


def test_secrets_given_by_environment_are_not_in_it_and_that_is_told(
    used: Settings, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = (used.data_dir / "master_keys").read_text().splitlines()[-1]
    (used.data_dir / "master_keys").unlink()
    monkeypatch.setenv("TONPO_MASTER_KEYS", key)
    done = run("backup", str(tmp_path / "x.tar.gz"))
    assert "master_keys is given by environment and not in it" in done.stdout
    assert "master_keys" not in contents(tmp_path / "x.tar.gz")
    assert run("restore", str(tmp_path / "x.tar.gz"), place=tmp_path / "restored").code == 0


def test_a_directory_that_is_not_empty_is_left_alone(made: Path, used: Settings, run: Run) -> None:
    before = {path.name: path.read_bytes() for path in used.data_dir.iterdir()}
    done = run("restore", str(made), place=used.data_dir)
    assert done.code == 2
    assert "is not empty" in done.stderr
    assert {path.name: path.read_bytes() for path in used.data_dir.iterdir()} == before


def test_who_knows_a_number_of_the_time_after_the_backup_gets_a_snapshot(
    used: Settings, run: Run, tmp_path: Path
) -> None:
    seen, unseen = account_id(0), account_id(1)
    asyncio.run(numbered(used.data_dir, seen, 100))
    file = tmp_path / "backup.tar.gz"
    assert run("backup", str(file)).code == 0
    known = {account: asyncio.run(numbered(used.data_dir, account, 1482)).newest for account in (seen, unseen)}
    begun = []
    for name in ("restored", "restored again"):
        assert run("restore", str(file), place=tmp_path / name).code == 0
        for account, number in known.items():
            events = asyncio.run(numbered(tmp_path / name, account, number + 10))  # as many as had been told before
            assert events.since(number) is None
            assert AHEAD < events.newest < 2 * SPREAD < 2**53 / 1_000
            begun.append(events.newest)
    assert min(abs(one - other) for one, other in zip(begun[:2], begun[2:], strict=True)) > 1_000_000


def test_a_journal_of_a_newer_version_is_told(used: Settings, run: Run, tmp_path: Path) -> None:
    with closing(sqlite3.connect(used.data_dir / "journal.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
    assert run("backup", str(tmp_path / "newer.tar.gz")).code == 0
    assert_refused(run, tmp_path / "newer.tar.gz", "was made by a newer version of the gateway")


def test_an_empty_directory_is_filled(made: Path, run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert run("restore", str(made), place=tmp_path / "empty").code == 0
    assert (tmp_path / "empty" / "tonpo.db").exists()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda held: held.update({"tonpo.db": held["tonpo.db"][:-1] + b"x"}), "tonpo.db has another SHA-256"),
        (lambda held: held.update({"tonpo.db": held["tonpo.db"] + b"x"}), "tonpo.db is missing or not what"),
        (lambda held: held.pop("master_keys"), "master_keys is missing"),
        (lambda held: held.update({"more": b"x"}), "holds more than its manifest says"),
        (lambda held: held.pop(MANIFEST), "is no backup that tonpo admin backup has made"),
        (lambda held: held.update({MANIFEST: b"{"}), "is no backup that tonpo admin backup has made"),
        (lambda held: held.update({MANIFEST: b'{"format": 99}'}), "has the format 99"),
        (lambda held: _renamed(held, "../outside"), "is no backup that tonpo admin backup has made"),
        (lambda held: _renamed(held, "/tmp/outside"), "is no backup that tonpo admin backup has made"),
        (lambda held: _rehashed(held, "tonpo.db", b"no database at all" * 999), "holds a damaged tonpo.db"),
        (lambda held: _rehashed(held, "master_keys", b"bm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm4=\n"),
         "does not hold the master keys that its credentials need"),
        (lambda held: _of_newer_version(held), "made by a newer version of the gateway"),
    ],
)  # fmt: skip
def test_what_is_damaged_or_foreign_is_told_and_leaves_nothing(
    made: Path, run: Run, tmp_path: Path, damage: Rewrite, said: str
) -> None:
    held = contents(made)
    damage(held)
    bad = tmp_path / "bad.tar.gz"
    written(bad, held)
    assert_refused(run, bad, said)


@pytest.mark.parametrize("part", [0, 10, 1000, 0.5, 0.9, -1])
def test_a_file_that_was_cut_short_is_told_and_leaves_nothing(
    made: Path, run: Run, tmp_path: Path, part: float
) -> None:
    whole = made.read_bytes()
    bad = tmp_path / "bad.tar.gz"
    bad.write_bytes(whole[: int(len(whole) * part) if isinstance(part, float) else part])
    assert_refused(run, bad, "bad.tar.gz")


def test_a_file_with_a_changed_byte_is_told_and_leaves_nothing(made: Path, run: Run, tmp_path: Path) -> None:
    whole = bytearray(made.read_bytes())
    bad = tmp_path / "bad.tar.gz"
    for place in range(20, len(whole), len(whole) // 15):
        whole[place] ^= 0x55
        bad.write_bytes(whole)
        assert_refused(run, bad, "bad.tar.gz")
        whole[place] ^= 0x55


@pytest.mark.parametrize("content", [b"", b"not an archive", b"\x1f\x8b" + b"\x00" * 100])
def test_what_is_no_archive_is_told(run: Run, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.tar.gz").write_bytes(content)
    assert_refused(run, tmp_path / "bad.tar.gz", "bad.tar.gz")


def test_a_link_in_the_place_of_a_file_is_refused(made: Path, run: Run, tmp_path: Path) -> None:
    held = contents(made)
    bad = tmp_path / "bad.tar.gz"
    with tarfile.open(bad, "w:gz") as archive:
        entry = tarfile.TarInfo(MANIFEST)
        entry.size = len(held[MANIFEST])
        archive.addfile(entry, io.BytesIO(held[MANIFEST]))
        link = tarfile.TarInfo("tonpo.db")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    assert_refused(run, bad, "tonpo.db is missing or not what its manifest says")


def test_a_missing_file_and_a_missing_database_are_told(run: Run, tmp_path: Path) -> None:
    assert_refused(run, tmp_path / "none.tar.gz", "No such file")
    done = run("backup", str(tmp_path / "x.tar.gz"), place=tmp_path / "nowhere")
    assert done.code == 2
    assert "there is no database of a gateway" in done.stderr.lower()


def assert_refused(run: Run, file: Path, said: str) -> None:
    target = file.parent / "restored"
    done = run("restore", str(file), place=target)
    assert done.code == 2, done
    assert said in done.stderr
    assert not target.exists()
    assert not list(file.parent.glob(".restored*"))


def _renamed(held: dict[str, bytes], name: str) -> None:
    said = json.loads(held[MANIFEST])
    said["files"][0]["name"] = name
    held[MANIFEST] = json.dumps(said).encode()
    held[name] = held.pop("tonpo.db")


def _rehashed(held: dict[str, bytes], name: str, content: bytes) -> None:
    import hashlib

    said = json.loads(held[MANIFEST])
    for one in said["files"]:
        if one["name"] == name:
            one.update(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    held[name] = content
    held[MANIFEST] = json.dumps(said).encode()


def _of_newer_version(held: dict[str, bytes]) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(held["tonpo.db"])
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
        _rehashed(held, "tonpo.db", connection.serialize())
