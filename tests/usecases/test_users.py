"""Registration, authentication and rotation."""

from __future__ import annotations

import asyncio

import pytest

from reference_server.domain.errors import (
    ApiKeyInvalid,
    ApiKeyMissing,
    RegistrationClosed,
    RegistrationRateExceeded,
)
from reference_server.domain.plans import PLANS
from reference_server.usecases.users import Registration
from tests.usecases.fakes import Gateway, settle


async def test_new_user_has_the_default_plan_and_a_key_that_works(gateway: Gateway) -> None:
    user, key = await gateway.user_cases.create_user("10.0.0.1")
    assert user.user_id.startswith("usr_")
    assert len(user.user_id) == 30
    assert user.plan is PLANS["free"]
    assert await gateway.user_cases.authenticate(key) == user
    assert await gateway.user_cases.get_current_user(user) is user


async def test_two_users_never_share_an_id(gateway: Gateway) -> None:
    ids = {(await gateway.user_cases.create_user("10.0.0.1"))[0].user_id for _ in range(50)}
    assert len(ids) == 50


async def test_registration_is_limited_per_client_address() -> None:
    gateway = Gateway(registration=Registration(PLANS["free"], per_minute=2))
    for _ in range(2):
        await gateway.user_cases.create_user("10.0.0.1")
    with pytest.raises(RegistrationRateExceeded) as refused:
        await gateway.user_cases.create_user("10.0.0.1")
    assert refused.value.retry_after_seconds == 12.5
    await gateway.user_cases.create_user("10.0.0.2")


async def test_a_whole_ipv6_network_is_one_client_since_one_client_has_a_whole_network() -> None:
    gateway = Gateway(registration=Registration(PLANS["free"], per_minute=2))
    await gateway.user_cases.create_user("2001:db8:1:2::1")
    await gateway.user_cases.create_user("2001:db8:1:2:ffff:ffff:ffff:ffff%eth0")
    with pytest.raises(RegistrationRateExceeded):
        await gateway.user_cases.create_user("2001:db8:1:2:3::")
    await gateway.user_cases.create_user("2001:db8:1:3::1")
    for address in ("::ffff:10.0.0.1", "10.0.0.1"):
        await gateway.user_cases.create_user(address)
    with pytest.raises(RegistrationRateExceeded):
        await gateway.user_cases.create_user("10.0.0.1")
    await gateway.user_cases.create_user("unknown")


async def test_closed_registration_creates_nobody() -> None:
    gateway = Gateway(registration=Registration(PLANS["free"], is_open=False))
    with pytest.raises(RegistrationClosed):
        await gateway.user_cases.create_user("10.0.0.1")
    assert gateway.users.rows == {}


@pytest.mark.parametrize("key", [None, ""])
async def test_absent_key_is_missing(gateway: Gateway, key: str | None) -> None:
    with pytest.raises(ApiKeyMissing):
        await gateway.user_cases.authenticate(key)


@pytest.mark.parametrize("key", ["not a key", "key-999"])
async def test_malformed_or_unknown_key_is_invalid(gateway: Gateway, key: str) -> None:
    with pytest.raises(ApiKeyInvalid):
        await gateway.user_cases.authenticate(key)


async def test_known_key_is_looked_up_once_within_the_time_of_the_cache(gateway: Gateway) -> None:
    _, key = await gateway.user_cases.create_user("10.0.0.1")
    for _ in range(5):
        await gateway.user_cases.authenticate(key)
    assert gateway.users.queries == 1
    await gateway.clock.advance(6)
    await gateway.user_cases.authenticate(key)
    assert gateway.users.queries == 2


async def test_a_changed_plan_is_seen_when_the_cache_has_aged(gateway: Gateway) -> None:
    user, key = await gateway.user_cases.create_user("10.0.0.1")
    await gateway.user_cases.authenticate(key)
    await gateway.users.set_plan(user.user_id, PLANS["pro"])
    await gateway.clock.advance(6)
    assert (await gateway.user_cases.authenticate(key)).plan is PLANS["pro"]


async def test_rotation_ends_the_old_key_at_once_and_tells_the_listeners(gateway: Gateway) -> None:
    user, old = await gateway.user_cases.create_user("10.0.0.1")
    told: list[str] = []
    gateway.user_cases.on_key_revoked.append(told.append)
    await gateway.user_cases.authenticate(old)
    new = await gateway.user_cases.rotate_api_key(user)
    assert told == [user.user_id]
    assert await gateway.user_cases.authenticate(new) == user
    with pytest.raises(ApiKeyInvalid):
        await gateway.user_cases.authenticate(old)


async def test_a_look_up_under_way_during_a_rotation_does_not_keep_the_old_key_alive(gateway: Gateway) -> None:
    user, old = await gateway.user_cases.create_user("10.0.0.1")
    gateway.users.hold = asyncio.Event()
    looking = asyncio.ensure_future(gateway.user_cases.authenticate(old))
    await settle()
    await gateway.user_cases.rotate_api_key(user)
    gateway.users.hold.set()
    await looking
    with pytest.raises(ApiKeyInvalid):
        await gateway.user_cases.authenticate(old)
