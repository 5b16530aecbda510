"""The day's trades: exactly the limit, per user and day."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from reference_server.domain.user import User
from reference_server.storage.database import Database
from reference_server.storage.trades import SqlTradeCounter
from reference_server.storage.users import SqlUsers
from reference_server.usecases.ports import MintedKey


@pytest.fixture
async def user_id(database: Database, make_user: Callable[[], User], make_key: Callable[[], MintedKey]) -> str:
    user = make_user()
    await SqlUsers(database).add(user, make_key())
    return user.user_id


async def test_concurrent_trades_take_exactly_the_limit(database: Database, user_id: str) -> None:
    counter = SqlTradeCounter(database)
    taken = await asyncio.gather(*(counter.take(user_id, "2026-11-23", 10) for _ in range(50)))
    assert taken.count(True) == 10


async def test_new_day_starts_afresh(database: Database, user_id: str) -> None:
    counter = SqlTradeCounter(database)
    assert await counter.take(user_id, "2026-11-23", 1)
    assert not await counter.take(user_id, "2026-11-23", 1)
    assert await counter.take(user_id, "2026-11-24", 1)


async def test_trade_given_back_may_be_taken_again(database: Database, user_id: str) -> None:
    counter = SqlTradeCounter(database)
    assert await counter.take(user_id, "2026-11-23", 1)
    await counter.give_back(user_id, "2026-11-23")
    await counter.give_back(user_id, "2026-11-23")
    assert await counter.take(user_id, "2026-11-23", 1)
    assert not await counter.take(user_id, "2026-11-23", 1)


async def test_limit_of_nothing_takes_nothing(database: Database, user_id: str) -> None:
    assert not await SqlTradeCounter(database).take(user_id, "2026-11-23", 0)


async def test_raised_limit_counts_what_was_taken(database: Database, user_id: str) -> None:
    counter = SqlTradeCounter(database)
    assert await counter.take(user_id, "2026-11-23", 1)
    assert await counter.take(user_id, "2026-11-23", 2)
    assert not await counter.take(user_id, "2026-11-23", 2)
