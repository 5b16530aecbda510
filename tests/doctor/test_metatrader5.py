"""Terminals on this machine: the package, the template and its copies, as far as they exist without a terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from reference_server.config import Settings
from reference_server.doctor.command import doctor
from reference_server.doctor.finding import Finding, Verdict
from reference_server.doctor.metatrader5 import examine_folders
from reference_server.simulator.stand_in.module import site_folder
from reference_server.storage.ownership import owned

from .conftest import ACCOUNT_ID, PASSWORD, only, verdicts


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A folder that looks like a portable terminal that was started once."""
    folder = tmp_path / "template"
    (folder / "config").mkdir(parents=True)
    (folder / "terminal64.exe").write_bytes(bytes(2_000_000))
    write_options(folder, enabled=1)
    return folder


def write_options(template: Path, *, enabled: int) -> None:
    text = f"[Common]\r\nLogin=1\r\n[Experts]\r\nAllowDllImport=0\r\nEnabled={enabled}\r\n"
    (template / "config" / "common.ini").write_bytes(text.encode("utf-16"))


def look(data_dir: Path, template: Path | None, *words: str) -> dict[str, dict[str, Any]]:
    """Run the command; returns the findings by subject, the worst of each."""
    given = [] if template is None else ["--terminal-template", str(template)]
    done = CliRunner().invoke(
        doctor, ["--json", "--data-dir", str(data_dir), "--port", "0", "--terminal", "metatrader5", *given, *words]
    )
    assert PASSWORD not in done.output
    found = json.loads(done.stdout)["findings"]
    order = [verdict.value for verdict in Verdict]
    return {one["subject"]: one for one in sorted(found, key=lambda one: order.index(one["verdict"]))}


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """`import MetaTrader5` finds the simulator, here and in children."""
    monkeypatch.setenv("PYTHONPATH", str(site_folder()))
    monkeypatch.syspath_prepend(str(site_folder()))


def test_the_package_is_missing(tmp_path: Path, template: Path) -> None:
    found = look(tmp_path / "data", template)["metatrader5"]
    assert found["verdict"] == "problem"
    assert "the package MetaTrader5 is not installed" in found["says"]
    assert "mt5linux" in found["says"]


def test_no_template_is_named(tmp_path: Path) -> None:
    assert "terminal_template is needed" in look(tmp_path / "data", None)["metatrader5"]["says"]


@pytest.mark.usefixtures("stand_in")
def test_a_template_without_a_terminal(tmp_path: Path) -> None:
    assert "there is no terminal64.exe in it" in look(tmp_path / "data", tmp_path)["metatrader5"]["says"]


@pytest.mark.usefixtures("stand_in")
def test_a_package_that_is_not_the_genuine_one_is_told(tmp_path: Path, template: Path) -> None:
    found = look(tmp_path / "data", template)
    assert found["metatrader5"]["verdict"] == "warning"
    assert "not MetaQuotes' package" in found["metatrader5"]["says"]
    assert found["template"]["verdict"] == "ok"


@pytest.mark.usefixtures("stand_in")
def test_the_login_is_tried_in_the_account_s_own_folder(used: Settings, template: Path, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    words = ["--login", "5001234", "--server", "Sim-Demo", "--password-file", str(tmp_path / "password")]
    assert "no terminal folder yet" in look(used.data_dir, template, *words)["login"]["says"]
    copy = used.data_dir / "terminals" / ACCOUNT_ID
    copy.mkdir(parents=True)
    (copy / "terminal64.exe").touch()
    assert look(used.data_dir, template, *words)["login"]["verdict"] == "ok"
    with owned(used.data_dir):
        assert "a gateway is running" in look(used.data_dir, template, *words)["login"]["says"]


@pytest.mark.usefixtures("stand_in")
def test_a_package_that_cannot_be_imported(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "site"
    broken.mkdir()
    (broken / "MetaTrader5.py").write_text("raise ImportError('DLL load failed while importing _core')")
    monkeypatch.setenv("PYTHONPATH", str(broken))
    found = look(tmp_path / "data", template)["metatrader5"]
    assert found["verdict"] == "problem"
    assert "DLL load failed" in found["says"]


def examined(template: Path, folders: Path, *account_ids: str) -> list[Finding]:
    return list(examine_folders(template, folders, account_ids))


def test_a_healthy_template(template: Path, tmp_path: Path) -> None:
    found = examined(template, tmp_path / "terminals", ACCOUNT_ID)
    assert "a copy takes 2 MB" in found[0].says
    assert Verdict.PROBLEM not in verdicts(found)


def test_a_template_that_was_never_started(template: Path, tmp_path: Path) -> None:
    (template / "config" / "common.ini").unlink()
    assert "never started with /portable" in only(examined(template, tmp_path), Verdict.WARNING).says


def test_a_template_with_algorithmic_trading_off(template: Path, tmp_path: Path) -> None:
    write_options(template, enabled=0)
    assert "switched off" in only(examined(template, tmp_path), Verdict.WARNING).says


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"no section", "[Experts]\nEnabled=1".encode("utf-16")])
def test_options_that_cannot_be_read_say_nothing(template: Path, tmp_path: Path, content: bytes) -> None:
    (template / "config" / "common.ini").write_bytes(content)
    assert Verdict.WARNING not in verdicts(examined(template, tmp_path))


def test_paths_that_are_too_long_for_windows(template: Path, tmp_path: Path) -> None:
    deep = template / ("history" * 12) / ("symbol" * 12)
    deep.mkdir(parents=True)
    (deep / "2026.hcc").touch()
    finding = only(examined(template, tmp_path / ("long" * 20)), Verdict.PROBLEM)
    assert "Windows takes 259" in finding.says


def test_two_accounts_in_one_folder(template: Path, tmp_path: Path) -> None:
    folders = tmp_path / "terminals"
    (folders / "acc_one").mkdir(parents=True)
    (folders / "acc_one" / "terminal64.exe").touch()
    (folders / "acc_two").symlink_to(folders / "acc_one")
    assert "are the same folder" in only(examined(template, folders, "acc_one", "acc_two"), Verdict.PROBLEM).says
    (folders / "acc_two").unlink()
    (folders / "acc_two").symlink_to(template)
    assert "are the same folder" in only(examined(template, folders, "acc_two"), Verdict.PROBLEM).says
