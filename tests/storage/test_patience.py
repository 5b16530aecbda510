"""What is waited for in a row ends in time, with one timer."""

from __future__ import annotations

import asyncio

import pytest

from reference_server.storage.patience import Patience


async def test_what_is_not_done_in_time_ends_with_the_error_and_what_is_done_keeps_its_value() -> None:
    patience = Patience(lambda: TimeoutError("too long"))
    loop = asyncio.get_running_loop()
    waiting: list[asyncio.Future[int]] = [loop.create_future() for _ in range(3)]
    for one in waiting:
        patience.watch(one, 0.02)
    waiting[0].set_result(1)
    assert await waiting[0] == 1
    for late in waiting[1:]:
        with pytest.raises(TimeoutError, match="too long"):
            await late


async def test_each_has_its_own_time_from_when_it_was_first_watched() -> None:
    patience = Patience(TimeoutError)
    loop = asyncio.get_running_loop()
    first: asyncio.Future[None] = loop.create_future()
    second: asyncio.Future[None] = loop.create_future()
    patience.watch(first, 0.05)
    began = loop.time()
    loop.call_later(0.02, patience.watch, second, 0.05)
    with pytest.raises(TimeoutError):
        await first
    assert not second.done()
    with pytest.raises(TimeoutError):
        await second
    assert loop.time() - began >= 0.069
