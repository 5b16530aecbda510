"""`tonpo admin migrate`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import click

from reference_server.admin.opened_store import kept_revision, opened_store
from reference_server.commands import Refused, explained, placed
from reference_server.config import Settings, load_settings
from reference_server.storage.schema import revisions


@click.command(epilog="Example: tonpo admin migrate --check --data-dir ./data")
@click.option("--check", is_flag=True, help="Change nothing; exit code 1 when there is something to do.")
@placed
def migrate(config_file: Path | None, check: bool, **flags: Any) -> None:
    """Bring the database's schema up to date, while no gateway runs. A gateway does the same when it starts."""
    with explained():
        settings = load_settings(flags, os.environ, config_file)
        stored, latest = kept_revision(settings), revisions()[0]
        if stored == latest:
            click.echo(f"The schema is up to date ({latest}).")
            return
        if stored not in revisions():
            raise Refused(
                f"the database was made by a newer version of the gateway (schema {stored}): install that one"
            )
        if check:
            click.echo(f"The schema is {stored} and this version needs {latest}: run tonpo admin migrate.")
            sys.exit(1)
        asyncio.run(_migrate(settings))
        click.echo(f"The schema was brought from {stored} to {latest}.")


async def _migrate(settings: Settings) -> None:
    async with opened_store(settings, alone="it would not know the new schema"):
        pass
