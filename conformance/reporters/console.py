"""The terminal: a progress line while the run goes on, then what matters, most important last."""

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from conformance.curl import curl_command
from conformance.events import CheckFinished, CheckStarted, Event, Notice, RunFinished, RunStarted
from conformance.exchange import Exchange
from conformance.outcomes import CheckResult, Finding, Status, Verdict
from conformance.redaction import Redactor
from conformance.report import RequirementStatus, RunReport

__all__ = ["ConsoleReporter"]

STYLES = {
    Status.PASS: "green",
    Status.FAIL: "bold red",
    Status.WARN: "yellow",
    Status.FLAKY: "magenta",
    Status.NOT_APPLICABLE: "dim",
    Status.COULD_NOT_RUN: "cyan",
    Status.ERROR: "bold red reverse",
}
_MARKS = {
    Status.FAIL: "✗",
    Status.WARN: "!",
    Status.FLAKY: "~",
    Status.COULD_NOT_RUN: "?",
    Status.ERROR: "⚠",
}
_VERDICTS = {Verdict.CONFORMANT: "bold green", Verdict.NON_CONFORMANT: "bold red", Verdict.INCOMPLETE: "bold yellow"}

MOST_FINDINGS = 4
"""Findings shown per check; the files of the report hold all."""


class ConsoleReporter:
    """Prints a run. Progress is drawn only on a terminal; all else is plain text elsewhere."""

    def __init__(self, console: Console, redactor: Redactor) -> None:
        self._console = console
        self._redactor = redactor
        self._bar = TaskID(0)
        self._progress = Progress(
            SpinnerColumn(),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
            console=console,
            transient=True,
        )

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case RunStarted():
                self._started(event)
            case CheckStarted(id=identifier, attempt=number):
                again = f" (repetition {number - 1})" if number > 1 else ""
                self._progress.update(self._bar, description=identifier + again)
            case CheckFinished(result=result):
                self._finished(result)
            case Notice(text=text):
                self._progress.console.print(Text(f"· {self._redactor.text(text)}", style="dim"))
            case RunFinished(report=report):
                self.close()
                self._summary(report)

    def close(self) -> None:
        """Stop drawing."""
        if self._progress.live.is_started:
            self._progress.stop()

    def _started(self, event: RunStarted) -> None:
        target = event.target
        line = f"{target.url}  ·  profile {target.profile}  ·  {target.target_class} target  ·  seed {target.seed}"
        self._console.print(Text("Tonpo conformance", style="bold"), Text(line), sep="  ")
        claimed = ", ".join(event.claimed) or "none"
        self._console.print(Text(f"capabilities claimed: {claimed}", style="dim"))
        self._bar = self._progress.add_task("", total=event.total)
        self._progress.start()

    def _finished(self, result: CheckResult) -> None:
        if result.status.is_executed or result.status is Status.ERROR:
            self._progress.advance(self._bar)
        mark = _MARKS.get(result.status)
        if mark is None or (result.status is Status.COULD_NOT_RUN and result.attempts == 1 and not result.requests):
            return
        text = Text.assemble((f"{mark} ", STYLES[result.status]), (result.id, "bold"), f"  {result.title}")
        self._progress.console.print(text)

    # -- the end -------------------------------------------------------------------------------------------------------

    def _summary(self, report: RunReport) -> None:
        for result in report.results:
            if result.status in (Status.FAIL, Status.FLAKY, Status.WARN, Status.ERROR):
                self._problem(result)
        self._console.print()
        self._console.print(self._table(report))
        self._not_run(report)
        self._requirements(report)
        if report.not_claimed:
            self._console.print(
                Text(f"Extended capabilities not claimed, so not judged: {', '.join(report.not_claimed)}", style="dim")
            )
        if report.present_unclaimed:
            there = ", ".join(report.present_unclaimed)
            self._console.print(Text(f"Present all the same, though GET /health does not claim it: {there}"))
        self._verdict(report)

    def _problem(self, result: CheckResult) -> None:
        self._console.print()
        head = Text.assemble((result.status.value.upper(), STYLES[result.status]), "  ", (result.id, "bold"))
        head.append(f"  {result.title}")
        if result.reason:
            head.append(f"  ({self._redactor.text(result.reason)})", style="dim")
        self._console.print(head)
        for finding in result.findings[:MOST_FINDINGS]:
            self._finding(finding)
        if len(result.findings) > MOST_FINDINGS:
            self._console.print(Text(f"    … and {len(result.findings) - MOST_FINDINGS} more", style="dim"))
        for command in self._commands(result):
            self._console.print(Text(f"    $ {command}", style="dim"), soft_wrap=True)

    def _finding(self, finding: Finding) -> None:
        rule = f"{finding.requirement} " if finding.requirement else ""
        text = Text.assemble(f"  {rule}", (f"{finding.level} ", "bold"), self._redactor.text(finding.message))
        self._console.print(text)
        for name, value in (("expected", finding.expected), ("found", finding.found)):
            if value is not None:
                self._console.print(Text(f"    {name:9}{self._redactor.text(value)}"))

    def _commands(self, result: CheckResult) -> list[str]:
        if result.curl:
            return [self._redactor.text(one) for one in result.curl[:MOST_FINDINGS]]
        numbers = dict.fromkeys(finding.entry for finding in result.findings[:MOST_FINDINGS])
        shown = {entry.number: entry for entry in result.transcript if isinstance(entry, Exchange)}
        return [curl_command(shown[one].request, self._redactor) for one in numbers if one in shown][:2]

    def _table(self, report: RunReport) -> Table:
        used = [status for status in Status if report.counts[status]]
        table = Table(box=None, pad_edge=False, header_style="bold", show_footer=True, footer_style="bold")
        table.add_column("area", footer="all")
        for status in used:
            table.add_column(status.value, justify="right", footer=str(report.counts[status]), style=STYLES[status])
        for area in report.areas:
            mine = [result.status for result in report.results if result.area == area]
            table.add_row(escape(area), *(str(mine.count(status)) if status in mine else "·" for status in used))
        return table

    def _not_run(self, report: RunReport) -> None:
        reasons: dict[str, int] = {}
        for result in report.results:
            if result.status is Status.COULD_NOT_RUN:
                reasons[result.reason or "?"] = reasons.get(result.reason or "?", 0) + 1
        for reason, count in reasons.items():
            self._console.print(Text(f"could not run ({count}): {self._redactor.text(reason)}", style="cyan"))

    def _requirements(self, report: RunReport) -> None:
        rows = [row.status for row in report.requirements]
        shown = [
            f"{rows.count(status)} {status.value.replace('-', ' ')}"
            for status in RequirementStatus
            if status in rows and status is not RequirementStatus.NOT_SELECTED
        ]
        self._console.print(Text(f"\nRequirements: {', '.join(shown)}"))

    def _verdict(self, report: RunReport) -> None:
        seconds = report.duration_ms / 1000
        scope = "" if report.is_complete_selection else f" on the checks selected ({', '.join(report.target.only)})"
        reasons = f": {', '.join(report.reasons)}" if report.reasons else ""
        self._console.print()
        self._console.print(
            Text.assemble(
                (report.verdict.value.upper(), _VERDICTS[report.verdict]),
                f"{scope}{reasons}  ",
                (f"({report.target.profile} profile, {report.requests} requests, {seconds:.1f} s)", "dim"),
            )
        )
