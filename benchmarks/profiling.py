"""Where the driven gateway's time goes under one kind of load."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table

from benchmarks.child import Child
from benchmarks.exchange import Work, measure_rates
from benchmarks.plan import Plan
from benchmarks.stream import Listened, measure_stream, symbol_digits

_HEADINGS = {"functions": "own time by function", "lines": "own time by line", "within": "time with all that is called"}


def profile(load: Child, driven: Listened, work: str, plan: Plan) -> Group:
    """Run all rounds under the sampler and give its tables. Raises BenchmarkFailed."""
    child = driven.target.child
    child.ask({"do": "profile"})
    if work == "stream":
        measure_stream(load, [driven], len(symbol_digits()), plan)
    else:
        asked: Work = "price" if work == "price" else "order"
        measure_rates(load, [driven.target], asked, plan)
    found = child.ask({"do": "profiled"})
    tables = []
    for kind, heading in _HEADINGS.items():
        table = Table(title=f"{work}: {heading}, of {found['samples']} samples", title_justify="left")
        table.add_column("share", justify="right")
        table.add_column("where", no_wrap=True)
        for where, share in found[kind]:
            table.add_row(f"{share:.1%}", where)
        tables.append(table)
    return Group(*tables)
