"""The table of the simulated terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from benchmarks.simulator import (
    POLLS_PER_SECOND,
    SYMBOLS,
    TICKS_PER_SECOND,
    Growth,
    Pair,
    measure_memory,
    measure_orders,
    measure_poller,
    measure_year,
)

_LEGEND: Final = """\
simulator, baseline: processor time, median of the rounds, in which both ran in turn in one process.
ratio: the simulator's time over the baseline's, of the medians, and in brackets the lowest and highest of a round.
"""
_ORDERS_PER_SECOND: Final = 20_000
_YEAR_SECONDS: Final = 0.2
_POLLER_SHARE: Final = 0.5
_MEGABYTE: Final = 1e6
_ORDERS_OF_A_SECOND: Final = 20_000


class SimulatorTable:
    """Rows of the simulated terminal, each beside a baseline that was measured in turn with it."""

    def __init__(self) -> None:
        self._table = Table(title="Simulated terminal beside its baselines", title_justify="left", show_lines=True)
        self._table.add_column("work")
        self._table.add_column("baseline")
        for heading in ("simulator", "baseline", "ratio", "wanted"):
            self._table.add_column(heading, justify="right", no_wrap=heading != "ratio")

    def add_orders(self, pair: Pair) -> None:
        """Add `order_send`."""
        ours, theirs = (1 / seconds for seconds in pair.middle)
        self._add(
            "order_send", "a function that builds the same answer", f"{ours:,.0f}/s", f"{theirs:,.0f}/s", pair,
            f">= {_ORDERS_PER_SECOND:,}/s", is_reached=ours >= _ORDERS_PER_SECOND,
        )  # fmt: skip

    def add_year(self, pair: Pair) -> None:
        """Add a year of minute bars."""
        ours, theirs = pair.middle
        self._add(
            "a year of M1 bars", "a random walk in numpy, in the same array", f"{ours * 1000:.0f} ms",
            f"{theirs * 1000:.0f} ms", pair, f"< {_YEAR_SECONDS * 1000:.0f} ms", is_reached=ours < _YEAR_SECONDS,
        )  # fmt: skip

    def add_poller(self, pair: Pair) -> None:
        """Add the poller of many symbols."""
        ours, theirs = pair.middle
        self._add(
            f"{SYMBOLS:,} symbols x {TICKS_PER_SECOND} ticks/s through the poller, {POLLS_PER_SECOND} polls/s",
            "symbol_info_tick of each as often, no ticks", f"{ours:.0%} of a core", f"{theirs:.0%} of a core", pair,
            f"< {_POLLER_SHARE:.0%}", is_reached=ours < _POLLER_SHARE,
        )  # fmt: skip

    def add_memory(self, growth: Growth | None, ticks: int) -> None:
        """Add the memory that a long run takes."""
        work = f"memory, {ticks:,} ticks"
        if growth is None:
            self._table.add_row(work, "", "unknown here", "", "", "")
            return
        grown = (growth.most - growth.before) / _MEGABYTE
        self._table.add_row(
            work,
            "the same process, its buffers just full",
            f"+{grown:.1f} MB",
            f"{growth.before / _MEGABYTE:.0f} MB",
            f"{growth.most / growth.before:.2f}, at {growth.ticks / growth.seconds:,.0f} ticks/s",
            "bounded",
        )

    def rendered(self, machine: str) -> Group:
        """Give the table with what it needs to be read."""
        return Group(self._table, Text(_LEGEND + machine, style="dim"))

    def _add(
        self, work: str, baseline: str, ours: str, theirs: str, pair: Pair, wanted: str, *, is_reached: bool
    ) -> None:
        colour = "green" if is_reached else "red"
        ratio, lowest, highest = pair.ratios
        judged = f"[{colour}]{ours}[/{colour}]"
        self._table.add_row(work, baseline, judged, theirs, f"{ratio:.2f} ({lowest:.2f}-{highest:.2f})", wanted)


def measure_simulator(rounds: int, seconds: float, ticks: int, log: Callable[[str], None]) -> SimulatorTable:
    """Measure everything. `seconds` is about how long one round of a row lasts."""
    table = SimulatorTable()
    log(f"order_send: {rounds} rounds")
    table.add_orders(measure_orders(rounds, max(round(_ORDERS_OF_A_SECOND * seconds), 1)))
    log(f"a year of M1 bars: {rounds} rounds")
    table.add_year(measure_year(rounds))
    log(f"{SYMBOLS:,} symbols through the poller: {rounds} rounds")
    table.add_poller(measure_poller(rounds, seconds))
    log(f"memory over {ticks:,} ticks")
    table.add_memory(measure_memory(ticks), ticks)
    return table
