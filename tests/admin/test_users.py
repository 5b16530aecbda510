"""What an operator does to users, while a gateway serves them."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import pytest

from reference_server.config import Settings
from reference_server.domain.account import AccountState
from reference_server.storage.ownership import owned
from reference_server.store import open_store
from tests.api.scripted import gateway_application

from .conftest import USER_ID, Run, account_id, add_account, fill

ServeApp = Callable[..., AbstractContextManager[str]]
SOON_SECONDS = 4.0
ACCOUNT = {"mt5Login": "12345678", "mt5Password": "hush", "mt5Server": "Sim-Demo"}


@dataclass(frozen=True)
class Created:
    user_id: str
    key: str


def create(run: Run) -> Created:
    done = run("users", "create", "--plan", "pro")
    found = re.fullmatch(r"user_id  (\S+)\napi_key  (\S+)\n", done.stdout)
    assert found is not None, done.stderr
    return Created(found[1], found[2])


async def status(address: str, key: str, path: str = "/api/users/me", **options: Any) -> int:
    method = options.pop("method", "GET")
    async with (
        aiohttp.ClientSession(headers={"X-API-Key": key}) as http,
        http.request(method, f"http://{address}{path}", **options) as answer,
    ):
        return answer.status


async def refused_soon(address: str, key: str) -> bool:
    """Whether a key stops working within seconds, asked again and again, so that it stays in every cache."""
    until = time.monotonic() + SOON_SECONDS
    while time.monotonic() < until:
        if await status(address, key) == 401:
            return True
        await asyncio.sleep(0.05)
    return False


@pytest.mark.parametrize("command", ["revoke", "rotate-key", "delete"])
async def test_a_key_that_is_ended_outside_is_refused_within_seconds_and_its_sockets_close_with_4401(
    serve: ServeApp, settings: Settings, run: Run, command: str
) -> None:
    one = create(run)
    other = create(run)
    with serve(gateway_application(settings.data_dir)) as address:
        async with aiohttp.ClientSession() as http:
            sockets = [
                await http.ws_connect(f"http://{address}/ws", headers={"X-API-Key": user.key}) for user in (one, other)
            ]
            assert await status(address, one.key) == 200
            done = await asyncio.to_thread(run, "users", command, one.user_id)
            assert done.code == 0, done.stderr
            assert await refused_soon(address, one.key)
            async with asyncio.timeout(SOON_SECONDS):
                closing = await sockets[0].receive()
            assert (closing.data, closing.extra) == (4401, "the API key is no longer valid")
            assert sockets[0].close_code == 4401
            assert await status(address, other.key) == 200
            assert not sockets[1].closed
            if command == "rotate-key":
                fresh = done.stdout.split()[-1]
                assert await status(address, fresh) == 200
                assert fresh != one.key


async def test_a_plan_that_is_changed_outside_holds_within_seconds(
    serve: ServeApp, settings: Settings, run: Run
) -> None:
    user = create(run)
    with serve(gateway_application(settings.data_dir)) as address:
        assert await status(address, user.key) == 200
        await asyncio.to_thread(run, "users", "plan", user.user_id, "enterprise")
        until = time.monotonic() + SOON_SECONDS
        plan = ""
        async with aiohttp.ClientSession(headers={"X-API-Key": user.key}) as http:
            while plan != "enterprise" and time.monotonic() < until:
                await asyncio.sleep(0.05)
                async with http.get(f"http://{address}/api/users/me") as answer:
                    plan = (await answer.json())["plan"]
        assert plan == "enterprise"


async def test_keys_rotated_under_a_gateway_that_runs_disturb_nobody(
    serve: ServeApp, settings: Settings, run: Run
) -> None:
    user = create(run)
    with serve(gateway_application(settings.data_dir)) as address:
        assert await status(address, user.key, "/api/accounts", method="POST", json=ACCOUNT) == 201
        for words in (("rotate",), ("rotate", "--pepper"), ("rotate", "--prune")):
            assert (await asyncio.to_thread(run, "keys", *words)).code == 0
        assert await status(address, user.key) == 200
        later = {**ACCOUNT, "mt5Login": "87654321"}
        assert await status(address, user.key, "/api/accounts", method="POST", json=later) == 201
        listed = (await asyncio.to_thread(run, "keys", "list")).stdout
        assert re.search(r"master key  \w+  newest  2 credentials", listed)
        fresh = await asyncio.to_thread(create, run)
        assert await status(address, fresh.key) == 200
    with serve(gateway_application(settings.data_dir)) as address:  # and the next start opens all
        assert await status(address, user.key) == 200


async def test_what_was_done_over_the_api_and_outside_is_in_the_audit_log(
    serve: ServeApp, settings: Settings, run: Run
) -> None:
    user = create(run)
    with serve(gateway_application(settings.data_dir)) as address:
        async with aiohttp.ClientSession(headers={"X-API-Key": user.key, "X-Request-ID": "mine-1"}) as http:
            async with http.post(f"http://{address}/api/accounts", json=ACCOUNT) as answer:
                made = (await answer.json())["account_id"]
            for path in (f"/api/accounts/{made}/pause", f"/api/accounts/{made}/resume"):
                async with http.post(f"http://{address}{path}") as answer:
                    assert answer.status == 200
            refused = {**ACCOUNT, "mt5Login": "1", "mt5Password": "invalid"}
            async with http.post(f"http://{address}/api/accounts", json=refused) as answer:
                wrong = (await answer.json())["account_id"]
            until, state = time.monotonic() + 20, ""
            while state != "login_failed" and time.monotonic() < until:
                async with http.get(f"http://{address}/api/accounts/{wrong}/status") as answer:
                    state = (await answer.json())["status"]
            async with http.delete(f"http://{address}/api/accounts/{made}") as answer:
                assert answer.status == 200
            async with http.post(f"http://{address}/api/users/me/rotate-key") as answer:
                assert answer.status == 200
        for _ in range(3):
            assert await status(address, user.key) == 401
    lines = run("audit", "--user", user.user_id).stdout.splitlines()
    assert [line.split()[2] for line in lines] == [
        "user_created", "account_created", "account_paused", "account_resumed", "account_created", "login_failed",
        "account_deleted", "key_rotated",
    ]  # fmt: skip
    assert lines[0].split()[1] == "operator"
    assert lines[1].endswith("server Sim-Demo  127.0.0.1 mine-1")
    everything = run("audit", "--since", "1h", "--json").stdout
    assert '"action": "authentication_failed"' in everything
    assert "3 times within a minute" in everything
    assert "hush" not in everything
    assert "sk_live" not in everything


def test_a_user_is_shown_with_its_accounts_and_without_escape_sequences(settings: Settings, run: Run) -> None:
    async def prepare() -> None:
        async with open_store(settings) as store:
            await fill(store, 0)
            await add_account(store, 1)
            (account,) = await store.accounts.of_user(USER_ID)
            broken = replace(account, state=AccountState.DISCONNECTED, last_error="lost\x1b[2J\nforged line")
            assert await store.accounts.save(broken, expected=AccountState.ACTIVE)

    asyncio.run(prepare())
    shown = run("users", "show", USER_ID)
    assert shown.code == 0
    assert f"  {account_id(1)}  disconnected" in shown.stdout
    assert "lost\\x1b[2J\\nforged line" in shown.stdout
    assert "\x1b" not in shown.stdout
    assert "password" not in shown.stdout


def test_a_revoked_user_is_listed_as_such_and_let_in_again(run: Run) -> None:
    user = create(run)
    assert run("users", "revoke", user.user_id).stdout == f"Nobody can use the gateway as {user.user_id} any more.\n"
    assert run("users", "list").stdout.split()[-1] == "revoked"
    assert run("users", "rotate-key", user.user_id).code == 0
    assert run("users", "list").stdout.split()[-1] != "revoked"


def test_a_user_with_accounts_is_deleted_only_when_asked_to_and_never_under_a_gateway(
    settings: Settings, run: Run
) -> None:
    async def prepare() -> None:
        async with open_store(settings) as store:
            await fill(store, 2)

    asyncio.run(prepare())
    refused = run("users", "delete", USER_ID)
    assert (refused.code, "has 2 accounts that are not deleted" in refused.stderr) == (2, True)
    with owned(settings.data_dir):
        refused = run("users", "delete", USER_ID, "--with-accounts")
        assert refused.code == 2
        assert "DELETE /api/accounts/ID" in refused.stderr
    assert run("users", "show", USER_ID).code == 0
    assert run("users", "delete", USER_ID, "--with-accounts").code == 0
    assert run("users", "show", USER_ID).code == 2
    assert "0 credentials" in run("keys", "list").stdout


@pytest.mark.parametrize("command", ["show", "revoke", "rotate-key", "delete"])
def test_an_unknown_user_is_told(run: Run, command: str) -> None:
    create(run)
    done = run("users", command, "usr_none")
    assert (done.code, "No user has the id usr_none." in done.stderr) == (2, True)


def test_the_audit_log_is_asked_by_date_and_span_and_a_mistake_is_told(run: Run) -> None:
    create(run)
    assert run("audit", "--since", "2026-01-01").stdout.count("\n") == 1
    assert run("audit", "--since", "2999-01-01T12:00+02:00").stdout == ""
    assert "neither a date" in run("audit", "--since", "yesterday").stderr
