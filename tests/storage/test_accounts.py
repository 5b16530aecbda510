"""Accounts: the plan's limit, isolation of users, guarded changes, erased credentials."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy.exc import IntegrityError

from reference_server.domain.account import Account, AccountState
from reference_server.domain.errors import AccountLimitReached
from reference_server.domain.user import User
from reference_server.storage.accounts import SqlAccounts
from reference_server.storage.database import Database, database_path
from reference_server.storage.users import SqlUsers
from reference_server.usecases.ports import MintedKey

MakeAccount = Callable[[User], Account]


@pytest.fixture
async def users(database: Database, make_user: Callable[[], User], make_key: Callable[[], MintedKey]) -> list[User]:
    stored = SqlUsers(database)
    made = [make_user() for _ in range(2)]
    for user in made:
        await stored.add(user, make_key())
    return made


@pytest.fixture
def accounts(database: Database) -> SqlAccounts:
    return SqlAccounts(database)


async def stored(accounts: SqlAccounts, user: User, account: Account) -> Account | None:
    of_user = {one.account_id: one for one in await accounts.of_user(user.user_id)}
    return of_user.get(account.account_id)


async def test_account_comes_back_as_it_was_stored(
    accounts: SqlAccounts, users: list[User], make_account: MakeAccount
) -> None:
    account = replace(make_account(users[0]), region="eu", last_error="late", paused=True)
    await accounts.add(account, lambda: b"sealed", limit=1)
    assert await stored(accounts, users[0], account) == account
    assert await accounts.sealed_credentials(account.account_id) == b"sealed"


async def test_fifty_at_once_with_a_limit_of_three_store_exactly_three(
    accounts: SqlAccounts, users: list[User], make_account: MakeAccount
) -> None:
    made = [make_account(users[0]) for _ in range(50)]
    outcomes = await asyncio.gather(
        *(accounts.add(account, lambda: b"x", limit=3) for account in made), return_exceptions=True
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, AccountLimitReached)]
    assert len(refused) == 47
    assert outcomes.count(None) == 3
    assert len(await accounts.of_user(users[0].user_id)) == 3


async def test_two_processes_at_once_respect_the_limit_together(
    accounts: SqlAccounts, url: str, users: list[User], make_account: MakeAccount
) -> None:
    elsewhere = await Database.open(url)
    other = SqlAccounts(elsewhere)
    try:
        outcomes = await asyncio.gather(
            *((accounts, other)[n % 2].add(make_account(users[0]), lambda: b"x", limit=3) for n in range(20)),
            return_exceptions=True,
        )
    finally:
        await elsewhere.close()
    assert outcomes.count(None) == 3


@pytest.mark.parametrize("state", list(AccountState))
async def test_only_deleted_and_refused_accounts_make_room(
    accounts: SqlAccounts, users: list[User], make_account: MakeAccount, state: AccountState
) -> None:
    first = replace(make_account(users[0]), state=state)
    await accounts.add(first, lambda: b"x", limit=1)
    second = accounts.add(make_account(users[0]), lambda: b"x", limit=1)
    if first.counts:
        with pytest.raises(AccountLimitReached, match=r"allows 1 account:"):
            await second
    else:
        await second
    assert [account.account_id for account in await accounts.to_connect()] == [
        account.account_id for account in await accounts.of_user(users[0].user_id) if account.counts
    ]


async def test_unlimited_plan_has_no_limit(accounts: SqlAccounts, users: list[User], make_account: MakeAccount) -> None:
    made = [make_account(users[0]) for _ in range(30)]
    for account in made:
        await accounts.add(account, lambda: b"x", limit=None)
    assert list(await accounts.of_user(users[0].user_id)) == made


async def test_users_do_not_see_each_other(accounts: SqlAccounts, users: list[User], make_account: MakeAccount) -> None:
    account = make_account(users[0])
    await accounts.add(account, lambda: b"x", limit=1)
    await accounts.add(make_account(users[1]), lambda: b"x", limit=1)
    assert account not in await accounts.of_user(users[1].user_id)


async def test_account_needs_a_user(
    accounts: SqlAccounts, make_user: Callable[[], User], make_account: MakeAccount
) -> None:
    with pytest.raises(IntegrityError):
        await accounts.add(make_account(make_user()), lambda: b"x", limit=1)


async def test_change_is_stored_only_from_the_expected_state(
    accounts: SqlAccounts, users: list[User], make_account: MakeAccount
) -> None:
    account = make_account(users[0])
    await accounts.add(account, lambda: b"x", limit=1)
    connecting = account.moved_to(AccountState.CONNECTING)
    assert await accounts.save(connecting, expected=AccountState.CREATED)
    assert not await accounts.save(account.moved_to(AccountState.DELETED), expected=AccountState.CREATED)
    assert await stored(accounts, users[0], account) == connecting


async def test_of_two_changes_from_one_state_one_wins(
    accounts: SqlAccounts, users: list[User], make_account: MakeAccount
) -> None:
    account = make_account(users[0])
    await accounts.add(account, lambda: b"x", limit=1)
    moves = [account.moved_to(state) for state in (AccountState.CONNECTING, AccountState.DELETED)] * 5
    outcomes = await asyncio.gather(*(accounts.save(move, expected=AccountState.CREATED) for move in moves))
    assert outcomes.count(True) == 1


async def test_credentials_of_a_deleted_account_are_gone_from_the_file(
    accounts: SqlAccounts, database: Database, url: str, users: list[User], make_account: MakeAccount
) -> None:
    account = make_account(users[0])
    await accounts.add(account, lambda: b"v1.unmistakable", limit=1)
    assert await accounts.save(account.moved_to(AccountState.DELETED), expected=AccountState.CREATED)
    assert await accounts.sealed_credentials(account.account_id) is None
    assert await accounts.sealed_credentials("acc_unknown") is None
    await database.close()
    assert b"unmistakable" not in database_path(url).read_bytes()
    assert [path.name for path in database_path(url).parent.iterdir()] == ["tonpo.db"]


async def test_callers_that_are_cancelled_midway_leave_no_lock_behind(
    accounts: SqlAccounts, users: list[User], make_account: MakeAccount
) -> None:
    for steps in range(0, 1500, 25):
        task = asyncio.create_task(accounts.add(make_account(users[0]), lambda: b"x", limit=None))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    account = make_account(users[1])
    async with asyncio.timeout(2):
        await accounts.add(account, lambda: b"x", limit=1)
    assert await stored(accounts, users[1], account) == account
