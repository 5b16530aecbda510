"""The one table that the command prints."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from benchmarks.exchange import Overhead
from benchmarks.measures import Series, cpu_ratio, rate_ratio
from benchmarks.stream import StreamSeries

_LEGEND = """\
gateway, baseline: median of the rounds, in which the servers ran in turn; latencies as p50 / p99.
ratio: of the medians, and in brackets the lowest and highest of a round (latency rows: lowest and highest p99 in ms).
by CPU: the ratio of the servers' processor time for each unit; other work on the machine disturbs it less.
"""

_ALL = 0.99


class ResultTable:
    """Rows of ratios, each against a baseline that was measured in turn with it."""

    def __init__(self) -> None:
        self._table = Table(title="Reference gateway beside its baselines", title_justify="left", show_lines=True)
        self._table.add_column("work")
        self._table.add_column("baseline")
        for heading in ("gateway", "baseline", "ratio", "by CPU", "wanted"):
            self._table.add_column(heading, justify="right", no_wrap=heading != "ratio")
        self._load_share = 0.0
        self._delivered = 1.0

    def add_rates(self, work: str, ours: Series, theirs: Series, baseline: str, wanted: float | None) -> None:
        """Add requests or deliveries a second."""
        ratio = rate_ratio(ours, theirs)
        by_cpu = cpu_ratio(ours, theirs)
        self._note_load(ours, theirs)
        self._table.add_row(
            work,
            baseline,
            f"{ours.per_second:,.0f}/s",
            f"{theirs.per_second:,.0f}/s",
            _judged(f"{ratio.value:.2f}", wanted is None or ratio.value >= wanted)
            + f" ({ratio.lowest:.2f}-{ratio.highest:.2f})",
            f"{by_cpu:.2f}" if by_cpu is not None else "unknown",
            f">= {wanted:g}" if wanted is not None else "",
        )

    def add_latency(self, work: str, ours: Series, theirs: Series, baseline: str, wanted_p99_ms: float) -> None:
        """Add the middle and the 99th percentile of a latency."""
        self._note_load(ours, theirs)
        p99s = [one.p99_ms for one in ours.readings]
        self._table.add_row(
            work,
            baseline,
            f"{ours.p50_ms:.2f} / {ours.p99_ms:.2f} ms",
            f"{theirs.p50_ms:.2f} / {theirs.p99_ms:.2f} ms",
            _judged(f"{ours.p99_ms / max(theirs.p99_ms, 1e-3):.2f}", ours.p99_ms < wanted_p99_ms)
            + f" ({min(p99s):.2f}-{max(p99s):.2f})",
            "",
            f"p99 < {wanted_p99_ms:g} ms",
        )

    def add_absent(self, work: str, baseline: str, reason: str) -> None:
        """Add a row for a baseline that could not be measured."""
        self._table.add_row(work, baseline, "", "", f"[yellow]{reason}[/yellow]", "", "")

    def add_overhead(self, overhead: Overhead) -> None:
        """Add the rows of an order at a fixed rate."""
        at = f"order, {overhead.rate:.0f}/s:"
        self.add_latency(f"{at} added to order_send", overhead.added, overhead.bare, "bare Starlette", 5.0)
        self.add_latency(f"{at} whole", overhead.whole, overhead.bare, "bare Starlette", 5.0)

    def add_stream(self, series: StreamSeries, sockets: int) -> None:
        """Add the rows of one width of rounds."""
        baseline = "bare ASGI send loop"
        work = f"tick to {sockets} sockets, {series.width} symbol{'s' if series.width > 1 else ''} at once"
        self.add_rates(work, series.full[0], series.full[1], baseline, 3.0)
        ours, theirs = series.half
        work = f"… at half rate ({ours.per_second:,.0f}/s; {theirs.per_second:,.0f}/s)"
        self.add_latency(work, ours, theirs, baseline, 20.0)

    def rendered(self, machine: str) -> Group:
        """Give the table with what it needs to be read."""
        busy = f"load generator: at most {self._load_share:.0%} of its core" if self._load_share else ""
        arrived = f"at least {self._delivered:.0%} of the ticks pushed arrived" if self._delivered < _ALL else ""
        return Group(self._table, Text(_LEGEND + "; ".join(filter(None, (machine, busy, arrived))), style="dim"))

    def _note_load(self, *series: Series) -> None:
        shares = [one.load_share or 0.0 for each in series for one in each.readings]
        self._load_share = max([self._load_share, *shares])
        self._delivered = min([self._delivered, *(one.delivered for each in series for one in each.readings)])


def _judged(text: str, is_reached: bool) -> str:
    return f"[green]{text}[/green]" if is_reached else f"[red]{text}[/red]"
