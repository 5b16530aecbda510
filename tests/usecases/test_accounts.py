"""Provisioning, selection, pausing and deletion."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from reference_server.domain.account import Account, AccountState, Mt5Credentials
from reference_server.domain.errors import (
    AccountAmbiguous,
    AccountDeleted,
    AccountLimitReached,
    AccountLoginFailed,
    AccountNotFound,
)
from reference_server.domain.user import User
from tests.usecases.fakes import CREDENTIALS, Gateway, make_user, settle

REFUSED = Mt5Credentials("1", "invalid", "ICMarkets-Demo")
ACTIVE = AccountState.ACTIVE
DELETED = AccountState.DELETED


async def test_created_account_is_returned_before_it_connects_with_a_token_of_32_bytes(
    gateway: Gateway, user: User
) -> None:
    account, token = await gateway.account_cases.create_account(user, CREDENTIALS, region="eu")
    assert account.state is AccountState.CREATED
    assert account.account_id.startswith("acc_")
    assert (account.region, account.mt5_server) == ("eu", "ICMarkets-Demo")
    assert len(token) == 43
    assert token.replace("-", "").replace("_", "").isalnum()
    await settle()
    assert gateway.state(account) is ACTIVE


async def test_plan_limits_the_number_of_accounts(gateway: Gateway) -> None:
    user = make_user("free")
    account = await gateway.active_account(user)
    with pytest.raises(AccountLimitReached):
        await gateway.account_cases.create_account(user, CREDENTIALS)
    await gateway.account_cases.delete_account(user, account.account_id)
    await gateway.account_cases.create_account(user, CREDENTIALS)


async def test_accounts_are_listed_oldest_first_with_deleted_ones(gateway: Gateway, user: User) -> None:
    first = await gateway.active_account(user)
    second = await gateway.active_account(user)
    await gateway.account_cases.delete_account(user, first.account_id)
    listed = await gateway.account_cases.list_accounts(user)
    assert [(row.account_id, row.state) for row in listed] == [(first.account_id, DELETED), (second.account_id, ACTIVE)]


async def test_another_users_account_does_not_exist(gateway: Gateway, user: User) -> None:
    account = await gateway.active_account(user)
    stranger = make_user(user_id="usr_2")
    cases = gateway.account_cases
    for call in (cases.get_account_status, cases.pause_account, cases.resume_account, cases.delete_account):
        with pytest.raises(AccountNotFound):
            await call(stranger, account.account_id)
    with pytest.raises(AccountNotFound):
        await cases.select_account(stranger, account.account_id)
    assert gateway.state(account) is ACTIVE


async def test_pausing_and_resuming_are_idempotent_and_leave_the_state(gateway: Gateway, user: User) -> None:
    account = await gateway.active_account(user)
    for _ in range(2):
        assert await gateway.account_cases.pause_account(user, account.account_id) == replace(account, paused=True)
    for _ in range(2):
        assert await gateway.account_cases.resume_account(user, account.account_id) == account


async def test_account_can_be_paused_before_it_is_connected_and_stays_paused(gateway: Gateway, user: User) -> None:
    account, _ = await gateway.account_cases.create_account(user, CREDENTIALS)
    await gateway.account_cases.pause_account(user, account.account_id)
    await settle()
    status = await gateway.account_cases.get_account_status(user, account.account_id)
    assert (status.state, status.paused) == (ACTIVE, True)


async def test_deletion_stops_the_terminal_erases_the_credentials_and_answers_the_same_again(
    gateway: Gateway, user: User
) -> None:
    account = await gateway.active_account(user)
    first = await gateway.account_cases.delete_account(user, account.account_id)
    assert first.state is DELETED
    assert gateway.terminals.running == []
    assert gateway.accounts.sealed == {}
    assert await gateway.account_cases.delete_account(user, account.account_id) == first
    for call in (gateway.account_cases.pause_account, gateway.account_cases.resume_account):
        with pytest.raises(AccountDeleted):
            await call(user, account.account_id)


async def test_deletion_goes_through_when_the_caller_leaves(gateway: Gateway, user: User) -> None:
    account = await gateway.active_account(user)
    deleting = asyncio.ensure_future(gateway.account_cases.delete_account(user, account.account_id))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    deleting.cancel()
    await settle()
    await gateway.account_cases.close()
    assert deleting.cancelled()
    assert gateway.state(account) is DELETED
    assert gateway.terminals.running == []
    assert gateway.accounts.sealed == {}


async def test_without_accounts_none_is_found(gateway: Gateway, user: User) -> None:
    with pytest.raises(AccountNotFound):
        await gateway.account_cases.select_account(user)


async def test_the_only_account_is_chosen_and_several_are_ambiguous(gateway: Gateway, user: User) -> None:
    first = await gateway.active_account(user)
    assert await gateway.account_cases.select_account(user) == first
    second = await gateway.active_account(user)
    with pytest.raises(AccountAmbiguous):
        await gateway.account_cases.select_account(user)
    assert await gateway.account_cases.select_account(user, second.account_id) == second


async def test_deleted_and_refused_accounts_do_not_count_for_selection(gateway: Gateway, user: User) -> None:
    refused = await gateway.active_account(user, REFUSED)
    assert refused.state is AccountState.LOGIN_FAILED
    with pytest.raises(AccountLoginFailed):
        await gateway.account_cases.select_account(user)
    deleted = await gateway.active_account(user)
    await gateway.account_cases.delete_account(user, deleted.account_id)
    with pytest.raises(AccountLoginFailed):
        await gateway.account_cases.select_account(user)
    good = await gateway.active_account(user)
    assert await gateway.account_cases.select_account(user) == good
    await gateway.account_cases.delete_account(user, good.account_id)
    await gateway.account_cases.delete_account(user, refused.account_id)
    with pytest.raises(AccountNotFound):
        await gateway.account_cases.select_account(user)


async def test_named_account_that_is_refused_or_deleted_cannot_be_used(gateway: Gateway, user: User) -> None:
    refused = await gateway.active_account(user, REFUSED)
    with pytest.raises(AccountLoginFailed):
        await gateway.account_cases.select_account(user, refused.account_id)
    await gateway.account_cases.delete_account(user, refused.account_id)
    with pytest.raises(AccountNotFound):
        await gateway.account_cases.select_account(user, refused.account_id)
    with pytest.raises(AccountNotFound):
        await gateway.account_cases.select_account(user, "acc_unknown")


async def test_choosing_an_account_asks_storage_once_per_user(gateway: Gateway, user: User) -> None:
    await gateway.active_account(user)
    queries = gateway.accounts.queries
    for _ in range(10):
        gateway.supervisor.terminal_of(await gateway.account_cases.select_account(user))
    assert gateway.accounts.queries == queries


async def test_change_made_by_another_process_is_read_back_and_not_overwritten(gateway: Gateway, user: User) -> None:
    account = await gateway.active_account(user)
    gateway.accounts.conflict_once = replace(account, state=DELETED)
    with pytest.raises(AccountDeleted):
        await gateway.account_cases.pause_account(user, account.account_id)
    assert gateway.accounts.rows[account.account_id] == replace(account, state=DELETED)


async def test_change_that_storage_fails_is_read_back_before_the_next_one(gateway: Gateway, user: User) -> None:
    account = await gateway.active_account(user)

    def break_storage(row: Account) -> Account:
        gateway.accounts.rows.pop(row.account_id)
        return replace(row, paused=True)

    with pytest.raises(KeyError):
        await gateway.book.change(user.user_id, account.account_id, break_storage)
    with pytest.raises(AccountNotFound):
        await gateway.account_cases.get_account_status(user, account.account_id)
