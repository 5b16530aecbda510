"""What `tests/trials` has, and a gateway with one active account."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.trials.conftest import broker, nursery, thread
from tests.trials.model import Account
from tests.trials.one_account import the_account, trial_of_one_account
from tests.trials.processes import Broker
from tests.trials.sockets import LoopThread
from tests.trials.trial import Trial

__all__ = ["broker", "nursery", "thread"]


@pytest.fixture(scope="module")
def trial(
    nursery: str, broker: Broker, thread: LoopThread, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Trial]:
    """One gateway; every test leaves it well again."""
    with trial_of_one_account(tmp_path_factory.mktemp("faults"), nursery, broker, thread) as trial:
        yield trial


@pytest.fixture
def account(trial: Trial) -> Iterator[Account]:
    trial.all_is_well()
    with the_account(trial) as account:
        yield account


@pytest.fixture
def data_dir(trial: Trial) -> Path:
    return trial.gateway.data_dir
