"""A broker that outlives its gateway, and the gateway that is killed: real processes, one folder for their data."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from reference_server.simulator.control import ControlClient
from reference_server.simulator.pipe.client import RemoteMetaTrader5
from tests.terminals.warm import stub
from tonpo_spec.served import free_port, tonpo_command, tonpo_environment

T = TypeVar("T")
ROOT = Path(__file__).parent.parent.parent
SERVER = "Trial-Demo"
NETTING_SERVER = "Trial-Netting"
THIN_SYMBOL = "GBPUSD"
IMMEDIATE_OR_CANCEL = 2
THIN_LOTS = 0.07
"""What the thin symbol's market offers at each tick on each side, to all accounts together."""
PASSWORD = "secret"
WHOLE_HISTORY = (0, 2**31 - 1)
PRICES_BY_HAND = '[symbols]\nfile = "symbols.json"\n[prices]\nkind = "manual"\n'
QUICK = {
    "TONPO_DEFAULT_PLAN": "pro",
    "TONPO_ORDER_DEADLINE_MS": "2000",
    "TONPO_LOST_ORDER_ANSWER_MS": "2500",
    "TONPO_LOST_ORDER_SETTLE_MS": "700",
    "TONPO_LOST_ORDER_WATCH_MS": "8000",
    "TONPO_WS_HEARTBEAT_MS": "1000",
    "TONPO_REGISTRATIONS_PER_MINUTE": "1000",
}
"""Settings by which what takes minutes takes seconds."""


def until(look: Callable[[], T | None], what: str, within: float = 90.0) -> T:
    """Ask again until there is an answer: processes of their own tell nothing by themselves."""
    give_up_at = time.monotonic() + within
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > give_up_at:
            raise AssertionError(f"{what} did not come about within {within:g} s")
        time.sleep(0.02)


@contextmanager
def open_nursery() -> Iterator[str]:
    """Start the process that gateways are forked from; give its socket."""
    with tempfile.TemporaryDirectory(prefix="trial") as folder:
        path = str(Path(folder) / "nursery")
        command = (sys.executable, "-m", "tests.trials.nursery", path)
        with subprocess.Popen(
            command, cwd=ROOT, env=tonpo_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as nursery:
            assert nursery.stdin is not None
            assert nursery.stdout is not None
            assert nursery.stdout.readline() == b"ready\n"
            try:
                yield path
            finally:
                nursery.stdin.close()


class Broker:
    """A served broker: its control port, and its accounts as a terminal of their owner shows them."""

    def __init__(self, address: str, control: ControlClient) -> None:
        self.address = address
        self.control = control
        self._logins = itertools.count(1001)
        self._netting: set[int] = set()
        self._terminals: dict[int, RemoteMetaTrader5] = {}

    def new_login(self, *, is_netting: bool = False) -> int:
        """A login that nobody has: its account opens when it is used first."""
        login = next(self._logins)
        if is_netting:
            self._netting.add(login)
        return login

    def server_of(self, login: int) -> str:
        """The server that an account is on."""
        return NETTING_SERVER if login in self._netting else SERVER

    def orders(self, login: int) -> list[Any]:
        """Every order of an account, pending or past."""
        return [
            *self._read(login, lambda terminal: terminal.orders_get()),
            *self._read(login, lambda terminal: terminal.history_orders_get(*WHOLE_HISTORY)),
        ]

    def deals(self, login: int) -> list[Any]:
        """Every deal of an account."""
        return self._read(login, lambda terminal: terminal.history_deals_get(*WHOLE_HISTORY))

    def accounts(self) -> dict[int, dict[str, Any]]:
        """What all accounts have open, by login: as the broker's staff sees it, whatever goes wrong."""
        return {int(account["login"]): account for account in self.control.state()["accounts"]}

    def clock_shift_ms(self) -> int:
        """How far the broker's clock is ahead of UTC."""
        clock = self.control.state()["clock"]
        return int(clock["server_ms"] - clock["utc_ms"])

    def has_account(self, login: int) -> bool:
        """Whether a terminal ever logged in to it."""
        return login in self.accounts()

    def close(self) -> None:
        """Let go of all terminals."""
        for terminal in self._terminals.values():
            terminal.shutdown()

    def _read(self, login: int, call: Callable[[RemoteMetaTrader5], Any]) -> list[Any]:
        """Ask until the terminal answers: what went wrong a moment ago may still keep it."""
        found: list[Any] = []

        def ask() -> bool:
            terminal = self._connected(login)
            records = None if terminal is None else call(terminal)
            found[:] = records or ()
            return records is not None

        until(ask, f"an answer of the terminal of {login}")
        return found

    def _connected(self, login: int) -> RemoteMetaTrader5 | None:
        """A terminal of our own on this account, if it can be had now."""
        if login not in self._terminals:
            self._terminals[login] = RemoteMetaTrader5(self.address)
        terminal = self._terminals[login]
        if terminal.terminal_info() is None and not terminal.initialize(
            path=f"C:\\judge\\{login}\\terminal64.exe", login=login, password=PASSWORD, server=self.server_of(login)
        ):
            return None
        return terminal


def _symbols() -> list[dict[str, Any]]:
    """Those of the demo broker; in one of them the market seldom has all that an order wants."""
    text = resources.files("reference_server.simulator.listing").joinpath("symbols.json").read_text()
    symbols: list[dict[str, Any]] = json.loads(text)["symbols"]
    (thin,) = (symbol for symbol in symbols if symbol["name"] == THIN_SYMBOL)
    thin.update(liquidity=THIN_LOTS, filling_mode=IMMEDIATE_OR_CANCEL)
    return symbols


@contextmanager
def served_broker(folder: Path) -> Iterator[Broker]:
    """Serve a broker whose prices stand until they are moved."""
    configuration = folder / "broker.toml"
    configuration.write_text(PRICES_BY_HAND)
    (folder / "symbols.json").write_text(json.dumps({"symbols": _symbols()}))
    address = str(folder / "broker.sock")
    command = tonpo_command(
        "simulator", "serve", "--socket", address, "--control", "127.0.0.1:0", "--config", str(configuration)
    )
    environment = {**tonpo_environment(), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            first = process.stdout.readline().split()
            assert first[:2] == ["control", "port"], first
            assert process.stdout.readline().startswith("listening on ")
            broker = Broker(address, ControlClient(first[2], first[4]))
            yield broker
            broker.control.clear_faults()
            broker.close()
        finally:
            process.kill()


@dataclass
class GatewayProcess:
    """One gateway after another on the same data and the same port."""

    folder: Path
    nursery: str
    broker_address: str
    settings: Mapping[str, str]
    port: int = 0
    lives: int = 0
    pid: int | None = None
    _stub: subprocess.Popen[bytes] | None = None

    @property
    def data_dir(self) -> Path:
        """Where its databases lie."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """What all its lives have said."""
        return self.folder / "gateway.log"

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.port = self.port or free_port()
        self.lives += 1
        number = self.folder / f"pid-{self.lives}"
        words = (
            "serve", "--port", str(self.port), "--data-dir", str(self.data_dir),
            "--simulator-process", "per_account", "--simulator-address", self.broker_address,
        )  # fmt: skip
        environment = {**tonpo_environment(), **QUICK, **self.settings}
        with self.log.open("ab") as log:
            self._stub = subprocess.Popen(
                stub(self.nursery, str(number), *words), stdout=log, stderr=log, env=environment
            )
        until(lambda: number.exists() or self._has_ended(), "the gateway's process")
        self.pid = int(number.read_text())
        until(lambda: self._answers() or self._has_ended(), "the gateway")

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        assert self.pid is not None
        assert self._stub is not None
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self._stub.wait(20)
        self.pid = None

    def wait_for_its_death(self) -> None:
        """Wait until it is gone of itself."""
        assert self._stub is not None
        self._stub.wait(60)
        self.pid = None

    def stop(self) -> None:
        """End it as an operator does."""
        assert self.pid is not None
        assert self._stub is not None
        os.kill(self.pid, signal.SIGINT)
        self._stub.wait(30)
        self.pid = None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=5) as answer:
                return bool(json.load(answer)["status"])
        except OSError:
            return False

    def _has_ended(self) -> bool:
        assert self._stub is not None
        if self._stub.poll() is None:
            return False
        raise AssertionError(f"the gateway ended: {self.log.read_text()[-2000:]}")


@contextmanager
def gateway_process(
    folder: Path, nursery: str, broker: Broker, settings: Mapping[str, str] | None = None
) -> Iterator[GatewayProcess]:
    """Start a gateway on this broker; whatever lives of it at the end is killed."""
    gateway = GatewayProcess(folder, nursery, broker.address, settings or {})
    try:
        gateway.start()
        yield gateway
    finally:
        if gateway.pid is not None:
            gateway.kill()
