"""The row cache is bounded, keeps no misses, and never keeps what a change has overtaken."""

from __future__ import annotations

import asyncio

from reference_server.storage.cache import RowCache
from reference_server.usecases.ports import Clock


class Source:
    def __init__(self) -> None:
        self.rows: dict[str, str] = {}
        self.loads = 0

    async def load(self, key: str) -> str | None:
        self.loads += 1
        return self.rows.get(key)


async def test_value_is_loaded_once_while_fresh(clock: Clock) -> None:
    cache, source = RowCache[str, str](clock), Source()
    source.rows["a"] = "one"
    for _ in range(5):
        assert await cache.get("a", lambda: source.load("a")) == "one"
    assert source.loads == 1
    await clock.sleep(2.0)
    await cache.get("a", lambda: source.load("a"))
    assert source.loads == 2


async def test_misses_are_never_kept(clock: Clock) -> None:
    cache, source = RowCache[str, str](clock), Source()
    for _ in range(3):
        assert await cache.get("a", lambda: source.load("a")) is None
    assert source.loads == 3
    assert cache._entries == {}


async def test_entries_are_bounded_and_the_oldest_goes_first(clock: Clock) -> None:
    cache = RowCache[int, str](clock, max_entries=10)

    async def load() -> str:
        return "row"

    for key in range(100):
        await cache.get(key, load)
    assert list(cache._entries) == list(range(90, 100))


async def test_load_overtaken_by_a_change_is_not_kept(clock: Clock) -> None:
    cache = RowCache[str, str](clock)
    has_read, may_return = asyncio.Event(), asyncio.Event()

    async def slow() -> str:
        has_read.set()
        await may_return.wait()
        return "old"

    async def quick() -> str:
        return "new"

    reader = asyncio.create_task(cache.get("a", slow))
    await has_read.wait()
    cache.drop("a")
    may_return.set()
    assert await reader == "old"
    assert await cache.get("a", quick) == "new"


async def test_row_that_disappeared_is_dropped_when_stale(clock: Clock) -> None:
    cache, source = RowCache[str, str](clock), Source()
    source.rows["a"] = "one"
    await cache.get("a", lambda: source.load("a"))
    source.rows.clear()
    await clock.sleep(2.0)
    assert await cache.get("a", lambda: source.load("a")) is None
    assert cache._entries == {}
