"""The parity cases, asked of a terminal at the other end of a pipe: every argument rule is the same there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reference_server.simulator import ManualClock, ManualPrices, SimulatedBroker, SimulatedMetaTrader5
from reference_server.simulator.pipe.address import Address
from reference_server.simulator.pipe.client import RemoteMetaTrader5
from reference_server.simulator.pipe.server import PipeServer
from tests.parity import differences
from tests.parity.cases import SUBJECTS
from tests.parity.outcome import outcome
from tests.parity.recording import Recording

LOGIN = {"login": 42, "password": "secret", "server": "TonpoSim-Demo"}


@pytest.fixture(autouse=True)
def zone_of_the_recording(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Naive datetimes are in UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


def make_broker() -> SimulatedBroker:
    return SimulatedBroker(clock=ManualClock(), prices=ManualPrices())


def test_where_nobody_listens_every_case_comes_to_what_it_does_without_a_terminal(tmp_path: Path) -> None:
    genuine = Recording.read()
    module = RemoteMetaTrader5(Address(path=str(tmp_path / "nobody.sock")))
    excused = differences.cases_of(differences.EVERYWHERE, differences.OBJECT)
    others = {}
    for case, expected in genuine.outcomes.items():
        found = outcome(module, case)
        if found != expected and case not in excused:
            others[case] = {"genuine": expected, "simulated": found}
    assert others == {}


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_case_comes_to_the_same_over_the_pipe_as_in_process(subject: str, tmp_path: Path) -> None:
    server = PipeServer(make_broker(), Address(path=str(tmp_path / "broker.sock")))
    remote, local = RemoteMetaTrader5(server.address), SimulatedMetaTrader5(make_broker())
    others, excused = {}, differences.cases_of(differences.EVERYWHERE, differences.OBJECT)
    try:
        for case in SUBJECTS[subject]:
            for module in (remote, local):
                assert module.version()[0] or module.initialize(**LOGIN)
            found, expected = outcome(remote, case), outcome(local, case)
            if found != expected and case not in excused:
                others[case] = {"remote": found, "local": expected}
        remote.shutdown()
    finally:
        server.close()
    assert others == {}
