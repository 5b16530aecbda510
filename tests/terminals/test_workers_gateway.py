"""A whole gateway with terminals in worker processes: they die and come back, and none outlives the gateway."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from reference_server.terminals.workers.process import COMMAND
from tonpo_spec.served import free_port, tonpo_command, tonpo_environment

T = TypeVar("T")
MONDAY = '[time]\nkind = "scaled"\nstart = 2024-06-03T10:00:00Z\n'
ORDER = {"symbol": "EURUSD", "side": "buy", "orderType": "market", "volume": 0.1}


def until(look: Callable[[], T | None], what: str) -> T:
    """Ask again until there is an answer; a gateway tells nothing by itself over HTTP."""
    give_up_at = time.monotonic() + 30
    while time.monotonic() < give_up_at:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come about")


def workers_of(pid: int) -> list[int]:
    """The worker processes that this process has started."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            if COMMAND[-1].encode() in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(int(child))
    return found


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Gateway:
    """A running gateway and one user's account on it."""

    def __init__(self, process: subprocess.Popen[bytes], url: str) -> None:
        self.process = process
        self._url = url
        until(lambda: self.call("/health"), "the gateway")
        self._key: str = self.call("/api/users", {})["api_key"]
        account = {"mt5Login": "12345678", "mt5Password": "secret", "mt5Server": "Sim-Demo"}
        made = self.call("/api/accounts", account)
        assert "account_id" in made, made
        self.wait_until_active()

    def call(self, path: str, body: object = None) -> Any:
        """Ask, or send; None when nobody listens yet."""
        headers = {"Content-Type": "application/json"}
        if hasattr(self, "_key"):
            headers["X-API-Key"] = self._key
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data=data, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            return {"status": refused.code, **json.loads(refused.read())}
        except urllib.error.URLError:
            return None

    def wait_until_active(self) -> None:
        until(lambda: self.call("/api/accounts")["accounts"][0]["status"] == "active", "the account")

    def tickets(self) -> list[int]:
        return [position["ticket"] for position in self.call("/api/positions")["positions"]]


@contextmanager
def serving(folder: Path, *settings: str) -> Iterator[Gateway]:
    config = folder / "simulator.toml"
    config.write_text(MONDAY)
    port = free_port()
    place = ("--port", str(port), "--data-dir", str(folder / "data"), "--default-plan", "enterprise")
    command = tonpo_command("serve", *place, *settings)
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=tonpo_environment())
        try:
            yield Gateway(process, f"http://127.0.0.1:{port}")
        finally:
            process.kill()
            process.wait()


@contextmanager
def served_simulator(folder: Path) -> Iterator[str]:
    config = folder / "simulator.toml"
    config.write_text(MONDAY)
    address = str(folder / "broker.sock")
    command = tonpo_command("simulator", "serve", "--socket", address, "--config", str(config))
    with (folder / "simulator.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=tonpo_environment())
        try:
            until(lambda: Path(address).exists(), "the simulator")
            yield address
        finally:
            process.terminate()
            process.wait()


@pytest.fixture(params=["shared", "per_account"])
def gateway(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Gateway]:
    if request.param == "shared":
        config = str(tmp_path / "simulator.toml")
        with serving(tmp_path, "--simulator-process", "shared", "--simulator-config", config) as gateway:
            yield gateway
        return
    with (
        served_simulator(tmp_path) as address,
        serving(tmp_path, "--simulator-process", "per_account", "--simulator-address", address) as gateway,
    ):
        yield gateway


def test_a_dead_worker_is_replaced_and_no_order_is_lost_or_doubled(gateway: Gateway) -> None:
    first = gateway.call("/api/orders", ORDER)
    assert first["success"], first
    (worker,) = workers_of(gateway.process.pid)
    os.kill(worker, signal.SIGKILL)
    until(lambda: gateway.call("/api/accounts")["accounts"][0]["status"] != "active", "the loss")
    gateway.wait_until_active()
    assert gateway.tickets() == [first["ticket"]]
    second = gateway.call("/api/orders", ORDER)
    assert sorted(gateway.tickets()) == sorted((first["ticket"], second["ticket"]))
    assert workers_of(gateway.process.pid) != [worker]


def test_a_gateway_that_is_stopped_leaves_no_worker(gateway: Gateway) -> None:
    workers = workers_of(gateway.process.pid)
    assert workers
    gateway.process.send_signal(signal.SIGTERM)
    assert gateway.process.wait(20) == 0
    assert not any(is_running(worker) for worker in workers)


def test_a_gateway_that_is_killed_leaves_no_worker(gateway: Gateway) -> None:
    workers = workers_of(gateway.process.pid)
    assert workers
    gateway.process.kill()
    gateway.process.wait()
    until(lambda: not any(is_running(worker) for worker in workers), "the workers' end")


def test_a_worker_that_dies_again_and_again_is_tried_less_and_less_often(tmp_path: Path) -> None:
    with served_simulator(tmp_path) as address:
        settings = ("--simulator-process", "per_account", "--simulator-address", address)
        with serving(tmp_path, *settings) as gateway:
            Path(address).unlink()  # nobody finds the broker any more
            (worker,) = workers_of(gateway.process.pid)
            os.kill(worker, signal.SIGKILL)
            pattern = re.compile(r"worker acc_\w+ is gone")
            until(lambda: len(pattern.findall((tmp_path / "log").read_text())) >= 3, "the third attempt")
            state = gateway.call("/api/accounts")["accounts"][0]
            assert state["status"] in ("disconnected", "reconnecting")
            answer = gateway.call("/api/orders", ORDER)
            assert (answer["status"], answer["reason"]) == (503, "account_not_ready")
            attempts = len(pattern.findall((tmp_path / "log").read_text()))
            assert attempts <= 6
