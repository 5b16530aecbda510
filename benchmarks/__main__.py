"""`python -m benchmarks`: measure, and print tables of ratios."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from benchmarks.child import BenchmarkFailed, Child, cores, python_module
from benchmarks.exchange import Work, measure_overhead, measure_rates
from benchmarks.gateway import start_bare, start_driven, start_gateway
from benchmarks.machine import load_warning, machine_line
from benchmarks.peer import PEER, PeerAbsent, install_peer, start_peer
from benchmarks.plan import Plan
from benchmarks.profiling import profile
from benchmarks.simulator_table import measure_simulator
from benchmarks.stream import Listened, measure_stream, symbol_digits
from benchmarks.table import ResultTable
from benchmarks.target import HttpTarget

_WIDTH: Final = 150
"""Columns that the table needs to be read in one piece, also where the output is no terminal."""

PARTS: Final = ("gateway", "simulator")
_TICKS: Final = 10_000_000
WORKS: Final = ("price", "order", "stream", "overhead")
_TITLES: Final[dict[Work, str]] = {"price": "GET /api/symbols/EURUSD", "order": "POST /api/orders"}
_WANTED: Final[dict[Work, float | None]] = {"price": 0.7, "order": None}


@click.command(
    epilog="Examples: python -m benchmarks --rounds 3 --only price --no-peer; python -m benchmarks simulator"
)
@click.argument("parts", nargs=-1, type=click.Choice(PARTS), metavar="[gateway] [simulator]")
@click.option(
    "--rounds", type=click.IntRange(1), default=7, show_default=True, help="How often each server is measured."
)
@click.option("--seconds", type=click.FloatRange(0.05), default=1.0, show_default=True, help="How long each time.")
@click.option("--only", type=click.Choice(WORKS), multiple=True, help="Only these; may be repeated.")
@click.option("--no-peer", is_flag=True, help=f"Leave out {PEER}.")
@click.option(
    "--ticks", type=click.IntRange(1), default=_TICKS, show_default=True, help="Length of the run for memory."
)
@click.option("--profile", "profiled", type=click.Choice(("price", "order", "stream")), help="Show where time goes.")
def main(
    parts: tuple[str, ...],
    rounds: int,
    seconds: float,
    only: tuple[str, ...],
    no_peer: bool,
    ticks: int,
    profiled: str | None,
) -> None:
    """Measure the gateway and the simulated terminal beside their baselines and print tables of ratios.

    Without an argument both; --only and --profile are about the gateway.
    """
    console = Console()
    console = Console(width=max(console.width, _WIDTH), log_path=False)
    chosen = parts or (("gateway",) if only or profiled else PARTS)
    plan = Plan(rounds=rounds, seconds=seconds, warm_up_seconds=min(0.3, seconds))
    if busy := load_warning():
        console.log(busy)
    try:
        if "gateway" in chosen:
            with ExitStack() as stack:
                bench = Bench(plan, Path(stack.enter_context(tempfile.TemporaryDirectory())), stack)
                if profiled is not None:
                    console.print(profile(bench.load, bench.driven(), profiled, plan))
                else:
                    table = run(bench, only or WORKS, console.log, has_peer=not no_peer)
                    console.print(table.rendered(machine_line(is_pinned=bench.is_pinned)))
    except BenchmarkFailed as failed:
        raise click.ClickException(str(failed)) from failed
    if "simulator" in chosen:
        measures = measure_simulator(rounds, seconds, ticks, console.log)
        console.print(measures.rendered(machine_line(is_pinned=None)))


class Bench:
    """The processes of one run; all end with `stack`."""

    def __init__(self, plan: Plan, folder: Path, stack: ExitStack) -> None:
        self.plan = plan
        self._folder = folder
        self._stack = stack
        self._server_core, load_core = cores()
        self.load = Child(
            "the load generator", python_module("benchmarks.load"), folder / "load.log", core=load_core, answers=True
        )
        stack.callback(self.load.stop)
        self._driven = 0

    @property
    def is_pinned(self) -> bool:
        """Whether servers and load generator have cores of their own."""
        return self._server_core is not None

    def gateway(self) -> HttpTarget:
        """Start `tonpo serve`."""
        return self._kept(start_gateway(self._folder / "gateway", self._server_core))

    def bare(self) -> HttpTarget:
        """Start the bare baseline."""
        return self._kept(start_bare(self._folder / "bare", self._server_core))

    def peer(self) -> HttpTarget:
        """Start the peer. Raises PeerAbsent."""
        return self._kept(start_peer(install_peer(), self._folder / "peer", self._server_core))

    def driven(self) -> Listened:
        """Start a fresh driven gateway."""
        self._driven += 1
        target, key = start_driven(self._folder / f"driven-{self._driven}", self._server_core)
        return Listened(self._kept(target), key)

    def _kept(self, target: HttpTarget) -> HttpTarget:
        self._stack.callback(target.child.stop)
        return target


def run(bench: Bench, works: tuple[str, ...], log: Callable[[str], None], *, has_peer: bool) -> ResultTable:
    """Measure what is asked for. Raises BenchmarkFailed."""
    plan = bench.plan
    table = ResultTable()
    bare = bench.bare()
    asked: list[Work] = [work for work in _TITLES if work in works]
    if asked:
        gateway = bench.gateway()
        targets = [gateway, bare]
        absent = "left out"
        if has_peer:
            try:
                targets.append(bench.peer())
            except PeerAbsent as reason:
                absent = str(reason)
        for work in asked:
            title = _TITLES[work]
            log(f"{title}: {plan.rounds} rounds of {len(targets)} servers, {plan.seconds:g} s each")
            ours, theirs, *peers = measure_rates(bench.load, targets, work, plan)
            table.add_rates(title, ours, theirs, "bare Starlette", _WANTED[work])
            if peers:
                table.add_rates(title, ours, peers[0], PEER, 3.0)
            else:
                table.add_absent(title, PEER, absent)
    if "overhead" in works:
        log(f"orders at {plan.orders_per_second:.0f}/s: {plan.rounds} rounds of 2 servers")
        table.add_overhead(measure_overhead(bench.load, bench.driven().target, bare, plan))
    if "stream" in works:
        listened = [bench.driven(), Listened(bare, "none")]
        for width in (len(symbol_digits()), 1):
            log(f"tick to {plan.sockets} sockets, {width} at once: {plan.rounds} rounds of 2 servers")
            series = measure_stream(bench.load, listened, width, plan)
            table.add_stream(series, plan.sockets)
    return table


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
