"""`python -m benchmarks.fuzzing`: abuse a gateway, and print what it did."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import click
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.child import BenchmarkFailed, cores
from benchmarks.fuzzing.contracted import read_contract
from benchmarks.fuzzing.lanes import Deadlines
from benchmarks.fuzzing.outcome_table import rendered
from benchmarks.fuzzing.shown import case_of
from benchmarks.fuzzing.stage import open_stage
from benchmarks.fuzzing.trial import Outcome, run_trial

_WIDTH = 120
_PROGRESS_EVERY = 50


@click.command(epilog="Example: python -m benchmarks.fuzzing --count 20000 --seed 7")
@click.option(
    "--count", type=click.IntRange(100, 10_000_000), default=100_000, show_default=True, help="Cases to send."
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same cases.")
@click.option("--log", "kept_log", type=click.Path(path_type=Path), help="Keep the gateway's log here.")
@click.option("--show", metavar="CASE", help="Only print a case that a finding names, as http:1:476.")
def main(count: int, seed: int, kept_log: Path | None, show: str | None) -> None:
    """Send generated requests and messages to a gateway and judge every answer.

    Exits 0 only if nothing was found.
    """
    console = Console()
    console = Console(width=max(console.width, _WIDTH))
    if show is not None:
        try:
            console.print(case_of(show), markup=False, highlight=False)
        except ValueError as wrong:
            raise click.BadParameter(str(wrong), param_hint="--show") from wrong
        return
    try:
        outcome = fuzz(count, seed, console, kept_log)
    except BenchmarkFailed as failed:
        raise click.ClickException(str(failed)) from failed
    console.print(rendered(outcome, seed))
    sys.exit(0 if outcome.findings.is_clean else 1)


def fuzz(count: int, seed: int, console: Console, kept_log: Path | None = None) -> Outcome:
    """Start a gateway, abuse it, and give what came of it. Raises BenchmarkFailed."""
    server_core, own_core = cores()
    contracted = read_contract()
    columns = (TextColumn("{task.description}"), BarColumn(40), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    with (
        tempfile.TemporaryDirectory() as folder,
        open_stage(Path(folder), server_core, seed) as stage,
        Progress(*columns, TimeRemainingColumn(), console=console) as bar,
    ):
        _pin(own_core)
        task = bar.add_task("fuzzing", total=count, rate="")

        def progress(sent: int) -> None:
            if sent % _PROGRESS_EVERY == 0 or sent == count:
                speed = bar.tasks[0].speed
                bar.update(task, completed=sent, rate=f"{speed:,.0f}/s" if speed else "")

        outcome = uvloop.run(run_trial(stage, contracted, count, seed, progress, Deadlines()))
        if kept_log is not None:
            kept_log.write_bytes(stage.log.read_bytes())
        return outcome


def _pin(core: int | None) -> None:
    if core is not None:
        os.sched_setaffinity(0, {core})


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.fuzzing")
