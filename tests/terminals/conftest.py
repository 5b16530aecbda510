"""Fixtures: a simulated provider with the hands of its broker, and a hand-made module."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from reference_server.simulator.stand_in import site_folder
from reference_server.usecases.ports import Terminal
from tests.terminals.fakes import Desk, HandClock, HandMadeModule
from tests.terminals.providers import (
    WORKER_PROVIDERS,
    WorkerDesk,
    Workshop,
    open_desk,
    open_workshop,
    stand_in_environment,
)


@pytest.fixture(params=("inline", *WORKER_PROVIDERS))
async def desk(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Desk | WorkerDesk]:
    """A broker whose EURUSD stands at 1.10000 / 1.10010, behind each provider of terminals."""
    if request.param == "inline":
        inline = Desk()
        inline.price("EURUSD", 1.10000, 1.10010)
        yield inline
        await inline.terminals.close()
        return
    workshop: Workshop = request.getfixturevalue("workshop")
    use_stand_in(workshop, monkeypatch)
    async with open_desk(request.param, workshop, tmp_path) as desk:
        yield desk


@pytest.fixture
async def terminal(desk: Desk | WorkerDesk) -> Terminal:
    """A terminal on a hedging account of 10,000 US dollars."""
    return await desk.open()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def module() -> HandMadeModule:
    return HandMadeModule()


@pytest.fixture(scope="session")
def workshop() -> Iterator[Workshop]:
    """What takes long to start, once for all tests with real processes."""
    with open_workshop() as workshop:
        yield workshop


def use_stand_in(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `MetaTrader5` the stand-in, here and in the processes that are started from here."""
    monkeypatch.syspath_prepend(str(site_folder()))
    for name, value in stand_in_environment(workshop).items():
        monkeypatch.setenv(name, value)
