"""Users and their keys, and how soon a change counts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from reference_server.domain.plans import PLANS
from reference_server.domain.user import User
from reference_server.storage.database import Database
from reference_server.storage.users import PlanUnknown, SqlUsers, UserUnknown
from reference_server.usecases.ports import MintedKey

MakeUser = Callable[[], User]
MakeKey = Callable[[], MintedKey]


async def test_user_is_found_by_the_digest_of_the_key_and_by_no_other(
    database: Database, make_user: MakeUser, make_key: MakeKey
) -> None:
    users, user, key = SqlUsers(database), make_user(), make_key()
    await users.add(user, key)
    assert await users.by_key_digests([key.digest]) == user
    assert await users.by_key_digests([make_key().digest]) is None


async def test_clear_key_is_stored_nowhere(database: Database, make_user: MakeUser) -> None:
    await SqlUsers(database).add(make_user(), MintedKey("sk_live_clear", b"d" * 32, "lear", "pepper01"))
    async with database.reading() as connection:
        row = (await connection.execute(text("SELECT * FROM users"))).one()
    assert not any("sk_live" in str(value) for value in row)


async def test_key_belongs_to_one_user(database: Database, make_user: MakeUser, make_key: MakeKey) -> None:
    users, key = SqlUsers(database), make_key()
    await users.add(make_user(), key)
    with pytest.raises(IntegrityError):
        await users.add(make_user(), key)


async def test_old_key_dies_with_the_rotation(database: Database, make_user: MakeUser, make_key: MakeKey) -> None:
    users, user, old, new = SqlUsers(database), make_user(), make_key(), make_key()
    await users.add(user, old)
    assert await users.by_key_digests([old.digest]) == user
    await users.replace_key(user.user_id, new)
    assert await users.by_key_digests([old.digest]) is None
    assert await users.by_key_digests([new.digest]) == user
    assert [listed.key_last_four for listed in await users.listing()] == [new.last_four]


async def test_change_of_plan_counts_at_once(database: Database, make_user: MakeUser, make_key: MakeKey) -> None:
    users, user, key = SqlUsers(database), make_user(), make_key()
    await users.add(user, key)
    await users.by_key_digests([key.digest])
    await users.set_plan(user.user_id, PLANS["pro"])
    found = await users.by_key_digests([key.digest])
    assert found is not None
    assert found.plan == PLANS["pro"]


async def test_change_by_another_process_counts_from_its_commit(
    database: Database, url: str, make_user: MakeUser, make_key: MakeKey
) -> None:
    users, user, old = SqlUsers(database), make_user(), make_key()
    await users.add(user, old)
    assert await users.by_key_digests([old.digest]) == user
    elsewhere = await Database.open(url)
    try:
        await SqlUsers(elsewhere).replace_key(user.user_id, make_key())
    finally:
        await elsewhere.close()
    assert await users.by_key_digests([old.digest]) is None


async def test_change_of_nobody_is_refused(database: Database, make_key: MakeKey) -> None:
    users = SqlUsers(database)
    with pytest.raises(UserUnknown, match="usr_nobody"):
        await users.set_plan("usr_nobody", PLANS["pro"])
    with pytest.raises(UserUnknown, match="usr_nobody"):
        await users.replace_key("usr_nobody", make_key())


async def test_unknown_plan_is_an_error_that_names_it(
    database: Database, make_user: MakeUser, make_key: MakeKey
) -> None:
    users, key = SqlUsers(database), make_key()
    await users.add(make_user(), key)
    async with database.writing() as connection:
        await connection.execute(text("UPDATE users SET plan = 'platinum'"))
    with pytest.raises(PlanUnknown, match="platinum"):
        await users.by_key_digests([key.digest])


async def test_users_are_listed_oldest_first(database: Database, make_user: MakeUser, make_key: MakeKey) -> None:
    users, stored = SqlUsers(database), [make_user() for _ in range(3)]
    for user in reversed(stored):
        await users.add(user, make_key())
    assert [listed.user for listed in await users.listing()] == stored
