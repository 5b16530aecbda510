"""`tonpo admin keys`: the rings of master keys and of peppers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import click

from reference_server.admin import master_keys, peppers
from reference_server.admin.opened_store import is_running, opened_store
from reference_server.admin.progress import RowProgress
from reference_server.commands import Refused, explained, placed
from reference_server.config import Settings, load_settings


@click.group(epilog="Example: tonpo admin keys list --data-dir ./data")
def keys() -> None:
    """The gateway's own keys: master keys wrap stored MT5 credentials, peppers key the digests of API keys.

    A running gateway works on throughout, and follows at once.
    """


@keys.command("list", epilog="Example: tonpo admin keys list --data-dir ./data")
@placed
def list_keys(config_file: Path | None, **flags: Any) -> None:
    """Print the names of all keys, which is the newest of its kind, and how much is stored under each. No secrets."""
    with explained():
        settings = load_settings(flags, os.environ, config_file)
        click.echo("\n".join(asyncio.run(_list(settings))))


@keys.command("rotate", epilog="Example: tonpo admin keys rotate --prune --data-dir ./data")
@click.option("--pepper", is_flag=True, help="The pepper of API keys instead of the master key.")
@click.option("--prune", is_flag=True, help="Then remove the old keys that nothing needs.")
@placed
def rotate_keys(config_file: Path | None, pepper: bool, prune: bool, **flags: Any) -> None:
    """Add a new master key, and wrap all stored credentials by it.

    Can be stopped at any moment: the next run finishes what is left, without another new key. With --pepper: add a
    pepper for the API keys that are made from now on; those of before stay valid.
    """
    with explained():
        settings = load_settings(flags, os.environ, config_file)
        if pepper:
            asyncio.run(_rotate_pepper(settings, prune=prune))
        else:
            asyncio.run(_rotate(settings, prune=prune))


@keys.command("prune", epilog="Example: tonpo admin keys prune --data-dir ./data")
@click.option("--pepper", is_flag=True, help="The peppers of API keys instead of the master keys.")
@placed
def prune_keys(config_file: Path | None, pepper: bool, **flags: Any) -> None:
    """Remove old keys that nothing stored needs any more. Backups of before then open with the keys in them only."""
    with explained():
        settings = load_settings(flags, os.environ, config_file)
        asyncio.run(_prune(settings, pepper=pepper))


async def _list(settings: Settings) -> Sequence[str]:
    async with opened_store(settings) as store:
        rows = await master_keys.count_rows(store)
        users = await peppers.count_keys(store)
        return [
            *_lines("master key", store.secrets.ring.certain().kids, rows, "credentials"),
            *_lines("pepper", store.secrets.peppers.certain().kids, users, "API keys"),
        ]


def _lines(kind: str, kids: Sequence[str], counts: Mapping[Any, int], what: str) -> Sequence[str]:
    lines = [
        f"{kind:<10}  {kid}  {'newest' if number == 0 else 'older ':<6}  {counts.get(kid, 0)} {what}"
        for number, kid in enumerate(kids)
    ]
    unknown = sum(count for kid, count in counts.items() if kid is not None and kid not in kids)
    if unknown:
        lines.append(f"{kind:<10}  not in the ring   {unknown} {what} that cannot be used")
    if counts.get(None):
        lines.append(f"{kind:<10}  not said          {counts[None]} {what} of an older version")
    return lines


async def _rotate(settings: Settings, *, prune: bool) -> None:
    async with opened_store(settings) as store:
        if store.secrets.ring.file is None and is_running(settings):
            raise Refused(
                "the master keys are given by the setting master_keys (TONPO_MASTER_KEYS), and whether the gateway "
                "that runs has the same ones cannot be seen from here: stop it first"
            )
        step = None
        with RowProgress("credentials wrapped") as progress:
            async with aclosing(master_keys.rotate(store)) as steps:
                async for step in steps:
                    if step.done == 0:
                        progress.say(_beginning(step))
                    progress.show(step.done, step.total)
        assert step is not None
        if step.unreadable:
            click.echo(f"{len(step.unreadable)} cannot be opened and were left as they are: run tonpo admin doctor.")
        click.echo(f"Everything that can be opened is wrapped by {step.kid}.")
        if prune:
            _tell_pruned(await master_keys.prune(store), "master key")


def _beginning(step: master_keys.Step) -> str:
    if step.is_resumed:
        return f"Finishing the rotation to {step.kid}, which was begun before; run this again for another new key."
    return f"The new master key is {step.kid}: back up the ring file."


async def _rotate_pepper(settings: Settings, *, prune: bool) -> None:
    async with opened_store(settings) as store:
        if prune:
            _tell_pruned(await peppers.prune(store), "pepper")
        kid = await peppers.rotate(store)
        click.echo(f"New API keys are digested under the pepper {kid}: back up its file. Keys of before stay valid.")


async def _prune(settings: Settings, *, pepper: bool) -> None:
    async with opened_store(settings) as store:
        gone = await (peppers.prune(store) if pepper else master_keys.prune(store))
        _tell_pruned(gone, "pepper" if pepper else "master key")


def _tell_pruned(gone: Sequence[str], kind: str) -> None:
    if gone:
        click.echo(f"Removed {len(gone)} old {kind}{'' if len(gone) == 1 else 's'}: {', '.join(gone)}.")
    else:
        click.echo(f"No {kind} was removed: what is not the newest is needed.")
