"""A trial whose gateway has one active account, for tests that direct every step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conformance.contract import load_contract
from reference_server.app import CAPABILITIES
from tests.trials.model import Account
from tests.trials.processes import Broker
from tests.trials.sockets import LoopThread
from tests.trials.trial import Trial


@contextmanager
def trial_of_one_account(folder: Path, nursery: str, broker: Broker, thread: LoopThread) -> Iterator[Trial]:
    """Yield the trial, and reckon when every test on it has passed."""
    trial = Trial(folder, nursery, broker, load_contract(CAPABILITIES), thread)
    try:
        broker.control.set_price("EURUSD", 1.0855, 1.0856)
        trial.wait_until_active(trial.add_account(trial.add_user()))
        yield trial
        trial.reckon()
    finally:
        trial.close()


@contextmanager
def the_account(trial: Trial) -> Iterator[Account]:
    """Yield the account once it is active; afterwards print what was said, which pytest shows where a test fails."""
    (account,) = trial.world.accounts
    trial.wait_until_active(account)
    yield account
    print(trial.transcript.last(40))
