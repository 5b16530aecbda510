"""The folder that a report is written to: report.json, report.html, junit.xml, badge.json, beside the journal."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import orjson

from conformance.errors import ConfigurationError
from conformance.redaction import Redactor
from conformance.report import RunReport
from conformance.reporters.badge import build_badge
from conformance.reporters.document import Document, build_document
from conformance.reporters.html import build_page
from conformance.reporters.junit import build_junit

__all__ = ["ReportFolder", "render_files"]

JOURNAL = "journal.jsonl"


def _as_json(data: Document) -> bytes:
    return orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


_WRITERS: dict[str, Callable[[Document], bytes]] = {
    "report.json": _as_json,
    "junit.xml": build_junit,
    "badge.json": lambda document: _as_json(build_badge(document)),
    "report.html": build_page,
}


def render_files(report: RunReport, redactor: Redactor) -> dict[str, bytes]:
    """Return the content of each file of the report by its name."""
    document = build_document(report, redactor)
    return {name: render(document) for name, render in _WRITERS.items()}


class ReportFolder:
    """Where the files of one run go."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def journal(self) -> Path:
        """Return the file that records what a run creates."""
        return self.path / JOURNAL

    @property
    def page(self) -> Path:
        """Return the file that people open."""
        return self.path / "report.html"

    def prepare(self) -> None:
        """Make the folder ready before a run begins. Raises ConfigurationError when it cannot be written to.

        An earlier report is removed: it must not be taken for that of a run which reached nothing.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path):
                for name in _WRITERS:
                    (self.path / name).unlink(missing_ok=True)
            with self.journal.open("ab"):
                pass
        except OSError as problem:
            raise self._unwritable(problem) from problem

    def write(self, report: RunReport, redactor: Redactor) -> None:
        """Write all files, each whole or not at all. Raises ConfigurationError when one cannot be written."""
        try:
            for name, content in render_files(report, redactor).items():
                _replace(self.path / name, content)
        except OSError as problem:
            raise self._unwritable(problem) from problem

    def _unwritable(self, problem: OSError) -> ConfigurationError:
        return ConfigurationError("--report", f"the folder {self.path} cannot be written to: {problem.strerror}")


def _replace(path: Path, content: bytes) -> None:
    """Write beside the file, then put the new one in its place in one step."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    beside = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.chmod(0o644)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
