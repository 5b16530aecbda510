"""How findings are shown: a list for people, JSON for machines."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from reference_server.doctor.finding import Finding, Verdict, is_healthy

_STYLES: Final = {
    Verdict.OK: "green",
    Verdict.NOTE: "cyan",
    Verdict.WARNING: "yellow",
    Verdict.PROBLEM: "bold red",
}
_WORD_WIDTH: Final = max(len(verdict.value) for verdict in Verdict)


def print_list(findings: Sequence[Finding], console: Console) -> None:
    """Print a line per finding, the remedy below it, and a line that sums up."""
    width = max((len(finding.subject) for finding in findings), default=0)
    for row in itertools.chain.from_iterable(map(_rows, findings)):
        if console.is_terminal:
            console.print(_wrapped(row, width))
        else:  # whoever reads a file or a pipe wants whole lines
            word, subject, says = (cell.plain for cell in row)
            console.print(Text(f"  {word:<{_WORD_WIDTH}}  {subject:<{width}}  {says}"), soft_wrap=True)
    console.print(Text(f"\n{_summary(findings)}", style="bold" if is_healthy(findings) else "bold red"))


def _wrapped(row: tuple[Text, Text, Text], subject_width: int) -> Padding:
    line = Table.grid(padding=(0, 2))
    line.add_column(width=_WORD_WIDTH)
    line.add_column(width=subject_width)
    line.add_column(ratio=1)
    line.add_row(*row)
    return Padding(line, (0, 0, 0, 2))


def as_json(findings: Sequence[Finding]) -> str:
    """Return one object: whether all is healthy, and the findings in their order."""
    listed = [
        {"subject": one.subject, "verdict": one.verdict.value, "says": one.says, "remedy": one.remedy or None}
        for one in findings
    ]
    return json.dumps({"healthy": is_healthy(findings), "findings": listed}, ensure_ascii=False, indent=2)


def _rows(finding: Finding) -> Iterator[tuple[Text, Text, Text]]:
    style = _STYLES[finding.verdict]
    yield Text(finding.verdict.value, style=style), Text(finding.subject, style="bold"), Text(finding.says)
    if finding.remedy:
        yield Text(""), Text("→", style=style), Text(finding.remedy, style="italic")


def _summary(findings: Sequence[Finding]) -> str:
    counts = Counter(finding.verdict for finding in findings)
    problems, warnings = counts[Verdict.PROBLEM], counts[Verdict.WARNING]
    told = [_counted(number, word) for number, word in ((problems, "problem"), (warnings, "warning")) if number]
    return f"{' and '.join(told) or 'Nothing is wrong'}."


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
