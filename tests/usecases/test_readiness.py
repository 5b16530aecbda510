"""Readiness: storage is asked at most once a second, waited for at most two, and a draining gateway is not ready."""

from __future__ import annotations

import asyncio

import pytest

from reference_server.domain.errors import Draining, StorageUnavailable
from reference_server.domain.user import User
from tests.usecases.fakes import Gateway, settle


async def test_storage_is_asked_once_a_second_however_often_readiness_is(gateway: Gateway) -> None:
    await asyncio.gather(*(gateway.health.get_readiness() for _ in range(20)))
    assert gateway.storage.probes == 1
    await gateway.clock.advance(0.9)
    await gateway.health.get_readiness()
    assert gateway.storage.probes == 1
    await gateway.clock.advance(0.2)
    await gateway.health.get_readiness()
    assert gateway.storage.probes == 2


async def test_storage_that_takes_no_write_is_not_ready_until_it_does(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.storage.failure = OSError("no space left")
    with pytest.raises(StorageUnavailable):
        await gateway.health.get_readiness()
    assert (await gateway.health.get_health()).status == "degraded"
    assert [line.getMessage() for line in caplog.records] == ["storage_unavailable"]
    gateway.storage.failure = None
    await gateway.clock.advance(1.1)
    await gateway.health.get_readiness()
    assert (await gateway.health.get_health()).status == "ok"


async def test_storage_that_hangs_is_waited_for_two_seconds_and_not_asked_again_meanwhile(gateway: Gateway) -> None:
    gateway.storage.free.clear()
    asking = asyncio.ensure_future(gateway.health.get_readiness())
    await gateway.clock.advance(1.9)
    assert not asking.done()
    await gateway.clock.advance(0.2)
    with pytest.raises(StorageUnavailable):
        await asking
    await gateway.clock.advance(1.1)
    again = asyncio.ensure_future(gateway.health.get_readiness())
    await settle()
    assert gateway.storage.probes == 1
    gateway.storage.free.set()
    await again


async def test_a_draining_gateway_is_not_ready(gateway: Gateway) -> None:
    gateway.drain.begin()
    with pytest.raises(Draining):
        await gateway.health.get_readiness()
    assert (await gateway.health.get_health()).status == "degraded"


async def test_a_gateway_none_of_whose_accounts_can_be_connected_is_degraded_and_ready(
    gateway: Gateway, user: User
) -> None:
    gateway.terminals.failure = RuntimeError("a defect")
    await gateway.active_account(user)
    assert (await gateway.health.get_health()).status == "degraded"
    await gateway.health.get_readiness()
    gateway.terminals.failure = None
    await gateway.clock.advance(3)
    assert (await gateway.health.get_health()).status == "ok"
