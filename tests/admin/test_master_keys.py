"""Rotation of master keys: interrupted anywhere, beside a gateway that goes on, and never a credential unreadable."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from base64 import b64encode
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from reference_server.admin import master_keys
from reference_server.commands import Refused
from reference_server.config import Settings
from reference_server.domain.account import AccountState
from reference_server.domain.audit import AuditAction
from reference_server.security.key_files import read_private, ring_of
from reference_server.security.key_ring import KeyRing, MasterKey
from reference_server.store import Store, open_store

from .conftest import Run, account_id, add_account, assert_all_open, credentials_of, fill

ROOT = Path(__file__).parent.parent.parent
ACCOUNTS = 7
STEPS = 5
"""The new key, and batches of two for seven accounts."""


async def rotate(store: Store, *, steps: int | None = None) -> list[master_keys.Step]:
    """Rotate in batches of two, up to so many steps."""
    done: list[master_keys.Step] = []
    async with aclosing(master_keys.rotate(store, batch_rows=2)) as rotation:
        while steps is None or len(done) < steps:
            step = await anext(rotation, None)
            if step is None:
                break
            done.append(step)
    return done


def ring_on_disk(settings: Settings) -> KeyRing:
    return ring_of(read_private(settings.data_dir / "master_keys"), MasterKey, where="ring")


async def test_everything_is_wrapped_by_a_new_key_and_the_old_one_can_go(settings: Settings) -> None:
    async with open_store(settings) as store:
        await fill(store, ACCOUNTS)
        (old,) = ring_on_disk(settings).kids
        steps = await rotate(store)
        assert [step.done for step in steps] == [0, 2, 4, 6, 7]
        new = steps[-1].kid
        assert ring_on_disk(settings).kids == (new, old)
        assert await master_keys.count_rows(store) == {new: ACCOUNTS}
        assert await master_keys.prune(store) == (old,)
        assert ring_on_disk(settings).kids == (new,)
        log = [entry.action for entry in await store.audit.listing()]
        assert log[-2:] == [AuditAction.MASTER_KEY_ROTATED, AuditAction.MASTER_KEY_PRUNED]
    await assert_all_open(settings, ACCOUNTS)


@pytest.mark.parametrize("steps", range(1, STEPS + 1))
async def test_interrupted_after_any_step_everything_opens_and_the_next_run_finishes(
    settings: Settings, steps: int
) -> None:
    async with open_store(settings) as store:
        await fill(store, ACCOUNTS)
        stopped = await rotate(store, steps=steps)
        assert len(stopped) == steps
    await assert_all_open(settings, ACCOUNTS)
    async with open_store(settings) as store:
        assert len(await master_keys.prune(store)) == (steps == STEPS)  # all is wrapped after the last step
        finished = await rotate(store)
        if steps < STEPS:
            assert finished[0].is_resumed
            assert finished[-1].kid == stopped[-1].kid
        assert await master_keys.count_rows(store) == {finished[-1].kid: ACCOUNTS}
        await master_keys.prune(store)
        assert ring_on_disk(settings).kids == (finished[-1].kid,)
    await assert_all_open(settings, ACCOUNTS)


@pytest.mark.parametrize("steps", range(1, STEPS + 1))
async def test_a_gateway_that_runs_meanwhile_opens_and_seals_at_every_step(settings: Settings, steps: int) -> None:
    async with open_store(settings) as gateway, open_store(settings) as operator:
        await fill(gateway, ACCOUNTS)
        await rotate(operator, steps=steps)
        for row in await gateway.credentials.everything():
            number = int(row.account_id.removeprefix("acc_"))
            assert gateway.vault.open(row.account_id, row.sealed) == credentials_of(number)
        await add_account(gateway, ACCOUNTS)
        await rotate(operator)
        await master_keys.prune(operator)
        await add_account(gateway, ACCOUNTS + 1)
    await assert_all_open(settings, ACCOUNTS + 2)


async def test_rows_that_the_gateway_erases_or_replaces_between_reading_and_storing_stay_as_it_left_them(
    settings: Settings,
) -> None:
    async with open_store(settings) as gateway, open_store(settings) as operator:
        await fill(gateway, 3)
        rows = await operator.credentials.batch("", 10)
        accounts = {one.account_id: one for one in await gateway.accounts.of_user("usr_01jdkq2m8sx6a1t4w5y7z9b3cd")}
        deleted = replace(accounts[account_id(0)], state=AccountState.DELETED)
        assert await gateway.accounts.save(deleted, expected=AccountState.ACTIVE)
        anew = gateway.vault.seal(account_id(1), credentials_of(1))
        await gateway.credentials.rewrap([rows[1]], lambda _id, _sealed: anew)
        operator_file = master_keys.ring_file(operator)
        operator_file.replace(operator_file.read().with_newest(MasterKey(b"n" * 32)))
        assert await operator.credentials.rewrap(rows, operator.vault.rewrap) == 1
        left = {row.account_id: row.sealed for row in await operator.credentials.everything()}
        assert set(left) == {account_id(1), account_id(2)}
        assert left[account_id(1)] == anew
    await assert_all_open(settings, 3, gone=frozenset({0}))


async def test_a_key_that_any_row_needs_is_not_pruned(settings: Settings) -> None:
    async with open_store(settings) as store:
        await fill(store, 1)
        (old,) = ring_on_disk(settings).kids
        await rotate(store, steps=1)
        assert await master_keys.prune(store) == ()
        assert old in ring_on_disk(settings).kids
    await assert_all_open(settings, 1)


async def test_a_row_stored_after_its_key_was_pruned_is_sealed_by_a_key_that_is_in_the_ring(settings: Settings) -> None:
    """The gateway was about to store when the operator rotated and pruned: it seals only when nobody else can write."""
    async with open_store(settings) as gateway, open_store(settings) as operator:
        await fill(gateway, 1)
        gateway.vault.seal("acc_x", credentials_of(1))  # the gateway knows the ring of before
        await rotate(operator)
        await master_keys.prune(operator)
        await add_account(gateway, 1)
        assert set(await master_keys.count_rows(operator)) == set(ring_on_disk(settings).kids)
    await assert_all_open(settings, 2)


async def test_damaged_rows_are_told_and_neither_lost_nor_in_the_way(settings: Settings) -> None:
    async with open_store(settings) as store:
        await fill(store, 3)
        rows = await store.credentials.batch("", 10)
        swapped = rows[2].sealed  # the row of another account
        await store.credentials.rewrap([rows[0]], lambda _id, _sealed: swapped)
        steps = await rotate(store)
        assert steps[-1].unreadable == (account_id(0),)
        assert (await store.credentials.batch("", 1))[0].sealed == swapped
        assert await master_keys.prune(store) == ()
        again = await rotate(store)
        assert not again[0].is_resumed
        await store.credentials.rewrap([replace(rows[0], sealed=swapped)], lambda _id, _sealed: b"nonsense")
        with pytest.raises(Refused, match="1 accounts are damaged"):
            await master_keys.prune(store)


async def test_two_rotations_at_once_lose_no_key(settings: Settings) -> None:
    async with open_store(settings) as one, open_store(settings) as other:
        await fill(one, ACCOUNTS)
        await rotate(one, steps=2)
        await rotate(other, steps=3)
        await rotate(one)
        await rotate(other)
        await master_keys.prune(one)
    await assert_all_open(settings, ACCOUNTS)


def test_killed_at_any_line_every_credential_opens_and_the_next_run_finishes(tmp_path: Path) -> None:
    """Apart, since it forks a process for each line of what writes keys and rows, which ends there at once."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.admin.killed_rotations", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 12


async def test_keys_given_by_environment_are_told_what_to_do_and_can_be_finished(settings: Settings) -> None:
    old, new = (b64encode(byte * 32).decode() for byte in (b"o", b"n"))
    given = replace(settings, master_keys=old)
    async with open_store(given) as store:
        await fill(store, 2)
        with pytest.raises(Refused, match=r"TONPO_MASTER_KEYS.*put a new key"):
            await rotate(store)
    grown = replace(settings, master_keys=f"{new},{old}")
    async with open_store(grown) as store:
        steps = await rotate(store)
        assert steps[-1].kid == MasterKey(b"n" * 32).kid
    await assert_all_open(replace(settings, master_keys=new), 2)


def test_the_commands_tell_what_they_do_and_show_no_secret(run: Run, settings: Settings) -> None:
    async def prepare() -> None:
        async with open_store(settings) as store:
            await fill(store, 3)

    asyncio.run(prepare())
    (old,) = ring_on_disk(settings).kids
    rotated = run("keys", "rotate", "--prune")
    assert rotated.code == 0, rotated.stderr
    assert "3 of 3 credentials wrapped" in rotated.stdout
    assert f"Removed 1 old master key: {old}." in rotated.stdout
    listed = run("keys", "list")
    (new,) = ring_on_disk(settings).kids
    assert f"master key  {new}  newest  3 credentials" in listed.stdout
    assert "1 API keys" in listed.stdout
    for name in ("master_keys", "api_key_pepper"):
        secret = (settings.data_dir / name).read_text().splitlines()[-1]
        assert secret not in rotated.stdout + listed.stdout
    assert "what is not the newest is needed" in run("keys", "prune").stdout
