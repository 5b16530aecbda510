"""Fixtures: a simulated provider with the hands of its broker, and a hand-made module."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from reference_server.usecases.ports import Terminal
from tests.terminals.fakes import Desk, HandClock, HandMadeModule


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """A broker whose EURUSD stands at 1.10000 / 1.10010."""
    desk = Desk()
    desk.price("EURUSD", 1.10000, 1.10010)
    yield desk
    await desk.terminals.close()


@pytest.fixture
async def terminal(desk: Desk) -> Terminal:
    """A terminal on a hedging account of 10,000 US dollars."""
    return await desk.open()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def module() -> HandMadeModule:
    return HandMadeModule()
