"""The tables that the command prints."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from benchmarks.machine import machine_line
from benchmarks.soaking.minutes import MINUTE_SECONDS, Spread
from benchmarks.soaking.plan import MEGABYTE
from benchmarks.soaking.soak import Soaked, memory_bound

_HELD = 0.99
_SHORTEST_SECONDS = 5.0


def rendered(soaked: Soaked) -> Group:
    """Show the minutes, and what each check says."""
    account = soaked.account
    wrong = [Text(f"{check}: {what}", style="red") for check, found in account.wrong.items() for what in found]
    return Group(_minutes(soaked), _checks(soaked), *wrong, Text(machine_line(is_pinned=True), style="dim"))


def _minutes(soaked: Soaked) -> Table:
    table = Table(title="Minute by minute (ms: p50 / p99 / max)", title_justify="left")
    for heading in (
        "minute",
        "orders/s",
        "order, from due",
        "order, from sent",
        "ticks/s",
        "tick, from its time",
        "events/s",
        "memory",
    ):
        table.add_column(heading, justify="right")
    left = soaked.seconds
    for number, minute in enumerate(soaked.minutes.all, 1):
        seconds = min(MINUTE_SECONDS, max(left, 1e-3))
        left -= MINUTE_SECONDS
        if not minute.due_ms or (number > 1 and seconds < _SHORTEST_SECONDS):
            continue
        table.add_row(
            str(number),
            f"{len(minute.due_ms) / seconds:,.0f}",
            _spread(Spread.of(minute.due_ms), 0),
            _spread(Spread.of(minute.sent_ms), 0),
            f"{minute.deliveries / seconds:,.0f}",
            _spread(Spread.of(minute.ticks_ms), 0),
            f"{minute.events / seconds:,.0f}",
            _memory(soaked, number),
        )
    return table


def _memory(soaked: Soaked, minute: int) -> str:
    until = minute * MINUTE_SECONDS / soaked.plan.seconds
    known = [one.resident_bytes for one in soaked.readings if one.share <= until]
    return f"{known[-1] / MEGABYTE:.1f} MB" if known else ""


def _spread(spread: Spread, digits: int) -> str:
    return f"{spread.p50:.{digits}f} / {spread.p99:.{digits}f} / {spread.most:.{digits}f}"


def _checks(soaked: Soaked) -> Table:
    account, books, plan = soaked.account, soaked.books, soaked.plan
    sent = sum(book.sent for book in books)
    rows = {
        "answers": (
            "every order was answered exactly once",
            f"{sent:,} orders, {sum(len(book.accepted) for book in books):,} accepted; "
            f"{sum(book.repeated for book in books):,} repeated, "
            f"{sum(book.doubled for book in books):,} sent twice at once "
            f"({sum(book.in_flight for book in books):,} told to wait), "
            f"{sum(book.resent for book in books):,} sent again after a closed connection or a 503, "
            f"{sum(book.late for book in books):,} sent late",
        ),
        "rate": ("the rate was held (told, not judged)", _rate(soaked, sent)),
        "deals": ("each accepted order has exactly one deal, nothing else has any", f"{account.deals:,} deals"),
        "positions": ("positions are the sum of the deals", f"{plan.accounts} accounts"),
        "events": ("every socket of an account got every number, without a gap", f"{account.events:,} events"),
        "ticks": (
            "every subscriber got all ticks, or at least the newest",
            f"{account.ticks_due:,} due, {account.ticks_missing:,} overtaken by a newer one",
        ),
        "memory": ("memory stays within its bound, after the second minute", _growth(soaked)),
        "log": ("no traceback and no defect in the log", f"data: {soaked.data_bytes / MEGABYTE:.0f} MB on disk"),
    }
    table = Table(title="Accounts", title_justify="left")
    table.add_column("what must hold")
    table.add_column("figures")
    table.add_column("wrong", justify="right")
    for check, (sentence, figures) in rows.items():
        found = account.counts[check]
        table.add_row(sentence, figures, f"[red]{found}[/red]" if found else "[green]none[/green]")
    share = f"{soaked.server_share:.0%}" if soaked.server_share is not None else "unknown"
    table.add_row("", f"processor: gateway {share} of a core, this command {soaked.client_share:.0%}", "")
    return table


def _rate(soaked: Soaked, sent: int) -> str:
    share = sent / max(soaked.plan.orders_per_second * soaked.plan.seconds, 1.0)
    style = "green" if share >= _HELD else "yellow"
    return f"[{style}]{share:.0%}[/{style}] of {soaked.plan.orders_per_second:,.0f} orders/s"


def _growth(soaked: Soaked) -> str:
    growth, minutes = soaked.growth, soaked.plan.seconds / 60
    bound = f"bound {memory_bound(soaked) / MEGABYTE:.1f} MB a minute"
    if growth is None:
        return f"too short to tell; {bound}"
    return f"{growth.slope_bytes / minutes / MEGABYTE:+.2f} MB a minute, {bound}"
