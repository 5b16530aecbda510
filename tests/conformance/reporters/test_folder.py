"""Files appear whole or not at all, and a folder that cannot take them is told before the run."""

import json
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from click.testing import CliRunner

from conformance.cli import conformance
from conformance.errors import ConfigurationError
from conformance.redaction import Redactor
from conformance.reporters.folder import ReportFolder
from tests.conformance.reporters.conftest import MakeReport

NAMES = {"report.json", "report.html", "junit.xml", "badge.json"}


def test_all_four_files_are_written_and_nothing_else(tmp_path: Path, make_report: MakeReport) -> None:
    folder = ReportFolder(tmp_path / "a" / "b")
    folder.prepare()
    folder.write(make_report(), Redactor())
    assert {path.name for path in folder.path.iterdir()} == NAMES | {folder.journal.name}
    assert folder.page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_an_earlier_report_is_gone_once_a_run_begins_and_its_journal_stays(
    tmp_path: Path, make_report: MakeReport
) -> None:
    folder = ReportFolder(tmp_path)
    folder.journal.write_text("{}\n", encoding="utf-8")
    folder.write(make_report(), Redactor())
    folder.prepare()
    assert [path.name for path in tmp_path.iterdir()] == [folder.journal.name]
    assert folder.journal.read_text(encoding="utf-8") == "{}\n"


def test_a_disk_that_fills_up_leaves_the_old_file_and_no_half_one(
    tmp_path: Path, make_report: MakeReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    folder = ReportFolder(tmp_path)
    folder.write(make_report(), Redactor())
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ConfigurationError, match="No space left on device"):
        folder.write(make_report(gateway_version="other"), Redactor())
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("name", ["report.html", "journal.jsonl", None])
def test_what_is_in_the_way_is_told_in_one_sentence(tmp_path: Path, name: str | None) -> None:
    if name is None:
        (tmp_path / "file").write_text("", encoding="utf-8")
        path = tmp_path / "file" / "report"
    else:
        path = tmp_path
        (path / name).mkdir()
    with pytest.raises(ConfigurationError, match=r"--report: the folder .* cannot be written to: \w+"):
        ReportFolder(path).prepare()


async def test_an_unwritable_folder_ends_the_command_before_the_first_request(tmp_path: Path) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.json_response({})

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    server = TestServer(application, host="127.0.0.1")
    await server.start_server()
    (tmp_path / "file").write_text("", encoding="utf-8")
    arguments = ["run", str(server.make_url("")), "--report", str(tmp_path / "file" / "report")]
    result = CliRunner().invoke(conformance, arguments)
    await server.close()
    assert (result.exit_code, asked) == (2, [])
    assert result.output.count("\n") == 1
    assert result.output.startswith("Error: --report: the folder ")


def test_a_gateway_that_is_not_there_leaves_no_report(tmp_path: Path, make_report: MakeReport) -> None:
    ReportFolder(tmp_path).write(make_report(), Redactor())
    result = CliRunner().invoke(conformance, ["run", "http://127.0.0.1:9", "--report", str(tmp_path)])
    assert result.exit_code == 2
    assert not {path.name for path in tmp_path.iterdir()} & NAMES


def test_the_files_can_be_read_by_others(tmp_path: Path, make_report: MakeReport) -> None:
    folder = ReportFolder(tmp_path)
    folder.write(make_report(), Redactor())
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in NAMES} == {0o644}
    assert json.loads((tmp_path / "report.json").read_bytes())["format"].startswith("tonpo-conformance-report/")
