"""The audit log: append-only, bounded, and stored with what it tells of."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from reference_server.domain.account import Account, AccountState
from reference_server.domain.audit import NOBODY, OPERATOR, AuditAction, AuditEntry
from reference_server.domain.user import User
from reference_server.storage.accounts import SqlAccounts
from reference_server.storage.audit import MOST_DETAIL, SqlAudit
from reference_server.storage.database import Database
from reference_server.storage.users import SqlUsers, UserHasAccounts, UserUnknown
from reference_server.usecases.ports import MintedKey

MakeUser = Callable[[], User]
MakeKey = Callable[[], MintedKey]
MakeAccount = Callable[[User], Account]


def entry(time_ms: int = 1, *, action: AuditAction = AuditAction.KEY_ROTATED, actor: str = "usr_1") -> AuditEntry:
    return AuditEntry(time_ms, actor, action, "usr_1", "req_1", "10.0.0.1", "detail")


@pytest.fixture
def audit(database: Database) -> SqlAudit:
    return SqlAudit(database)


async def test_an_entry_comes_back_as_it_was_added(audit: SqlAudit) -> None:
    await audit.add(entry())
    assert await audit.listing() == [entry()]


async def test_the_database_refuses_to_change_an_entry(audit: SqlAudit, database: Database) -> None:
    await audit.add(entry())
    async with database.writing() as connection:
        with pytest.raises(IntegrityError, match="append-only"):
            await connection.execute(text("UPDATE audit SET actor = 'somebody else'"))
    assert await audit.listing() == [entry()]


async def test_a_change_and_its_entry_are_stored_together_or_not_at_all(
    audit: SqlAudit, database: Database, make_user: MakeUser, make_key: MakeKey
) -> None:
    users, user, key = SqlUsers(database), make_user(), make_key()
    await users.add(user, key, entry=entry(1))
    with pytest.raises(IntegrityError):
        await users.add(make_user(), key, entry=entry(2))
    with pytest.raises(UserUnknown):
        await users.replace_key("usr_nobody", make_key(), entry=entry(3))
    await users.replace_key(user.user_id, make_key(), entry=entry(4))
    assert [one.time_ms for one in await audit.listing()] == [1, 4]


async def test_a_change_of_an_account_that_was_not_stored_leaves_no_entry(
    audit: SqlAudit, database: Database, make_user: MakeUser, make_key: MakeKey, make_account: MakeAccount
) -> None:
    accounts, user = SqlAccounts(database), make_user()
    await SqlUsers(database).add(user, make_key())
    account = make_account(user)
    await accounts.add(account, lambda: b"x", limit=None, entry=entry(1))
    deleted = account.moved_to(AccountState.DELETED)
    assert not await accounts.save(deleted, expected=AccountState.ACTIVE, entry=entry(2))
    assert await accounts.save(deleted, expected=AccountState.CREATED, entry=entry(3))
    assert [one.time_ms for one in await audit.listing()] == [1, 3]


async def test_only_what_the_operator_did_after_a_sequence_is_told(audit: SqlAudit) -> None:
    await audit.add(entry(1, actor=OPERATOR))
    seen = await audit.latest()
    await audit.add(entry(2))
    await audit.add(entry(3, actor=OPERATOR, action=AuditAction.KEY_REVOKED))
    (change,) = await audit.operator_changes(seen)
    assert (change.action, change.subject) == (AuditAction.KEY_REVOKED, "usr_1")
    assert await audit.operator_changes(change.sequence) == []


async def test_a_sequence_is_never_given_twice_also_after_a_purge(audit: SqlAudit) -> None:
    await audit.add(entry(1))
    last = await audit.latest()
    await audit.purge(before_ms=10, failures=10)
    assert await audit.listing() == []
    await audit.add(entry(20, actor=OPERATOR))
    assert [change.sequence for change in await audit.operator_changes(last)] == [last + 1]


async def test_old_entries_and_surplus_failures_are_purged_and_nothing_else(audit: SqlAudit) -> None:
    failed = AuditAction.AUTHENTICATION_FAILED
    for time_ms in range(1, 6):
        await audit.add(entry(time_ms))
        await audit.add(entry(time_ms, action=failed, actor=NOBODY))
    await audit.purge(before_ms=2, failures=3)
    left = await audit.listing()
    assert [one.time_ms for one in left if one.action is failed] == [3, 4, 5]
    assert [one.time_ms for one in left if one.action is not failed] == [2, 3, 4, 5]


async def test_listing_by_time_user_and_number(
    audit: SqlAudit, database: Database, make_user: MakeUser, make_key: MakeKey, make_account: MakeAccount
) -> None:
    user = make_user()
    account = make_account(user)
    await SqlUsers(database).add(user, make_key())
    await SqlAccounts(database).add(account, lambda: b"x", limit=None)
    own = [
        AuditEntry(1, user.user_id, AuditAction.USER_CREATED, user.user_id),
        AuditEntry(2, OPERATOR, AuditAction.PLAN_CHANGED, user.user_id),
        AuditEntry(3, "gateway", AuditAction.LOGIN_FAILED, account.account_id),
    ]
    for one in (*own, entry(4)):
        await audit.add(one)
    assert await audit.listing(user_id=user.user_id) == own
    assert [one.time_ms for one in await audit.listing(since_ms=3)] == [3, 4]
    assert [one.time_ms for one in await audit.listing(limit=2)] == [3, 4]


async def test_a_long_detail_is_cut(audit: SqlAudit) -> None:
    await audit.add(AuditEntry(1, "gateway", AuditAction.LOGIN_FAILED, "acc_1", detail="x" * 10_000))
    assert len((await audit.listing())[0].detail) == MOST_DETAIL


async def test_a_user_is_deleted_with_all_that_is_stored_of_it(
    audit: SqlAudit, database: Database, make_user: MakeUser, make_key: MakeKey, make_account: MakeAccount
) -> None:
    users, accounts = SqlUsers(database), SqlAccounts(database)
    user, other = make_user(), make_user()
    for one in (user, other):
        await users.add(one, make_key())
        await accounts.add(make_account(one), lambda: b"x", limit=None)
    with pytest.raises(UserHasAccounts, match="1 account that is not deleted"):
        await users.delete(user.user_id, with_accounts=False, entry=entry(1))
    await users.delete(user.user_id, with_accounts=True, entry=entry(2))
    with pytest.raises(UserUnknown):
        await users.delete(user.user_id, with_accounts=True, entry=entry(3))
    assert [listed.user for listed in await users.listing()] == [other]
    assert await accounts.of_user(user.user_id) == ()
    assert len(await accounts.of_user(other.user_id)) == 1
    assert [one.time_ms for one in await audit.listing()] == [2]
