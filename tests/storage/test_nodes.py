"""Stored nodes: a token is good once, for one key; digests alone are kept; what is deleted is forgotten."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import pytest

from reference_server.domain.account import Account, AccountState
from reference_server.domain.audit import OPERATOR, AuditAction, AuditEntry
from reference_server.domain.nodes import digest_of
from reference_server.domain.user import User
from reference_server.storage.accounts import SqlAccounts
from reference_server.storage.audit import SqlAudit
from reference_server.storage.database import Database, database_path
from reference_server.storage.nodes import AccountUnknown, NodeUnknown, SqlNodes
from reference_server.storage.users import SqlUsers
from reference_server.usecases.ports import MintedKey

TOKEN, OTHER_TOKEN = "t" * 43, "u" * 43
KEY, OTHER_KEY = "nk_tonpo_" + "k" * 43, "nk_tonpo_" + "l" * 43


@pytest.fixture
def nodes(database: Database) -> SqlNodes:
    return SqlNodes(database)


@pytest.fixture
def accounts(database: Database) -> SqlAccounts:
    return SqlAccounts(database)


@pytest.fixture
async def user(database: Database, make_user: Callable[[], User], make_key: Callable[[], MintedKey]) -> User:
    user = make_user()
    await SqlUsers(database).add(user, make_key())
    return user


@pytest.fixture
async def account(accounts: SqlAccounts, user: User, make_account: Callable[[User], Account]) -> Account:
    account = make_account(user)
    await accounts.add(account, lambda: b"sealed", limit=None, token_digest=digest_of(TOKEN))
    return account


def entry(account: Account, action: AuditAction = AuditAction.NODE_ENROLLED) -> AuditEntry:
    return AuditEntry(1_700_000_000_000, account.user_id, action, account.account_id)


async def enrolled(nodes: SqlNodes, token: str, key: str) -> tuple[str, bool] | None:
    found = await nodes.enrol(digest_of(token), digest_of(key), entry)
    return None if found is None else (found.account.account_id, found.is_new)


async def test_a_token_is_used_once_and_the_same_key_may_ask_again(nodes: SqlNodes, account: Account) -> None:
    assert not await nodes.has_node(account.account_id)
    assert await enrolled(nodes, OTHER_TOKEN, KEY) is None
    assert await enrolled(nodes, TOKEN, KEY) == (account.account_id, True)
    assert await enrolled(nodes, TOKEN, KEY) == (account.account_id, False)
    assert await enrolled(nodes, TOKEN, OTHER_KEY) is None
    assert await nodes.has_node(account.account_id)
    assert await nodes.by_key(digest_of(KEY)) == account
    assert await nodes.by_key(digest_of(OTHER_KEY)) is None


async def test_of_many_agents_with_one_token_exactly_one_is_taken(nodes: SqlNodes, account: Account) -> None:
    keys = [f"nk_tonpo_{number:043}" for number in range(20)]
    found = await asyncio.gather(*(enrolled(nodes, TOKEN, key) for key in keys))
    assert sorted(found, key=str) == [(account.account_id, True), *([None] * 19)]


async def test_enrolment_and_its_entry_are_stored_together_and_once(
    nodes: SqlNodes, account: Account, database: Database
) -> None:
    for _ in range(2):
        await enrolled(nodes, TOKEN, KEY)
    await enrolled(nodes, TOKEN, OTHER_KEY)
    listed = await SqlAudit(database).listing()
    assert [(one.action, one.actor, one.subject) for one in listed] == [
        (AuditAction.NODE_ENROLLED, account.user_id, account.account_id)
    ]


async def test_neither_token_nor_key_is_stored(nodes: SqlNodes, account: Account, url: str) -> None:
    await enrolled(nodes, TOKEN, KEY)
    path = database_path(url)
    content = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
    assert digest_of(TOKEN) in content
    assert digest_of(KEY) in content
    assert TOKEN.encode() not in content
    assert KEY.encode() not in content


async def test_a_key_serves_one_account(
    nodes: SqlNodes, accounts: SqlAccounts, account: Account, user: User, make_account: Callable[[User], Account]
) -> None:
    other = make_account(user)
    await accounts.add(other, lambda: b"sealed", limit=None, token_digest=digest_of(OTHER_TOKEN))
    assert await enrolled(nodes, TOKEN, KEY) == (account.account_id, True)
    assert await enrolled(nodes, OTHER_TOKEN, KEY) is None
    assert await enrolled(nodes, OTHER_TOKEN, OTHER_KEY) == (other.account_id, True)


async def test_a_deleted_account_forgets_token_and_node(
    nodes: SqlNodes, accounts: SqlAccounts, account: Account, url: str
) -> None:
    await enrolled(nodes, TOKEN, KEY)
    await accounts.save(replace(account, state=AccountState.DELETED), expected=AccountState.CREATED)
    assert await nodes.by_key(digest_of(KEY)) is None
    assert await enrolled(nodes, TOKEN, KEY) is None
    with closing(sqlite3.connect(database_path(url))) as connection:
        kept = "SELECT auth_token_digest, auth_token_used, node_key_digest, node_enrolled_at_ms FROM accounts"
        assert connection.execute(kept).fetchall() == [(None, 0, None, None)]


async def test_a_refused_account_keeps_its_token(nodes: SqlNodes, accounts: SqlAccounts, account: Account) -> None:
    await accounts.save(replace(account, state=AccountState.CONNECTING), expected=AccountState.CREATED)
    await accounts.save(replace(account, state=AccountState.LOGIN_FAILED), expected=AccountState.CONNECTING)
    assert await enrolled(nodes, TOKEN, KEY) == (account.account_id, False)
    assert not await nodes.has_node(account.account_id)


async def test_a_fresh_token_ends_the_old_one_and_a_node_that_comes_with_it_takes_the_place(
    nodes: SqlNodes, account: Account
) -> None:
    await enrolled(nodes, TOKEN, KEY)
    made = AuditEntry(0, OPERATOR, AuditAction.NODE_TOKEN_MADE, account.account_id)
    await nodes.replace_token(account.account_id, digest_of(OTHER_TOKEN), made)
    assert await enrolled(nodes, TOKEN, KEY) is None
    assert await nodes.by_key(digest_of(KEY)) == account
    assert await enrolled(nodes, OTHER_TOKEN, OTHER_KEY) == (account.account_id, True)
    assert await nodes.by_key(digest_of(KEY)) is None


async def test_a_removed_node_is_gone_and_so_is_its_token(nodes: SqlNodes, account: Account) -> None:
    removed = AuditEntry(0, OPERATOR, AuditAction.NODE_REMOVED, account.account_id)
    with pytest.raises(NodeUnknown):
        await nodes.remove(account.account_id, removed)
    await enrolled(nodes, TOKEN, KEY)
    await nodes.remove(account.account_id, removed)
    assert not await nodes.has_node(account.account_id)
    assert await enrolled(nodes, TOKEN, KEY) is None
    for change in (nodes.remove("acc_none", removed), nodes.replace_token("acc_none", b"x" * 32, removed)):
        with pytest.raises(AccountUnknown):
            await change


async def test_nodes_and_open_tokens_are_listed(
    nodes: SqlNodes, accounts: SqlAccounts, account: Account, user: User, make_account: Callable[[User], Account]
) -> None:
    earlier = make_account(user)
    await accounts.add(earlier, lambda: b"sealed", limit=None)  # as before there were tokens
    assert await nodes.listing() == []
    assert [(one.account, one.enrolled_at_ms) for one in await nodes.listing(with_tokens=True)] == [(account, None)]
    await enrolled(nodes, TOKEN, KEY)
    assert [(one.account, one.enrolled_at_ms) for one in await nodes.listing()] == [(account, 1_700_000_000_000)]
