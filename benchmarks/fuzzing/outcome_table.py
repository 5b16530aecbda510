"""The tables that the command prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from benchmarks.fuzzing.cases import NAMES
from benchmarks.fuzzing.findings import ORACLES
from benchmarks.fuzzing.subject import MEGABYTE
from benchmarks.fuzzing.trial import Outcome, memory_bound
from benchmarks.machine import machine_line


def rendered(outcome: Outcome, seed: int) -> Group:
    """Show what was sent, what came back, and what each oracle says."""
    return Group(
        _sent(outcome, seed), _oracles(outcome), *_examples(outcome), Text(machine_line(is_pinned=True), style="dim")
    )


def _sent(outcome: Outcome, seed: int) -> Table:
    total = sum(outcome.sent.values())
    rate = total / max(outcome.seconds, 1e-9)
    table = Table(title=f"{total:,} cases, seed {seed}, {outcome.seconds:.0f} s, {rate:,.0f}/s", title_justify="left")
    table.add_column("sent")
    table.add_column("count", justify="right")
    for kind, count in outcome.sent.items():
        table.add_row(NAMES[kind], f"{count:,}")
    judge = outcome.judge
    table.add_section()
    table.add_row("answers by status", _counted(judge.statuses))
    table.add_row("5xx and faults on the stream", _counted(judge.faults) or "none")
    table.add_row("messages", _counted(judge.messages))
    table.add_row("close codes", _counted(judge.closes))
    table.add_row("warnings in the log", _counted(outcome.warnings) or "none")
    table.add_row("accounts deleted at the end", str(outcome.created_accounts))
    return table


def _oracles(outcome: Outcome) -> Table:
    table = Table(title="Oracles", title_justify="left")
    table.add_column("what must hold")
    table.add_column("figures", justify="right")
    table.add_column("findings", justify="right")
    for oracle, sentence in ORACLES.items():
        found = outcome.findings.counts[oracle]
        table.add_row(sentence, _figures(oracle, outcome), f"[red]{found}[/red]" if found else "[green]none[/green]")
    return table


def _figures(oracle: str, outcome: Outcome) -> str:
    before, after, growth = outcome.before, outcome.after, outcome.growth
    if oracle == "resources" and before is not None and after is not None:
        return f"files {before.files} → {after.files}, threads {before.threads} → {after.threads}"
    if oracle == "memory" and growth is not None:
        bound = memory_bound(sum(outcome.sent.values()))
        return (
            f"{growth.first_bytes / MEGABYTE:.1f} → {growth.last_bytes / MEGABYTE:.1f} MB, "
            f"slope {growth.slope_bytes / MEGABYTE:+.1f} MB a run, bound +{bound / MEGABYTE:.0f} MB"
        )
    return ""


def _examples(outcome: Outcome) -> list[Text]:
    return [
        Text(f"{oracle}: {example}", style="red")
        for oracle, examples in outcome.findings.examples.items()
        for example in examples
    ]


def _counted(counts: Mapping[Any, int]) -> str:
    return ", ".join(
        f"{name}: {count:,}" for name, count in sorted(counts.items(), key=lambda one: (-one[1], str(one[0])))
    )
