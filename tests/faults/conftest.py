"""A broker and a nursery of gateways for these tests, as `tests/trials` has them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.contract import load_contract
from reference_server.app import CAPABILITIES
from tests.trials.model import Account
from tests.trials.processes import Broker, open_nursery, served_broker
from tests.trials.sockets import LoopThread
from tests.trials.trial import Trial


@pytest.fixture(scope="package")
def nursery() -> Iterator[str]:
    with open_nursery() as nursery:
        yield nursery


@pytest.fixture(scope="package")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with served_broker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture(scope="module")
def trial(nursery: str, broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """A gateway with one active account; every test leaves it well again."""
    thread = LoopThread()
    trial = Trial(tmp_path_factory.mktemp("faults"), nursery, broker, load_contract(CAPABILITIES), thread)
    try:
        broker.control.set_price("EURUSD", 1.0855, 1.0856)
        account = trial.add_account(trial.add_user())
        trial.wait_until_active(account)
        yield trial
        trial.reckon()
    finally:
        trial.close()
        thread.close()


@pytest.fixture
def account(trial: Trial) -> Iterator[Account]:
    (account,) = trial.world.accounts
    trial.all_is_well()
    trial.wait_until_active(account)
    yield account
    print(trial.transcript.last(40))  # shown where a test fails


@pytest.fixture
def data_dir(trial: Trial) -> Path:
    return trial.gateway.data_dir
