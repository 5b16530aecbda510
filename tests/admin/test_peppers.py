"""Rotation of the peppers: old keys stay valid, new ones use the newest, and none is removed that a key needs."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from sqlalchemy import text

from reference_server.admin import peppers
from reference_server.clock import SystemClock
from reference_server.commands import Refused
from reference_server.config import Settings
from reference_server.domain.plans import PLANS
from reference_server.domain.user import User
from reference_server.security.gateway_secrets import MOST_PEPPERS
from reference_server.storage.limits import SteadyLimiter
from reference_server.store import Store, open_store
from reference_server.usecases.users import Registration, UserUseCases

from .conftest import USER_ID, fill


def gateway_users(store: Store) -> UserUseCases:
    clock = SystemClock()
    return UserUseCases(store.users, store.keys, SteadyLimiter(clock), clock, os.urandom, Registration(PLANS["free"]))


def settle_peppers(settings: Settings) -> None:
    """Let the file look as if it had been changed long ago."""
    os.utime(settings.data_dir / "api_key_pepper", (1, 1))


async def test_keys_of_before_and_after_work_in_a_gateway_that_runs_meanwhile(settings: Settings) -> None:
    async with open_store(settings) as gateway, open_store(settings) as operator:
        before = await fill(gateway, 0)
        users = gateway_users(gateway)
        assert (await users.authenticate(before)).user_id == USER_ID
        await peppers.rotate(operator)
        fresh = operator.keys.mint()
        await operator.users.add(User("usr_2", PLANS["free"], 2), fresh)
        assert (await users.authenticate(fresh.clear)).user_id == "usr_2"
        assert (await users.authenticate(before)).user_id == USER_ID
        _, registered = await users.create_user("10.0.0.1")
        counts = await peppers.count_keys(operator)
        assert sorted(counts.values()) == [1, 2]
        assert (await gateway_users(operator).authenticate(registered)).plan is PLANS["free"]


async def test_a_pepper_is_pruned_only_when_no_key_needs_it(settings: Settings) -> None:
    async with open_store(settings) as store:
        before = await fill(store, 0)
        await peppers.rotate(store)
        with pytest.raises(Refused, match="changed 0 s ago"):
            await peppers.prune(store)
        settle_peppers(settings)
        assert await peppers.prune(store) == ()
        users = gateway_users(store)
        rotated = await users.rotate_api_key(await users.authenticate(before))
        assert len(await peppers.prune(store)) == 1
        assert (await users.authenticate(rotated)).user_id == USER_ID
    async with open_store(settings) as store:
        assert len(store.secrets.peppers.now().keys) == 1
        assert (await gateway_users(store).authenticate(rotated)).user_id == USER_ID


async def test_keys_of_before_the_migration_work_and_keep_their_pepper(settings: Settings) -> None:
    async with open_store(settings) as store:
        key = await fill(store, 0)
        async with store.database.writing() as connection:
            await connection.execute(text("UPDATE users SET pepper_id = NULL"))
        assert (await gateway_users(store).authenticate(key)).user_id == USER_ID
        (old,) = store.secrets.peppers.now().kids
        await peppers.rotate(store)
        assert await peppers.count_keys(store) == {old: 1}
        async with store.database.writing() as connection:
            await connection.execute(text("UPDATE users SET pepper_id = NULL"))
        settle_peppers(settings)
        with pytest.raises(Refused, match="1 API keys do not say which pepper"):
            await peppers.prune(store)
        assert (await gateway_users(store).authenticate(key)).user_id == USER_ID


async def test_the_ring_of_peppers_stays_small(settings: Settings) -> None:
    async with open_store(settings) as store:
        for _ in range(MOST_PEPPERS - 1):
            await peppers.rotate(store)
        with pytest.raises(Refused, match="holds 8 peppers"):
            await peppers.rotate(store)
    async with open_store(settings) as store:
        assert len(store.secrets.peppers.now().keys) == MOST_PEPPERS


async def test_a_pepper_given_by_environment_is_told_what_to_do(settings: Settings) -> None:
    given = replace(settings, api_key_pepper="cHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHA=")
    async with open_store(given) as store:
        with pytest.raises(Refused, match="TONPO_API_KEY_PEPPER"):
            await peppers.rotate(store)
