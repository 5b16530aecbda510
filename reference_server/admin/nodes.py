"""`tonpo admin nodes`."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from reference_server.admin.opened_store import opened_store, operator_entry
from reference_server.commands import Refused, explained, placed, printable
from reference_server.config import Settings, load_settings
from reference_server.domain.audit import AuditAction
from reference_server.domain.nodes import SECRET_BYTES, digest_of, new_secret
from reference_server.storage.nodes import AccountUnknown, ListedNode, NodeUnknown


@click.group(epilog="Example: tonpo admin nodes list --data-dir ./data")
def nodes() -> None:
    """Agents that users run beside terminals of their own; a running gateway follows within seconds."""


@nodes.command("list", epilog="Example: tonpo admin nodes list --data-dir ./data")
@click.option("--all", "with_tokens", is_flag=True, help="Also accounts without a node whose token can be used.")
@placed
def list_nodes(config_file: Path | None, with_tokens: bool, **flags: Any) -> None:
    """Print the accounts that have a node: id, user, state, since when (UTC), server."""
    with explained():
        settings = load_settings(flags, os.environ, config_file)
        for one in asyncio.run(_list(settings, with_tokens=with_tokens)):
            click.echo(_line(one))


@nodes.command("remove", epilog="Example: tonpo admin nodes remove acc_01jdkq2m8sx6a1t4w5y7z9b3cd --data-dir ./data")
@click.argument("account_id", metavar="ACCOUNT")
@placed
def remove_node(config_file: Path | None, account_id: str, **flags: Any) -> None:
    """Take the node from an account: its key stops working, and the gateway's own terminals serve the account."""
    with explained():
        settings = load_settings(flags, os.environ, config_file)
        asyncio.run(_remove(settings, account_id))
        click.echo(f"{account_id} has no node any more.")


@nodes.command("token", epilog="Example: tonpo admin nodes token acc_01jdkq2m8sx6a1t4w5y7z9b3cd --data-dir ./data")
@click.argument("account_id", metavar="ACCOUNT")
@placed
def make_token(config_file: Path | None, account_id: str, **flags: Any) -> None:
    """Give an account another one-time auth_token and print it, this once; the one before stops working.

    A node that the account has stays until another one enrols with the token.
    """
    with explained():
        settings = load_settings(flags, os.environ, config_file)
        token = asyncio.run(_make_token(settings, account_id))
        click.echo(f"account_id  {account_id}\nauth_token  {token}")


async def _list(settings: Settings, *, with_tokens: bool) -> Sequence[ListedNode]:
    async with opened_store(settings) as store:
        return await store.nodes.listing(with_tokens=with_tokens)


async def _remove(settings: Settings, account_id: str) -> None:
    async with opened_store(settings) as store:
        try:
            await store.nodes.remove(account_id, operator_entry(AuditAction.NODE_REMOVED, account_id))
        except (AccountUnknown, NodeUnknown) as unknown:
            raise Refused(str(unknown)) from unknown


async def _make_token(settings: Settings, account_id: str) -> str:
    token = new_secret(secrets.token_bytes(SECRET_BYTES))
    async with opened_store(settings) as store:
        entry = operator_entry(AuditAction.NODE_TOKEN_MADE, account_id)
        try:
            await store.nodes.replace_token(account_id, digest_of(token), entry)
        except AccountUnknown as unknown:
            raise Refused(str(unknown)) from unknown
    return token


def _line(one: ListedNode) -> str:
    account = one.account
    since = "not enrolled" if one.enrolled_at_ms is None else _moment(one.enrolled_at_ms)
    return printable(
        f"{account.account_id}  {account.user_id}  {account.state.value:<12}  {since:<20}  {account.mt5_server}"
    )


def _moment(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
