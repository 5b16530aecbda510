"""The doctor looks at a terminal that is served by another process, healthy and with each thing that can be wrong."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from click.testing import CliRunner

from reference_server.doctor.command import doctor
from reference_server.simulator import SimulatedBroker
from reference_server.simulator.faults import Crash, Disconnect, Fault, Hang, PipeBreak
from reference_server.simulator.pipe.address import Address
from reference_server.simulator.pipe.server import PipeServer

LOGIN, SERVER, PASSWORD = 5001234, "Sim-Demo", "correct horse"
Found = dict[str, Any]
Look = Callable[..., list[Found]]


@pytest.fixture
def server() -> Iterator[PipeServer]:
    """A served broker, with the account opened. A socket's path is short, unlike those of pytest."""
    with TemporaryDirectory(prefix="tonpo-") as folder:
        broker = SimulatedBroker()
        broker.authorize(SERVER, LOGIN, PASSWORD)
        serving = PipeServer(broker, Address(path=f"{folder}/broker.sock"))
        try:
            yield serving
        finally:
            broker.faults.clear()
            serving.close()


@pytest.fixture
def look(server: PipeServer, tmp_path: Path) -> Look:
    """Run the command and return its findings; its exit code says whether there is a problem among them."""
    (tmp_path / "password").write_text(f"{PASSWORD}\n")

    def run(*words: str, address: str = "", login: int = LOGIN, broker: str = SERVER) -> list[Found]:
        done = CliRunner().invoke(
            doctor,
            [
                "--json", "--data-dir", str(tmp_path / "data"), "--port", "0", "--simulator-process", "per_account",
                "--simulator-address", address or str(server.address), "--login", str(login), "--server", broker,
                "--password-file", str(tmp_path / "password"), *words,
            ],
        )  # fmt: skip
        assert PASSWORD not in done.output
        told = json.loads(done.stdout)
        assert done.exit_code == (0 if told["healthy"] else 1)
        assert not (tmp_path / "data").exists()
        return list(told["findings"])

    return run


def problems(findings: list[Found]) -> list[str]:
    return [one["says"] for one in findings if one["verdict"] == "problem"]


def test_a_healthy_terminal_has_no_problem(look: Look, server: PipeServer) -> None:
    found = look()
    assert not problems(found)
    said = {one["subject"]: one["says"] for one in found}
    assert said["login"].startswith(f"logged in to {SERVER} as {LOGIN} in ")
    assert said["account"] == "demo, hedging, USD, leverage 1:100"
    assert said["order check"] == "buying 0.01 lots of EURUSD would be taken (nothing was sent)"
    account = server.broker.accounts[SERVER, LOGIN]
    assert not account.positions
    assert not account.orders
    assert not account.past_orders


def test_market_watch_is_left_as_it_was(look: Look) -> None:
    look()
    assert not problems(look())


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Hang(call="symbols_get", times=0), "symbols_get: no answer in 1 s"),
        (Hang(call="order_check", times=0), "order_check: no answer in 1 s"),
        (Hang(call="initialize", times=0), "initialize: no answer in 4 s"),
        (Disconnect(call="*", times=0), "the terminal has no connection to the trade server"),
        (PipeBreak(call="account_info"), "the terminal does not answer (-10002, IPC recv failed)"),
        (PipeBreak(call="order_check"), "the terminal does not answer (-10002, IPC recv failed)"),
        (Crash(call="symbol_info_tick", process="client"), "the process that asked it ended with code -9"),
    ],
    ids=lambda value: f"{value.kind} in {value.call}" if isinstance(value, Fault) else "",
)
def test_faults_are_found(look: Look, server: PipeServer, fault: Fault, said: str) -> None:
    server.broker.faults.add(fault)
    began = time.monotonic()
    found = look("--deadline", "1")
    assert time.monotonic() - began < 40
    assert any(said in one for one in problems(found)), found


def test_an_investor_cannot_trade(look: Look, server: PipeServer) -> None:
    server.broker.accounts[SERVER, LOGIN].trade_allowed = False
    assert "the account may not trade (10017)" in problems(look())[0]


def test_a_broker_that_forbids_robots(look: Look, server: PipeServer) -> None:
    server.broker.accounts[SERVER, LOGIN].trade_expert = False
    assert "the broker forbids automated trading" in problems(look())[0]


def test_a_wrong_password(look: Look, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("something else")
    assert problems(look()) == ["the broker refused the login (-6, Terminal: Authorization failed)"]


def test_a_server_that_never_answers(look: Look) -> None:
    found = problems(look(broker="Unreachable-Demo"))
    assert found == ["the terminal runs and has not logged in in time (-10005, IPC timeout)"]


def test_nobody_serves_the_address(look: Look, tmp_path: Path) -> None:
    absent = str(tmp_path / "absent.sock")
    assert problems(look(address=absent))[0].startswith(f"nobody serves a simulator at {absent}")


def test_a_wrong_token(look: Look, server: PipeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    port = PipeServer(server.broker, Address(host="127.0.0.1"))
    try:
        monkeypatch.setenv("TONPO_SIMULATOR_TOKEN", port.token)
        assert not problems(look(address=str(port.address)))
        monkeypatch.setenv("TONPO_SIMULATOR_TOKEN", "another")
        assert "refuses simulator_token" in problems(look(address=str(port.address)))[0]
    finally:
        port.close()


def test_an_address_that_cannot_be_one(look: Look) -> None:
    assert "simulator_address = " in problems(look(address="192.0.2.1:1"))[0]
