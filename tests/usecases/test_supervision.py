"""Connecting, reconnecting, restarting and stopping terminals."""

from __future__ import annotations

import asyncio
import logging
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.domain.account import Account, AccountState, Mt5Credentials
from reference_server.domain.errors import AccountNotReady
from reference_server.domain.user import User
from reference_server.usecases.backoff import Backoff
from reference_server.usecases.ports import BrokerUnreachable, LoginRefused
from tests.usecases.fakes import BACK, CREDENTIALS, DEAD, LOST, Gateway, settle

S = AccountState


def is_ready(gateway: Gateway, account: Account) -> bool:
    try:
        gateway.supervisor.terminal_of(account)
    except AccountNotReady:
        return False
    return True


async def test_account_walks_from_created_to_active(gateway: Gateway, user: User) -> None:
    account = await gateway.active_account(user)
    assert gateway.accounts.states(account.account_id) == [S.CREATED, S.CONNECTING, S.ACTIVE]
    assert gateway.supervisor.terminal_of(account) is gateway.terminals.of(account.account_id)
    assert (await gateway.health.get_health()).accounts == 1


async def test_an_account_that_says_that_it_is_active_can_be_used_at_once(gateway: Gateway, user: User) -> None:
    account, _ = await gateway.account_cases.create_account(user, CREDENTIALS)
    for expected in (S.ACTIVE, S.DISCONNECTED, S.ACTIVE):
        if expected is S.DISCONNECTED:
            gateway.terminals.of(account.account_id).tell(LOST)
        elif gateway.state(account) is S.RECONNECTING:
            gateway.terminals.of(account.account_id).tell(BACK)
        for _ in range(100):
            if gateway.state(account) is expected:
                break
            await asyncio.sleep(0)
        assert is_ready(gateway, account) is (expected is S.ACTIVE)
        await settle()


async def test_refused_credentials_end_in_login_failed_with_the_reason_and_no_further_attempt(
    gateway: Gateway, user: User
) -> None:
    account = await gateway.active_account(user, Mt5Credentials("1", "invalid", "ICMarkets-Demo"))
    assert (account.state, account.last_error) == (S.LOGIN_FAILED, "Invalid account")
    await gateway.clock.advance(3_600)
    assert gateway.terminals.attempts == 1


async def test_unreachable_broker_is_tried_again_with_growing_waits(gateway: Gateway, user: User) -> None:
    account = await gateway.active_account(user, Mt5Credentials("1", "x", "Unreachable-Server"))
    assert (account.state, account.last_error) == (S.DISCONNECTED, "No connection")
    attempts = []
    for _ in range(4):
        before = gateway.terminals.attempts
        await gateway.clock.advance(60)
        attempts.append(gateway.terminals.attempts - before)
    assert attempts[0] >= 5
    assert attempts[-1] <= 2
    states = gateway.accounts.states(account.account_id)
    assert set(states[2:]) == {S.DISCONNECTED, S.RECONNECTING}


async def test_not_ready_says_how_long_the_wait_is(gateway: Gateway, user: User) -> None:
    account = await gateway.active_account(user, Mt5Credentials("1", "x", "Unreachable-Server"))
    await gateway.clock.advance(200)
    with pytest.raises(AccountNotReady) as refused:
        gateway.supervisor.terminal_of(account)
    assert refused.value.retry_after_seconds is not None
    assert 1 <= refused.value.retry_after_seconds <= 60


async def test_broker_that_never_answers_is_given_up_and_tried_again(gateway: Gateway, user: User) -> None:
    gateway.terminals.hold = asyncio.Event()
    account = await gateway.active_account(user)
    assert account.state is S.CONNECTING
    await gateway.clock.advance(60)
    assert gateway.state(account) is S.DISCONNECTED
    gateway.terminals.hold = None
    await gateway.clock.advance(1)
    assert gateway.state(account) is S.ACTIVE


async def test_living_terminal_that_regains_its_broker_is_kept(gateway: Gateway, user: User) -> None:
    account = await gateway.active_account(user)
    terminal = gateway.terminals.of(account.account_id)
    terminal.tell(LOST)
    assert not is_ready(gateway, account)
    await settle()
    assert gateway.state(account) is S.RECONNECTING
    assert gateway.accounts.rows[account.account_id].last_error == "No connection to the broker"
    terminal.tell(BACK)
    await settle()
    assert gateway.supervisor.terminal_of(account) is terminal
    assert gateway.accounts.rows[account.account_id].last_error is None
    assert gateway.accounts.states(account.account_id)[3:] == [S.DISCONNECTED, S.RECONNECTING, S.ACTIVE]


async def test_living_terminal_that_does_not_regain_its_broker_is_replaced(gateway: Gateway, user: User) -> None:
    account = await gateway.active_account(user)
    terminal = gateway.terminals.of(account.account_id)
    terminal.tell(LOST)
    await gateway.clock.advance(32)
    assert terminal.closed == 1
    assert gateway.supervisor.terminal_of(account) is not terminal


async def test_dead_terminal_is_closed_and_replaced(gateway: Gateway, user: User) -> None:
    account = await gateway.active_account(user)
    terminal = gateway.terminals.of(account.account_id)
    terminal.tell(DEAD)
    await settle()
    assert (gateway.state(account), terminal.closed) == (S.DISCONNECTED, 1)
    await gateway.clock.advance(1)
    assert gateway.supervisor.terminal_of(account) is not terminal
    assert gateway.accounts.states(account.account_id)[3:] == [S.DISCONNECTED, S.RECONNECTING, S.ACTIVE]


async def test_replaced_terminal_has_no_say_any_more(gateway: Gateway, user: User) -> None:
    account = await gateway.active_account(user)
    old = gateway.terminals.of(account.account_id)
    old.tell(DEAD)
    await gateway.clock.advance(1)
    old.tell(LOST)
    await settle()
    assert is_ready(gateway, account)
    assert gateway.state(account) is S.ACTIVE


async def test_connection_lost_and_regained_before_anyone_looked_ends_active(gateway: Gateway, user: User) -> None:
    account = await gateway.active_account(user)
    terminal = gateway.terminals.of(account.account_id)
    for event in (LOST, BACK, LOST, BACK):
        terminal.tell(event)
    await settle()
    assert is_ready(gateway, account)
    assert gateway.state(account) is S.ACTIVE


async def test_credentials_refused_on_reconnection_end_in_login_failed(gateway: Gateway, user: User) -> None:
    account = await gateway.active_account(user)
    gateway.terminals.failure = LoginRefused("Password changed")
    gateway.terminals.of(account.account_id).tell(DEAD)
    await gateway.clock.advance(1)
    assert gateway.state(account) is S.LOGIN_FAILED
    assert gateway.terminals.running == []


async def test_deletion_while_connecting_wins_and_leaves_no_terminal(gateway: Gateway, user: User) -> None:
    gateway.terminals.hold = asyncio.Event()
    account = await gateway.active_account(user)
    deleting = asyncio.ensure_future(gateway.account_cases.delete_account(user, account.account_id))
    gateway.terminals.hold.set()
    assert (await deleting).state is S.DELETED
    await gateway.clock.advance(600)
    assert gateway.state(account) is S.DELETED
    assert gateway.terminals.running == []


async def test_deletion_while_waiting_to_reconnect_ends_the_attempts(gateway: Gateway, user: User) -> None:
    gateway.terminals.failure = BrokerUnreachable("No connection")
    account = await gateway.active_account(user)
    await gateway.account_cases.delete_account(user, account.account_id)
    attempts = gateway.terminals.attempts
    await gateway.clock.advance(600)
    assert gateway.terminals.attempts == attempts


async def test_stop_closes_every_terminal_and_starts_none(gateway: Gateway, user: User) -> None:
    accounts = [await gateway.active_account(user) for _ in range(3)]
    await gateway.supervisor.stop()
    assert gateway.terminals.running == []
    assert gateway.terminals.closed
    assert not any(is_ready(gateway, account) for account in accounts)
    await gateway.account_cases.create_account(user, CREDENTIALS)
    await settle()
    assert gateway.terminals.running == []


@pytest.mark.parametrize("state", [S.CREATED, S.CONNECTING, S.ACTIVE, S.DISCONNECTED, S.RECONNECTING])
async def test_every_state_of_a_dead_process_is_brought_back_to_active_by_legal_moves(
    gateway: Gateway, user: User, state: AccountState
) -> None:
    account = Account("acc_1", user.user_id, state, 0, paused=True)
    gateway.accounts.rows["acc_1"] = account
    gateway.accounts.sealed["acc_1"] = gateway.vault.seal("acc_1", CREDENTIALS)
    await gateway.supervisor.start()
    await settle()
    after = gateway.accounts.rows["acc_1"]
    assert (after.state, after.paused, after.last_error) == (S.ACTIVE, True, None)


async def test_refused_and_deleted_accounts_are_not_connected_at_start(gateway: Gateway, user: User) -> None:
    for number, state in enumerate((S.LOGIN_FAILED, S.DELETED)):
        gateway.accounts.rows[f"acc_{number}"] = Account(f"acc_{number}", user.user_id, state, 0)
    await gateway.supervisor.start()
    await settle()
    assert gateway.terminals.attempts == 0


@pytest.mark.parametrize("sealed", [None, b"of another account"])
async def test_missing_or_unreadable_credentials_are_said_and_do_not_end_supervision(
    gateway: Gateway, user: User, sealed: bytes | None
) -> None:
    gateway.accounts.rows["acc_1"] = Account("acc_1", user.user_id, S.CREATED, 0)
    if sealed is not None:
        gateway.accounts.sealed["acc_1"] = sealed
    await gateway.supervisor.start()
    await settle()
    row = gateway.accounts.rows["acc_1"]
    assert row.state is S.DISCONNECTED
    assert "credentials" in (row.last_error or "")
    gateway.accounts.sealed["acc_1"] = gateway.vault.seal("acc_1", CREDENTIALS)
    await gateway.clock.advance(3)
    assert gateway.accounts.rows["acc_1"].state is S.ACTIVE


async def test_a_defect_of_the_provider_is_logged_and_the_account_tried_again(
    gateway: Gateway, user: User, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.terminals.failure = RuntimeError("a defect")
    with caplog.at_level(logging.ERROR):
        account = await gateway.active_account(user)
    (line,) = caplog.records
    assert (line.getMessage(), vars(line)["account_id"]) == ("supervision_interrupted", account.account_id)
    assert "secret" not in caplog.text
    gateway.terminals.failure = None
    await gateway.clock.advance(3)
    assert gateway.state(account) is S.ACTIVE


async def test_listeners_are_told_of_every_stored_state(gateway: Gateway, user: User) -> None:
    told: list[AccountState] = []
    unlisten = gateway.book.listen(lambda account: told.append(account.state))
    account = await gateway.active_account(user)
    unlisten()
    await gateway.account_cases.delete_account(user, account.account_id)
    assert told == [S.CREATED, S.CONNECTING, S.ACTIVE]


@given(failures=st.integers(0, 10_000), seed=st.integers())
def test_backoff_is_between_half_and_all_of_the_doubled_wait_and_bounded(failures: int, seed: int) -> None:
    whole = min(60.0, 2.0 ** min(failures, 60))
    assert whole / 2 <= Backoff().seconds(failures, Random(seed)) <= whole


async def test_a_terminal_that_is_renewed_is_gone_before_the_next_is_opened_and_there_is_no_wait(
    gateway: Gateway, user: User
) -> None:
    account = await gateway.active_account(user)
    (first,) = gateway.terminals.running
    await asyncio.gather(*(gateway.supervisor.renew(account) for _ in range(3)))
    await settle()
    assert first.closed == 1
    assert len(gateway.terminals.opened) == 2
    assert gateway.supervisor.terminal_of(account) is gateway.terminals.running[0]


async def test_an_account_that_is_deleted_while_it_is_renewed_has_no_terminal(gateway: Gateway, user: User) -> None:
    account = await gateway.active_account(user)
    deleting = gateway.account_cases.delete_account(user, account.account_id)
    await asyncio.gather(gateway.supervisor.renew(account), deleting)
    await settle()
    assert gateway.terminals.running == []
    assert gateway.state(account) is S.DELETED
