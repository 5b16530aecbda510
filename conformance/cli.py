"""`tonpo conformance`: judge a gateway, list the checks, explain one."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from conformance.catalogue import Catalogue, discover
from conformance.configuration import build_target, read_target_file
from conformance.errors import ConformanceError
from conformance.events import Event
from conformance.redaction import Redactor
from conformance.report import exit_code
from conformance.reporters.console import ConsoleReporter
from conformance.reporters.folder import ReportFolder
from conformance.requirements import load_ledger
from conformance.runner import judge_gateway
from conformance.selection import is_wanted
from conformance.target import TargetConfig

__all__ = ["conformance"]


@click.group()
def conformance() -> None:
    """Judge a Tonpo gateway at a URL against the contract.

    \b
    Example: tonpo conformance run http://localhost:8080 --target-class sandbox --report report
    """


CREDENTIALS = "LOGIN:PASSWORD@SERVER"


@conformance.command()
@click.argument("url", required=False)
@click.option("--target", "target_file", type=click.Path(path_type=Path), help="TOML file with these settings.")
@click.option("--profile", type=click.Choice(["core", "extended", "all"]), help="What to judge.  [default: core]")
@click.option("--api-key", "api_keys", multiple=True, help="Key of a user; repeat for a second one. Or $TONPO_API_KEY.")
@click.option("--account", "accounts", multiple=True, metavar=CREDENTIALS, help="MT5 account to provision; repeatable.")
@click.option("--bad-account", metavar=CREDENTIALS, help="MT5 credentials that the broker refuses.")
@click.option(
    "--target-class",
    type=click.Choice(["sandbox", "demo", "live"]),
    help="sandbox: anything may be created; demo: orders only if allowed; live: read only.  [default: live]",
)
@click.option("--allow-orders", is_flag=True, help="Allow orders on a demo target.")
@click.option("--symbol", help="Symbol for test orders.  [default: EURUSD]")
@click.option("--volume", help="Lots per test order.  [default: 0.01]")
@click.option("--max-volume", help="Most lots in one order.  [default: 0.10]")
@click.option("--only", multiple=True, metavar="PATTERN", help="Id, area or requirement, with * and ?; repeatable.")
@click.option("--seed", type=int, help="Master seed of everything random.  [default: 1]")
@click.option("--insecure", is_flag=True, help="Do not verify the TLS certificate.")
@click.option(
    "--report", "report_folder", type=click.Path(path_type=Path, file_okay=False), help="Folder of the report."
)
def run(report_folder: Path | None, target_file: Path | None, insecure: bool, **flags: Any) -> None:
    """Judge the gateway at URL.

    Exit code: 0 conformant, 1 not conformant, 3 incomplete, 2 wrong use, nothing executed or an error of the suite.

    \b
    Example: tonpo conformance run https://gateway.example.com --api-key $TONPO_API_KEY --report report
    """
    console = Console(highlight=False)
    try:
        file = read_target_file(target_file) if target_file else None
        if insecure:
            flags = {**flags, "tls_verify": None}
            file = {**(file or {}), "tls_verify": False}
        target = build_target(flags, os.environ, file)
        catalogue = discover(load_ledger())
        folder = ReportFolder(report_folder) if report_folder else None
        if folder is not None:
            folder.prepare()
        code = asyncio.run(_judge(target, catalogue, console, folder))
    except ConformanceError as problem:
        raise Misuse(str(problem)) from problem
    except KeyboardInterrupt:
        click.echo("interrupted twice: what the run created may still be there; see the journal", err=True)
        sys.exit(3)
    sys.exit(code)


async def _judge(target: TargetConfig, catalogue: Catalogue, console: Console, folder: ReportFolder | None) -> int:
    redactor = Redactor()
    for number, account in enumerate((*target.accounts, *filter(None, [target.bad_account])), start=1):
        redactor.register(account.password, "MT5_PASSWORD" if number == 1 else f"MT5_PASSWORD_{number}")
    reporter = ConsoleReporter(console, redactor)

    def emit(event: Event) -> None:
        reporter(event)

    try:
        journal = folder.journal if folder else None
        report = await judge_gateway(target, catalogue, emit, redactor=redactor, journal_path=journal)
    finally:
        reporter.close()
    if folder is not None:
        folder.write(report, redactor)
        console.print(f"Report: {folder.page}", markup=False, soft_wrap=True)
    return exit_code(report)


@conformance.command("list")
@click.option("--only", multiple=True, metavar="PATTERN", help="Ids, areas or requirements, with * and ?.")
def list_checks(only: tuple[str, ...]) -> None:
    """List the checks: what they judge, leave behind and need.

    \b
    Example: tonpo conformance list --only orders
    """
    catalogue = _catalogue()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("check", "profile", "effects", "requirements", "title"):
        table.add_column(name, overflow="fold")
    chosen = [one for one in catalogue.checks if is_wanted(only, one.id, one.area, one.requirements)]
    if not chosen:
        raise click.UsageError(f"--only {' '.join(only)} matches no check")
    for one in sorted(chosen, key=lambda one: one.id):
        table.add_row(one.id, catalogue.profile_of(one), one.effects, " ".join(one.requirements), escape(one.title))
    Console(highlight=False).print(table)


@conformance.command()
@click.argument("identifier")
def explain(identifier: str) -> None:
    """Explain a check or a requirement, and what belongs to it.

    \b
    Example: tonpo conformance explain TONPO-ORD-070
    """
    catalogue = _catalogue()
    checks = {one.id: one for one in catalogue.checks}
    if identifier in checks:
        one = checks[identifier]
        click.echo(f"{one.id}: {one.title}\n")
        click.echo(f"  {one.description}\n" if one.description else "", nl=False)
        needs = ", ".join(one.needs) or "nothing"
        click.echo(f"  profile {catalogue.profile_of(one)}, effects {one.effects}, needs {needs}\n")
        for row in catalogue.requirements_of(one):
            click.echo(f"  {row.id} {row.level}: {row.text}")
    elif identifier in catalogue.ledger:
        row = catalogue.ledger[identifier]
        where = f"capability {row.capability}" if row.capability else f"profile {row.profile}"
        click.echo(f"{row.id} ({row.level}, {where})\n\n  {row.text}\n\n  Source: {row.source}")
        if row.unobservable:
            click.echo(f"  Not observable from outside: {row.unobservable}")
        judges = [one.id for one in catalogue.checks if row.id in one.requirements]
        click.echo(f"  Judged by: {', '.join(judges) or 'no check'}")
    else:
        raise click.UsageError(f"{identifier} is neither a check nor a requirement; see `tonpo conformance list`")


def _catalogue() -> Catalogue:
    try:
        return discover(load_ledger())
    except ConformanceError as problem:
        raise Misuse(str(problem)) from problem


class Misuse(click.ClickException):
    """Prints one sentence and exits 2."""

    exit_code = 2
