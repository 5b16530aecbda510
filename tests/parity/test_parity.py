"""The simulated module behaves as the genuine one did when it was recorded, wherever no terminal is needed."""

import sys
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from reference_server.simulator import ManualClock, ManualPrices, SimulatedBroker, SimulatedMetaTrader5
from reference_server.simulator.stand_in.module import fill
from tests.parity import differences
from tests.parity.cases import CASES, SUBJECTS, fingerprint
from tests.parity.outcome import outcome
from tests.parity.recording import Recording

RENEW = "make parity records them anew"


@pytest.fixture(scope="module")
def genuine() -> Recording:
    """What the genuine package did."""
    return Recording.read()


@pytest.fixture(autouse=True)
def zone_of_the_recording(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Naive datetimes are in UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


def terminal() -> SimulatedMetaTrader5:
    """On a machine without a terminal, as the recording was."""
    broker = SimulatedBroker(clock=ManualClock(), prices=ManualPrices())
    return SimulatedMetaTrader5(broker, installed=())


@pytest.fixture(params=["object", "stand-in"])
def simulated(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, set[str]]:
    """A simulated module, and the cases that are known to differ there."""
    if request.param == "object":
        return terminal(), differences.cases_of(differences.EVERYWHERE, differences.OBJECT)
    monkeypatch.setitem(sys.modules, "MetaTrader5._core", ModuleType("MetaTrader5._core"))
    module = ModuleType("MetaTrader5")
    module.__package__ = "MetaTrader5"
    fill(module, terminal())
    return module, differences.cases_of(differences.EVERYWHERE, differences.STAND_IN)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_case_comes_to_the_same(simulated: tuple[Any, set[str]], genuine: Recording, subject: str) -> None:
    module, excused = simulated
    others = {}
    for case in SUBJECTS[subject]:
        found = outcome(module, case)
        if found != genuine.outcomes[case] and case not in excused:
            others[case] = {"genuine": genuine.outcomes[case], "simulated": found}
    assert others == {}


def test_every_difference_is_one(simulated: tuple[Any, set[str]], genuine: Recording) -> None:
    module, excused = simulated
    assert {case for case in excused if outcome(module, case) == genuine.outcomes[case]} == set()


def test_the_recording_was_made_with_these_cases(genuine: Recording) -> None:
    assert list(genuine.outcomes) == list(CASES), RENEW
    assert genuine.cases == fingerprint(), RENEW
    assert genuine.package == "MetaTrader5 5.0.6231"


def test_before_the_first_call_there_is_no_error(genuine: Recording) -> None:
    assert list(terminal().last_error()) == genuine.last_error == [0, ""]


def test_no_case_changes_what_another_one_finds(genuine: Recording) -> None:
    module = terminal()
    excused = differences.cases_of(differences.EVERYWHERE, differences.OBJECT)
    others = [case for case in reversed(CASES) if outcome(module, case) != genuine.outcomes[case]]
    assert set(others) <= excused
