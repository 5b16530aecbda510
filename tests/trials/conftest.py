"""What takes long to start, once for all trials."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.trials.processes import Broker, open_nursery, served_broker
from tests.trials.sockets import LoopThread


@pytest.fixture(scope="package")
def nursery() -> Iterator[str]:
    with open_nursery() as nursery:
        yield nursery


@pytest.fixture(scope="package")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with served_broker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture(scope="package")
def thread() -> Iterator[LoopThread]:
    thread = LoopThread()
    yield thread
    thread.close()
