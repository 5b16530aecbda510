"""`tonpo admin users`."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from reference_server.admin.opened_store import is_running, opened_store, operator_entry
from reference_server.clock import SystemClock
from reference_server.commands import PLAN, Refused, explained, placed, printable
from reference_server.config import Settings, load_settings
from reference_server.domain.account import Account
from reference_server.domain.audit import AuditAction
from reference_server.domain.ids import RANDOM_BYTES, new_user_id
from reference_server.domain.plans import PLANS
from reference_server.domain.user import User
from reference_server.storage.users import ListedUser


@click.group(epilog="Example: tonpo admin users create --plan pro --data-dir ./data")
def users() -> None:
    """Users, their keys and their plans; a running gateway follows within seconds."""


@users.command("create", epilog="Example: tonpo admin users create --plan pro --data-dir ./data")
@click.option("--plan", type=PLAN, help="free unless the settings say otherwise.")
@placed
def create_user(config_file: Path | None, plan: str | None, **flags: Any) -> None:
    """Create a user, also where registration is closed, and print its id and its key, which is shown this once."""
    with explained():
        settings = load_settings(flags, os.environ, config_file)
        user_id, key = asyncio.run(_create(settings, plan or settings.default_plan))
        click.echo(f"user_id  {user_id}\napi_key  {key}")


@users.command("list", epilog="Example: tonpo admin users list --data-dir ./data")
@placed
def list_users(config_file: Path | None, **flags: Any) -> None:
    """Print every user, oldest first: id, plan, when it was created (UTC), and the last four characters of its key."""
    with explained():
        settings = load_settings(flags, os.environ, config_file)
        for one in asyncio.run(_list(settings)):
            click.echo(f"{one.user.user_id}  {one.user.plan.name:<10}  {_moment(one.user.created_at_ms)}  {_key(one)}")


@users.command("show", epilog="Example: tonpo admin users show usr_01jdkq2m8sx6a1t4w5y7z9b3cd --data-dir ./data")
@click.argument("user_id", metavar="USER")
@placed
def show_user(config_file: Path | None, user_id: str, **flags: Any) -> None:
    """Print one user and its accounts: id, state, server, and what went wrong last."""
    with explained():
        settings = load_settings(flags, os.environ, config_file)
        one, accounts = asyncio.run(_show(settings, user_id))
        click.echo(f"user_id  {one.user.user_id}\nplan     {one.user.plan.name}")
        click.echo(f"created  {_moment(one.user.created_at_ms)}\nkey      {_key(one)}\naccounts {len(accounts)}")
        for account in accounts:
            click.echo(_account_line(account))


@users.command("plan", epilog="Example: tonpo admin users plan usr_01jdkq2m8sx6a1t4w5y7z9b3cd pro --data-dir ./data")
@click.argument("user_id", metavar="USER")
@click.argument("plan", type=PLAN)
@placed
def set_plan(config_file: Path | None, user_id: str, plan: str, **flags: Any) -> None:
    """Put a user on another plan."""
    with explained():
        settings = load_settings(flags, os.environ, config_file)
        asyncio.run(_set_plan(settings, user_id, plan))
        click.echo(f"{user_id} is on the plan {plan}.")


@users.command("rotate-key", epilog="Example: tonpo admin users rotate-key usr_01jdkq2m8sx6a1t4w5y7z9b3cd")
@click.argument("user_id", metavar="USER")
@placed
def rotate_key(config_file: Path | None, user_id: str, **flags: Any) -> None:
    """Give a user another key and print it, this once. The old one stops working and its open streams are closed."""
    with explained():
        settings = load_settings(flags, os.environ, config_file)
        key = asyncio.run(_replace_key(settings, user_id, revoke=False))
        click.echo(f"user_id  {user_id}\napi_key  {key}")


@users.command("revoke", epilog="Example: tonpo admin users revoke usr_01jdkq2m8sx6a1t4w5y7z9b3cd --data-dir ./data")
@click.argument("user_id", metavar="USER")
@placed
def revoke_key(config_file: Path | None, user_id: str, **flags: Any) -> None:
    """Lock a user out: its key stops working, its open streams are closed, and nobody has another one.

    Its accounts stay connected. `rotate-key` lets the user in again; `delete` removes it.
    """
    with explained():
        settings = load_settings(flags, os.environ, config_file)
        asyncio.run(_replace_key(settings, user_id, revoke=True))
        click.echo(f"Nobody can use the gateway as {user_id} any more.")


@users.command("delete", epilog="Example: tonpo admin users delete usr_01jdkq2m8sx6a1t4w5y7z9b3cd --data-dir ./data")
@click.argument("user_id", metavar="USER")
@click.option("--with-accounts", is_flag=True, help="Also while it has accounts that are not deleted.")
@placed
def delete_user(config_file: Path | None, user_id: str, with_accounts: bool, **flags: Any) -> None:
    """Remove a user with its key, its accounts and their sealed credentials.

    The audit log keeps its entries. The journal keeps its trading requests with their results for 24 hours, or for as
    long as their outcome is unknown, its trades' count for two days, and the last number of each account's stream.
    Positions at the broker stay as they are. With --with-accounts no gateway may run: its terminals would trade on.
    """
    with explained():
        settings = load_settings(flags, os.environ, config_file)
        asyncio.run(_delete(settings, user_id, with_accounts=with_accounts))
        click.echo(f"{user_id} is deleted.")


async def _create(settings: Settings, plan: str) -> tuple[str, str]:
    now_ms = SystemClock().now_ms()
    async with opened_store(settings, may_be_new=True) as store:
        user = User(new_user_id(now_ms, secrets.token_bytes(RANDOM_BYTES)), PLANS[plan], now_ms)
        key = store.keys.mint()
        await store.users.add(user, key, entry=operator_entry(AuditAction.USER_CREATED, user.user_id, f"plan {plan}"))
        return user.user_id, key.clear


async def _list(settings: Settings) -> Sequence[ListedUser]:
    async with opened_store(settings) as store:
        return await store.users.listing()


async def _show(settings: Settings, user_id: str) -> tuple[ListedUser, Sequence[Account]]:
    async with opened_store(settings) as store:
        return await store.users.get(user_id), await store.accounts.of_user(user_id)


async def _set_plan(settings: Settings, user_id: str, plan: str) -> None:
    async with opened_store(settings) as store:
        entry = operator_entry(AuditAction.PLAN_CHANGED, user_id, f"plan {plan}")
        await store.users.set_plan(user_id, PLANS[plan], entry=entry)


async def _replace_key(settings: Settings, user_id: str, *, revoke: bool) -> str:
    async with opened_store(settings) as store:
        key = store.keys.mint()
        if revoke:
            key = replace(key, clear="", last_four="")  # a key that nobody has ever seen
        action = AuditAction.KEY_REVOKED if revoke else AuditAction.KEY_ROTATED
        await store.users.replace_key(user_id, key, entry=operator_entry(action, user_id))
        return key.clear


async def _delete(settings: Settings, user_id: str, *, with_accounts: bool) -> None:
    if with_accounts and is_running(settings):
        raise Refused(
            f"a gateway is running on {settings.data_dir} and keeps the terminals of these accounts: delete the "
            "accounts through it first (DELETE /api/accounts/ID), or stop it"
        )
    alone = "its terminals would go on trading for accounts that are gone" if with_accounts else ""
    async with opened_store(settings, alone=alone) as store:
        entry = operator_entry(AuditAction.USER_DELETED, user_id, "with its accounts" if with_accounts else "")
        await store.users.delete(user_id, with_accounts=with_accounts, entry=entry)


def _moment(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _key(one: ListedUser) -> str:
    return f"…{one.key_last_four}" if one.key_last_four else "revoked"


def _account_line(account: Account) -> str:
    state = f"{account.state.value}{', paused' if account.paused else ''}"
    return printable(f"  {account.account_id}  {state:<22}  {account.mt5_server}  {account.last_error or ''}").rstrip()
