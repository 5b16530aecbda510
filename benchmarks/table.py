"""The one table that the command prints."""

from __future__ import annotations

from rich.table import Table

from benchmarks.exchange import Overhead
from benchmarks.measures import Series, cpu_ratio, rate_ratio
from benchmarks.stream import StreamSeries


class ResultTable:
    """Rows of ratios, each against a baseline that was measured in turn with it."""

    def __init__(self) -> None:
        self.table = Table(title="Reference gateway against its baselines", title_justify="left", row_styles=("",))
        self.table.add_column("work")
        self.table.add_column("baseline")
        for heading in ("gateway", "baseline", "ratio", "rounds", "by CPU", "wanted"):
            self.table.add_column(heading, justify="right", no_wrap=True)

    def add_rates(self, work: str, ours: Series, theirs: Series, baseline: str, wanted: float) -> None:
        """Add requests or deliveries a second."""
        ratio = rate_ratio(ours, theirs)
        by_cpu = cpu_ratio(ours, theirs)
        self.table.add_row(
            work,
            baseline,
            f"{ours.per_second:,.0f}/s",
            f"{theirs.per_second:,.0f}/s",
            _judged(f"{ratio.value:.2f}", ratio.value >= wanted),
            f"{ratio.lowest:.2f}-{ratio.highest:.2f}",
            f"{by_cpu:.2f}" if by_cpu is not None else "unknown",
            f">= {wanted:g}",
        )

    def add_latency(self, work: str, ours: Series, theirs: Series, baseline: str, wanted_p99_ms: float) -> None:
        """Add the middle and the 99th percentile of a latency."""
        self.table.add_row(
            work,
            baseline,
            f"{ours.p50_ms:.2f} / {ours.p99_ms:.2f} ms",
            f"{theirs.p50_ms:.2f} / {theirs.p99_ms:.2f} ms",
            _judged(f"{ours.p99_ms / theirs.p99_ms:.2f}" if theirs.p99_ms else "", ours.p99_ms < wanted_p99_ms),
            "-".join(f"{choice(one.p99_ms for one in ours.readings):.2f}" for choice in (min, max)),
            "",
            f"p99 < {wanted_p99_ms:g} ms",
        )

    def add_absent(self, work: str, baseline: str, reason: str) -> None:
        """Add a row for a baseline that could not be measured."""
        self.table.add_row(work, baseline, "", "", f"[yellow]{reason}[/yellow]", "", "", "")

    def add_overhead(self, overhead: Overhead) -> None:
        """Add the rows of an order at a fixed rate."""
        at = f"order, {overhead.rate:.0f}/s"
        self.add_latency(f"{at}, added to order_send (p50 / p99)", overhead.added, overhead.bare, "bare Starlette", 5.0)
        self.add_latency(f"{at}, whole (p50 / p99)", overhead.whole, overhead.bare, "bare Starlette", 5.0)

    def add_stream(self, series: StreamSeries, sockets: int) -> None:
        """Add the rows of one width of rounds."""
        baseline = "bare ASGI send loop"
        work = f"tick to {sockets} sockets, {series.width} symbol{'s' if series.width > 1 else ''} at once"
        self.add_rates(work, series.full[0], series.full[1], baseline, 3.0)
        ours, theirs = series.half
        work = f"… at half rate, {ours.per_second:,.0f}/s and {theirs.per_second:,.0f}/s (p50 / p99)"
        self.add_latency(work, ours, theirs, baseline, 20.0)


def _judged(text: str, is_reached: bool) -> str:
    return f"[green]{text}[/green]" if is_reached else f"[red]{text}[/red]"
