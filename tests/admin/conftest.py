"""A data directory with accounts in it, and commands on it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from reference_server.admin.group import admin
from reference_server.config import Settings, load_settings
from reference_server.domain.account import Account, AccountState, Mt5Credentials
from reference_server.domain.plans import PLANS
from reference_server.domain.user import User
from reference_server.store import Store, open_store

USER_ID = "usr_01jdkq2m8sx6a1t4w5y7z9b3cd"


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


def account_id(number: int) -> str:
    return f"acc_{number:026}"


def credentials_of(number: int) -> Mt5Credentials:
    return Mt5Credentials(str(5_000_000 + number), f"password {number}", "Sim-Demo")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"data_dir": tmp_path / "data"}, {})


@pytest.fixture
def run(settings: Settings) -> Run:
    """Run `tonpo admin` on the data directory to its end; a mistake is told in one sentence."""

    def run(*words: str, place: Path | None = settings.data_dir) -> Done:
        where = [] if place is None else ["--data-dir", str(place)]
        with ThreadPoolExecutor(1) as apart:  # a command runs an event loop of its own
            done = apart.submit(CliRunner().invoke, admin, [*words, *where], prog_name="tonpo admin").result()
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        if done.exit_code == 2:
            assert done.stderr.count("Error: ") == 1
        return Done(done.exit_code, done.stdout, done.stderr)

    return run


async def fill(store: Store, accounts: int) -> str:
    """Store one user with so many accounts; return its key."""
    key = store.keys.mint()
    await store.users.add(User(USER_ID, PLANS["enterprise"], 1), key)
    for number in range(accounts):
        await add_account(store, number)
    return key.clear


async def add_account(store: Store, number: int) -> None:
    account = Account(account_id(number), USER_ID, AccountState.ACTIVE, number, mt5_server="Sim-Demo")
    seal = store.vault.seal(account.account_id, credentials_of(number))
    await store.accounts.add(account, lambda: seal, limit=None)


async def assert_all_open(settings: Settings, accounts: int, *, gone: frozenset[int] = frozenset()) -> None:
    """Every credential opens with what lies on the disk now, as it does in a gateway that starts."""
    async with open_store(settings) as store:
        rows = {row.account_id: row.sealed for row in await store.credentials.everything()}
        assert set(rows) == {account_id(number) for number in range(accounts) if number not in gone}
        for number in range(accounts):
            if number not in gone:
                assert store.vault.open(account_id(number), rows[account_id(number)]) == credentials_of(number)
