"""The gateway that is fuzzed, with its users; or any other server in its place."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.child import BenchmarkFailed, Child, free_port
from benchmarks.fuzzing.cast import Cast, User, login_of, password_of, unknown_key
from benchmarks.fuzzing.secrets_kept import Secrets
from benchmarks.gateway import add_account, call

ACCOUNTS = {"trader-1": 1, "trader-2": 1, "trader-3": 1, "trader-4": 2, "scratch": 3, "spinner": 0, "witness": 1}
_ENVIRONMENT = {
    "TONPO_WS_MESSAGES_PER_SECOND": "1000000",
    "TONPO_PUBLIC_REQUESTS_PER_MINUTE": "0",
    "TONPO_FAILED_AUTHENTICATIONS_PER_MINUTE": "0",
}
"""So that what is sent is judged for what it is and not for being much; those limits have tests of their own."""
_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Stage:
    """A server, the users known there, and the file that holds its log."""

    child: Child
    port: int
    log: Path
    cast: Cast
    secrets: Secrets


@contextmanager
def open_stage(folder: Path, core: int | None, seed: int) -> Iterator[Stage]:
    """Start `tonpo serve` with users and active accounts; its log goes to a file. Raises BenchmarkFailed."""
    port = free_port()
    log = folder / "serve.log"
    flags = ["--port", str(port), "--data-dir", str(folder / "data"), "--default-plan", "enterprise"]
    command = [sys.executable, "-W", "default", "-m", "reference_server", *flags]
    child = Child("tonpo serve", command, log, core=core, environment=_ENVIRONMENT)
    try:
        child.wait_until_listening(port)
        secrets = Secrets()
        yield Stage(child, port, log, register(port, Random(f"cast:{seed}"), secrets), secrets)
    finally:
        child.stop()


def register(port: int, random: Random, secrets: Secrets) -> Cast:
    """Create the users of a run and their accounts. Raises BenchmarkFailed."""
    users = {name: _user(port, name, accounts, random, secrets) for name, accounts in ACCOUNTS.items()}
    scratch, spinner, witness = (users.pop(name) for name in ("scratch", "spinner", "witness"))
    cast = Cast(tuple(users.values()), scratch, spinner, witness)
    call_everything(port, cast.witness)
    _fill_pools(port, random)
    return cast


def _user(port: int, name: str, accounts: int, random: Random, secrets: Secrets) -> User:
    issued = call(port, "POST", "/api/users", None, {})
    user = User(name, issued["api_key"], issued["user_id"])
    secrets.add_key(user.key, name)
    for _ in range(accounts):
        login, password = login_of(random), password_of(random)
        secrets.add_login(login, name)
        user.account_ids.append(add_account(port, user.key, login, password))
        user.logins.append(login)
    return user


def _fill_pools(port: int, random: Random) -> None:
    """Make the gateway open every connection to its database that it will keep, so that none looks like a leak."""

    def ask(key: str) -> None:
        with suppress(BenchmarkFailed):  # nobody has such a key
            call(port, "GET", "/api/users/me", key)

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for _ in threads.map(ask, [unknown_key(random) for _ in range(_AT_ONCE * 8)]):
            pass


def call_everything(port: int, user: User) -> None:
    """Use the service as a client would: health, prices, an order and its reversal. Raises BenchmarkFailed."""
    if call(port, "GET", "/health", None)["status"] != "ok":
        raise BenchmarkFailed("health is not ok")
    call(port, "GET", "/api/symbols/EURUSD", user.key)
    for side in ("buy", "sell"):
        order: dict[str, Any] = {"symbol": "EURUSD", "side": side, "orderType": "market", "volume": 0.01}
        answer = call(port, "POST", "/api/orders", user.key, order)
        if answer["success"] is not True:
            raise BenchmarkFailed(f"a {side} order was refused: {answer}")
    if call(port, "GET", "/api/positions", user.key)["positions"]:
        raise BenchmarkFailed("a position is left of a purchase that was sold again")


def delete_accounts(port: int, user: User) -> int:
    """Delete every account of a user; tell how many there were. Raises BenchmarkFailed."""
    accounts = call(port, "GET", "/api/accounts", user.key)["accounts"]
    for account in accounts:
        call(port, "DELETE", f"/api/accounts/{account['account_id']}", user.key)
    return len(accounts)
