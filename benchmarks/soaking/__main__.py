"""`python -m benchmarks.soaking`: load a gateway for minutes, and do the accounts."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import click
import uvloop
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.child import BenchmarkFailed, cores
from benchmarks.machine import load_warning
from benchmarks.soaking.ground import open_ground
from benchmarks.soaking.plan import SoakPlan
from benchmarks.soaking.soak import Soaked, soak
from benchmarks.soaking.soak_table import rendered

_WIDTH = 130


@click.command(epilog="Example: python -m benchmarks.soaking --minutes 1 --orders 100")
@click.option("--minutes", type=click.FloatRange(0.02, 1_440), default=10.0, show_default=True, help="How long.")
@click.option("--orders", type=click.FloatRange(1, 5_000), default=200.0, show_default=True, help="Orders a second.")
@click.option(
    "--deliveries", type=click.FloatRange(100, 100_000), default=5_000.0, show_default=True, help="Ticks a second."
)
@click.option("--log", "kept_log", type=click.Path(path_type=Path), help="Keep the gateway's log here.")
def main(minutes: float, orders: float, deliveries: float, kept_log: Path | None) -> None:
    """Trade and stream at a steady rate, and check that nothing was lost, doubled or kept.

    Exits 0 only if everything held.
    """
    console = Console()
    console = Console(width=max(console.width, _WIDTH), log_path=False)
    if busy := load_warning():
        console.log(busy)
    plan = SoakPlan(minutes * 60, orders_per_second=orders, deliveries_per_second=deliveries)
    try:
        soaked = run_soak(plan, console, kept_log)
    except BenchmarkFailed as failed:
        raise click.ClickException(str(failed)) from failed
    console.print(rendered(soaked))
    sys.exit(0 if soaked.is_sound else 1)


def run_soak(plan: SoakPlan, console: Console, kept_log: Path | None = None) -> Soaked:
    """Start a gateway, load it, and give what came of it. Raises BenchmarkFailed."""
    server_core, own_core = cores()
    columns = (TextColumn("{task.description}"), BarColumn(40), TextColumn("{task.fields[orders]:,} orders"))
    with (
        tempfile.TemporaryDirectory() as folder,
        open_ground(Path(folder), server_core, plan) as ground,
        Progress(*columns, TimeRemainingColumn(), console=console) as bar,
    ):
        if own_core is not None:
            os.sched_setaffinity(0, {own_core})
        task = bar.add_task("soaking", total=plan.seconds, orders=0)
        try:
            return uvloop.run(
                soak(ground, plan, lambda passed, orders: bar.update(task, completed=passed, orders=orders))
            )
        finally:
            if kept_log is not None:
                kept_log.write_bytes(ground.log.read_bytes())


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.soaking")
