"""A clock moved by hand, a database in a temporary file, and rows to put into it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from reference_server.domain.account import Account, AccountState
from reference_server.domain.plans import PLANS
from reference_server.domain.user import User
from reference_server.storage.database import Database
from reference_server.usecases.ports import MintedKey


class HandClock:
    def __init__(self) -> None:
        self.seconds = 1_000.0

    def now_ms(self) -> int:
        return int(self.seconds * 1000)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'tonpo.db'}"


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    opened = await Database.open(url)
    yield opened
    await opened.close()


@pytest.fixture
def make_key() -> Callable[[], MintedKey]:
    numbers: Iterator[int] = count(1)

    def make() -> MintedKey:
        number = next(numbers)
        return MintedKey(
            clear=f"key {number}", digest=number.to_bytes(32, "big"), last_four=f"{number:04}", pepper_id="pepper01"
        )

    return make


@pytest.fixture
def make_user() -> Callable[[], User]:
    numbers: Iterator[int] = count(1)
    return lambda: User(f"usr_{next(numbers):026}", PLANS["free"], 1_700_000_000_000)


@pytest.fixture
def make_account() -> Callable[[User], Account]:
    numbers: Iterator[int] = count(1)

    def make(user: User) -> Account:
        number = next(numbers)
        return Account(
            f"acc_{number:026}", user.user_id, AccountState.CREATED, 1_700_000_000_000 + number, mt5_server="Demo"
        )

    return make
