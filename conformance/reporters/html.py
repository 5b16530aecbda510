"""report.html: one file that opens offline, needs nothing from elsewhere and lets nothing foreign run."""

import base64
import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from conformance.outcomes import Status, Verdict
from conformance.reporters.chart import draw_chart
from conformance.reporters.document import Document
from conformance.reporters.legible import clipped
from conformance.requirements import Level

__all__ = ["build_page"]

TEMPLATES = Path(__file__).parent / "templates"

PROBLEMS = (Status.FAIL.value, Status.ERROR.value, Status.FLAKY.value, Status.WARN.value)
"""What the page begins with, the worst first."""

FIRST_FINDINGS = 8
MOST_CHARACTERS = 3_000
"""How much of a body the page shows; report.json has more."""

FIRST_ENTRIES, LAST_ENTRIES = 15, 25
"""How much of a long transcript the page shows, besides the entries that findings cite; report.json has more."""

_TOLD = ("requirement", "message", "expected", "found")
_VERDICTS = {
    Verdict.CONFORMANT.value: "Conformant",
    Verdict.NON_CONFORMANT.value: "Not conformant",
    Verdict.INCOMPLETE.value: "Incomplete",
}
_STATUS_WORDS = {
    Status.PASS.value: "pass",
    Status.FAIL.value: "fail",
    Status.WARN.value: "warning",
    Status.FLAKY.value: "flaky",
    Status.NOT_APPLICABLE.value: "not applicable",
    Status.COULD_NOT_RUN.value: "could not run",
    Status.ERROR.value: "suite error",
}


def build_page(document: Document) -> bytes:
    """Return the page, UTF-8. All text of the document is escaped."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"seconds": _seconds, "clip": clipped, "entries": _entries, "prose": _prose, "many": _many}
    style, script = _source("report.css"), _source("report.js")
    text = environment.get_template("report.html").render(
        report=document,
        style=Markup(style),  # noqa: S704  # the suite's own files, with nothing foreign in them
        script=Markup(script),  # noqa: S704
        policy=f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'",
        chart=draw_chart(document["areas"]),
        problems=_problems(document),
        problem_statuses=PROBLEMS,
        shown={check["id"] for check in document["checks"]},
        texts={row["id"]: row["text"] for row in document["requirements"]},
        verdict=_VERDICTS[document["verdict"]],
        words=_STATUS_WORDS,
        when=_when(document["started_at"]),
        levels=[one.value for one in Level],
        first_findings=FIRST_FINDINGS,
        most=MOST_CHARACTERS,
    )
    return text.encode()


def _source(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """Return a source expression that allows exactly this inline text (Content Security Policy 3, section 2.3.1)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _problems(document: Document) -> list[list[Document]]:
    """Return the checks to begin with, those that say exactly the same together, the most telling of them first."""
    groups: dict[tuple[object, ...], list[Document]] = {}
    for status in PROBLEMS:
        for check in document["checks"]:
            if check["status"] == status:
                told = [
                    (one["requirement"], one["message"], one["expected"], one["found"]) for one in check["findings"]
                ]
                groups.setdefault((status, *(told or [check["id"]])), []).append(check)
    return [sorted(group, key=lambda check: not check["commands"]) for group in groups.values()]


def _prose(text: str) -> Markup:
    """Return escaped text with what is in backticks as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    shown = [Markup("<code>{}</code>").format(part) if index % 2 else escape(part) for index, part in enumerate(parts)]
    return Markup("").join(shown)


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _entries(check: Document, url: str) -> list[Any]:
    """Return the transcript's entries to show, with paths below `url`; None stands for one or more left out."""
    entries, cited = check["transcript"], {finding["entry"] for finding in check["findings"]}
    last = len(entries) - LAST_ENTRIES
    found: list[Any] = []
    for index, entry in enumerate(entries):
        if index < FIRST_ENTRIES or index >= last or entry["number"] in cited:
            path = entry["request"]["url"].removeprefix(url.rstrip("/")) if entry["kind"] == "exchange" else ""
            found.append({**entry, "is_cited": entry["number"] in cited, "path": path})
        elif found[-1] is not None:
            found.append(None)
    return found


def _seconds(milliseconds: float) -> str:
    """Return a duration as a reader would say it."""
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{seconds // 60:.0f} min {seconds % 60:02.0f} s"


def _when(started_at: str) -> str:
    return datetime.fromisoformat(started_at).strftime("%-d %B %Y, %H:%M UTC")
