"""The data directory, the database and the keys, each healthy and each broken for real."""

from __future__ import annotations

import os
import sqlite3
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from reference_server.config import Settings
from reference_server.doctor.data import examine_data, examine_room
from reference_server.doctor.database import examine_database
from reference_server.doctor.finding import Finding, Verdict, is_healthy
from reference_server.doctor.keys import examine_keys
from reference_server.storage.ownership import owned

from .conftest import ACCOUNT_ID, PASSWORD, USER_ID, MakeSettings, only, problems, verdicts


def everything(settings: Settings) -> list[Finding]:
    return [*examine_data(settings), *examine_database(settings), *examine_keys(settings)]


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {str(path): (path.stat().st_mode, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def closed_folder() -> Iterator[Path]:
    """A folder that may be entered and not written to. Nothing is closed to root, which asks as somebody else."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        is_root = os.geteuid() == 0
        if is_root:
            os.seteuid(65_534)
        try:
            yield Path(folder)
        finally:
            if is_root:
                os.seteuid(0)
            Path(folder).chmod(0o700)


def test_a_gateway_that_has_run_is_healthy_and_looking_at_it_changes_nothing(used: Settings) -> None:
    before = files(used.data_dir)
    found = everything(used)
    assert set(verdicts(found)) <= {Verdict.OK, Verdict.NOTE}
    assert "those of 1 account open" in [finding.says for finding in found]
    assert files(used.data_dir) == before


def test_what_the_first_start_makes_is_no_problem_and_is_not_made(settings_of: MakeSettings) -> None:
    settings = settings_of()
    assert is_healthy(everything(settings))
    assert not settings.data_dir.exists()


def test_findings_hold_no_secret(used: Settings) -> None:
    names = ("master_keys", "api_key_pepper")
    secrets = [(used.data_dir / name).read_text().splitlines()[-1] for name in names]
    (used.data_dir / "master_keys").write_text(secrets[0][:-4] + "!!!!\n")
    shown = repr([*everything(used)])
    assert not any(secret[:12] in shown for secret in [*secrets, PASSWORD])


def test_a_folder_that_may_not_be_written_to(closed_folder: Path) -> None:
    finding = only(examine_data(Settings(data_dir=closed_folder)), Verdict.PROBLEM)
    assert finding.says == f"{closed_folder} may not be read and written by this user"
    assert "chown" in finding.remedy


def test_a_folder_that_cannot_be_made(closed_folder: Path) -> None:
    finding = only(examine_data(Settings(data_dir=closed_folder / "data" / "tonpo")), Verdict.PROBLEM)
    assert f"{closed_folder} may not be written to" in finding.says


def test_a_file_in_the_place_of_the_folder(settings_of: MakeSettings) -> None:
    settings = settings_of()
    settings.data_dir.write_text("")
    assert problems(examine_data(settings)) == [f"{settings.data_dir} is no directory"]


def test_a_folder_that_others_may_enter(used: Settings) -> None:
    used.data_dir.chmod(0o755)
    finding = only(examine_data(used), Verdict.WARNING)
    assert "mode 0755" in finding.says
    assert finding.remedy == f"Run chmod 700 {used.data_dir}"


def test_a_disk_without_room(tmp_path: Path) -> None:
    assert verdicts(examine_room("disk", tmp_path, needed=2**62)) == [Verdict.PROBLEM]
    assert verdicts(examine_room("disk", tmp_path / "not" / "yet", needed=1)) != [Verdict.PROBLEM]


def test_a_gateway_that_runs_is_a_note(used: Settings) -> None:
    with owned(used.data_dir):
        assert "a gateway is running" in only(examine_data(used), Verdict.NOTE).says
    assert is_healthy(examine_data(used))


def test_a_database_in_use_is_read_with_what_its_log_holds(used: Settings) -> None:
    path = used.data_dir / "tonpo.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE accounts SET state = 'login_failed'")
        connection.commit()
        assert Path(f"{path}-wal").stat().st_size
        assert only(examine_database(used), Verdict.WARNING).says == "1 login_failed"


def test_a_database_copied_without_the_index_of_its_log(used: Settings, tmp_path: Path) -> None:
    path = used.data_dir / "tonpo.db"
    copy = tmp_path / "copy"
    copy.mkdir(mode=0o700)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE accounts SET state = 'reconnecting'")
        connection.commit()
        for name in ("tonpo.db", "tonpo.db-wal"):
            (copy / name).write_bytes((used.data_dir / name).read_bytes())
            (copy / name).chmod(0o600)
    before = files(copy)
    settings = Settings(data_dir=copy, database_url=f"sqlite:///{copy / 'tonpo.db'}")
    assert [finding.says for finding in examine_database(settings)][-1] == "1 reconnecting"
    assert files(copy) == before


def test_a_file_that_is_no_database(used: Settings) -> None:
    (used.data_dir / "tonpo.db").write_bytes(b"not a database, but long enough to look like a page" * 100)
    assert "cannot be read" in only(examine_database(used), Verdict.PROBLEM).says
    assert verdicts(examine_keys(used)) == [Verdict.OK]


def test_a_damaged_database(used: Settings) -> None:
    path = used.data_dir / "tonpo.db"
    pages = bytearray(path.read_bytes())
    for offset in range(4096 + 8, len(pages), 4096):
        pages[offset : offset + 64] = b"\xff" * 64
    path.write_bytes(pages)
    assert len(problems(examine_database(used))) == 1


def test_a_database_of_a_newer_version(used: Settings) -> None:
    with closing(sqlite3.connect(used.data_dir / "tonpo.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    assert "newer version of the gateway (schema 9999)" in only(examine_database(used), Verdict.PROBLEM).says


def test_an_empty_database_is_filled_at_the_next_start(settings_of: MakeSettings) -> None:
    settings = settings_of()
    settings.data_dir.mkdir(mode=0o700)
    settings.data_dir.joinpath("tonpo.db").touch(mode=0o600)
    assert verdicts(examine_database(settings)) == [Verdict.NOTE]


def test_a_database_of_another_kind(settings_of: MakeSettings) -> None:
    settings = settings_of(database_url="postgresql://tonpo:hunter2@db/tonpo")
    assert "hunter2" not in only(examine_database(settings), Verdict.PROBLEM).says
    assert not list(settings.data_dir.parent.iterdir())


def test_missing_keys_beside_a_database(used: Settings) -> None:
    (used.data_dir / "master_keys").unlink()
    finding = only(examine_keys(used), Verdict.PROBLEM)
    assert "is missing and the database exists" in finding.says
    assert "backup" in finding.remedy


def test_keys_that_others_may_read(used: Settings) -> None:
    (used.data_dir / "api_key_pepper").chmod(0o644)
    assert "mode 0644" in only(examine_keys(used), Verdict.PROBLEM).says


def test_keys_that_do_not_open_what_is_stored(used: Settings) -> None:
    (used.data_dir / "master_keys").write_bytes(b64encode(bytes(range(32))))
    assert problems(examine_keys(used)) == [
        f"the credentials of {ACCOUNT_ID} need a master key that the key ring does not hold"
    ]


def test_many_accounts_that_do_not_open_are_named_three_times(used: Settings) -> None:
    with closing(sqlite3.connect(used.data_dir / "tonpo.db")) as connection:
        for number in range(9):
            row = (f"acc_{number}", USER_ID, "active", False, "Sim-Demo", b"damaged", 1)
            connection.execute(
                "INSERT INTO accounts (account_id, user_id, state, paused, mt5_server, sealed_credentials,"
                " created_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
                row,
            )
        connection.commit()
    said = problems(examine_keys(used))
    assert len(said) == 4
    assert said[-1] == "6 more accounts do not open either"


def test_one_secret_given_and_the_other_still_to_be_made(settings_of: MakeSettings) -> None:
    given = settings_of(master_keys=b64encode(bytes(32)).decode())
    assert only(examine_keys(given), Verdict.NOTE).says == f"the first start makes api_key_pepper in {given.data_dir}"
    wrong = settings_of(master_keys="short")
    assert not is_healthy(examine_keys(wrong))
