"""`tonpo admin nodes`: what an operator sees and does. That a running gateway follows is shown in tests/node."""

from __future__ import annotations

import re

from reference_server.config import Settings
from reference_server.domain.audit import AuditAction, AuditEntry
from reference_server.domain.nodes import digest_of
from reference_server.store import open_store

from .conftest import Run, account_id, fill

KEY = "nk_tonpo_" + "k" * 43


async def prepare(settings: Settings, accounts: int) -> None:
    async with open_store(settings) as store:
        await fill(store, accounts)


async def enrol(settings: Settings, token: str) -> bool:
    async with open_store(settings) as store:
        entry = AuditEntry(1_700_000_000_000, "usr_1", AuditAction.NODE_ENROLLED, account_id(1))
        return await store.nodes.enrol(digest_of(token), digest_of(KEY), lambda _: entry) is not None


async def test_a_token_is_made_listed_used_and_its_node_removed(settings: Settings, run: Run) -> None:
    await prepare(settings, 2)
    assert run("nodes", "list").stdout == ""
    done = run("nodes", "token", account_id(1))
    found = re.fullmatch(rf"account_id  {account_id(1)}\nauth_token  (\S{{43}})\n", done.stdout)
    assert found is not None, done.stderr
    assert run("nodes", "list").stdout == ""
    assert re.fullmatch(rf"{account_id(1)}  usr_\w+  \w+ +not enrolled .*\n", run("nodes", "list", "--all").stdout)
    assert await enrol(settings, found[1])
    assert "2023-11-14T22:13:20Z" in run("nodes", "list").stdout
    assert run("nodes", "remove", account_id(1)).stdout == f"{account_id(1)} has no node any more.\n"
    assert run("nodes", "list").stdout == ""
    assert not await enrol(settings, found[1])
    actions = [line.split()[2] for line in run("audit").stdout.splitlines()]
    assert actions[-3:] == ["node_token_made", "node_enrolled", "node_removed"]
    assert found[1] not in run("audit").stdout


async def test_a_mistake_is_told(settings: Settings, run: Run) -> None:
    await prepare(settings, 2)
    assert "has no node" in run("nodes", "remove", account_id(1)).stderr
    for command in ("remove", "token"):
        done = run("nodes", command, "acc_of_nobody")
        assert done.code == 2
        assert "No account has the id acc_of_nobody" in " ".join(done.stderr.split())


async def test_tokens_and_nodes_outlive_backup_and_a_new_pepper(settings: Settings, run: Run) -> None:
    await prepare(settings, 2)
    token = run("nodes", "token", account_id(1)).stdout.split()[-1]
    assert await enrol(settings, token)
    assert run("keys", "rotate", "--pepper").code == 0
    copy = settings.data_dir.parent / "copy"
    assert run("backup", str(copy.with_suffix(".tar.gz"))).code == 0
    done = run("restore", str(copy.with_suffix(".tar.gz")), place=copy)
    assert done.code == 0, done.stderr
    for place in (settings.data_dir, copy):
        assert account_id(1) in run("nodes", "list", place=place).stdout
