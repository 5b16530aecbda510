"""Every provider of terminals in processes, each with the hands of its broker, on a clock that is moved by hand.

The fixture `desk` of conftest.py opens each of them, and the one on the event loop. What is told to a worker without
an answer (`Terminal.watch`) has arrived once any call to the same terminal has been answered.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import Any

from reference_server.domain.account import Mt5Credentials
from reference_server.simulator import ManualPrices, SimulatedBroker
from reference_server.simulator.faults.parsing import fault_from_dict
from reference_server.simulator.pipe.address import Address
from reference_server.simulator.pipe.server import PipeServer
from reference_server.simulator.stand_in import site_folder
from reference_server.terminals.providers.metatrader5 import PROGRAM, metatrader5_folders
from reference_server.terminals.providers.mt5linux import Endpoint, mt5linux_endpoints
from reference_server.terminals.providers.nodes import NodeTerminals
from reference_server.terminals.providers.processes import (
    OneSource,
    ProcessPerAccount,
    SharedProcess,
    Sources,
    WorkerTerms,
)
from reference_server.terminals.workers.node_link import LinkTimes
from reference_server.terminals.workers.process import Deadlines
from reference_server.terminals.workers.sources import Hosted, Served
from reference_server.terminals.workers.unsettled import Reconciling
from reference_server.usecases.ports import Listener, Terminal, Terminals
from tests.terminals.fakes import Heard
from tests.terminals.hand_clock import SharedClock
from tests.terminals.switchboard import Switchboard, open_switchboard
from tests.terminals.warm import stub

MT5LINUX = "from rpyc.cli.rpyc_classic import ClassicServer; ClassicServer.run()"
ROOT = Path(__file__).parents[2]
QUICKLY = Reconciling(answering=10.0, settling=0.3, look_interval=0.01, watching=20.0, watch_interval=0.02)
"""The broker of a test shows a trade at once; the processes are real and so is their time."""

WORKER_PROVIDERS = ("shared", "per_account", "metatrader5", "mt5linux", "node")


async def until(condition: Callable[[], object], seconds: float = 0.0) -> None:
    """Wait for what no event tells."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(seconds)


class Workshop:
    """What the desks of a test session share: a nursery of workers, and an mt5linux server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.nursery = str(folder / "nursery")
        self.served = str(folder / "broker")
        self._bridges: list[Endpoint] = []
        self._running = ExitStack()

    def bridges(self) -> list[Endpoint]:
        """Two mt5linux servers, started when they are first wanted."""
        while len(self._bridges) < 2:
            self._bridges.append(self._running.enter_context(open_bridge(self)))
        return self._bridges

    def close(self) -> None:
        self._running.close()


@contextmanager
def open_workshop() -> Iterator[Workshop]:
    """Start what takes long to start, once."""
    with tempfile.TemporaryDirectory(prefix="desk") as folder:
        workshop = Workshop(Path(folder))
        environment = _environment(workshop)
        command = (sys.executable, "-m", "tests.terminals.warm", workshop.nursery)
        with subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as nursery:
            assert nursery.stdin is not None
            assert nursery.stdout is not None
            assert nursery.stdout.readline() == b"ready\n"
            try:
                yield workshop
            finally:
                workshop.close()
                nursery.stdin.close()


@contextmanager
def open_bridge(workshop: Workshop, *, with_package: bool = True) -> Iterator[Endpoint]:
    """Start the server that `python -m mt5linux` starts: its main module is `MT5LINUX`. The stand-in lies beside it."""
    command = (sys.executable, "-c", MT5LINUX, "--host", "127.0.0.1", "-p", "0")
    environment = _environment(workshop)
    if not with_package:
        del environment["PYTHONPATH"]
    with subprocess.Popen(command, cwd=workshop.folder, env=environment, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        line = next(line for line in server.stderr if "started on" in line)
        try:
            yield Endpoint("127.0.0.1", int(line.strip().rsplit(":", 1)[1]))
        finally:
            server.kill()


def _environment(workshop: Workshop) -> dict[str, str]:
    paths = os.pathsep.join((str(ROOT), str(site_folder())))
    single = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    return {**os.environ, **single, "PYTHONPATH": paths, "TONPO_SIMULATOR_ADDRESS": workshop.served}


class WorkerDesk(ABC):
    """A provider whose terminals are in processes, and the hands of its broker. As `tests.terminals.fakes.Desk`."""

    def __init__(self, clock: SharedClock, terminals: Terminals, command: list[str]) -> None:
        self.clock = clock
        self.terminals = terminals
        self.command = command
        self.heard = Heard()

    async def open(self, login: str = "1234", password: str = "secret", server: str = "Sim-Demo") -> Terminal:
        return await self.terminals.open(f"acc_{login}", Mt5Credentials(login, password, server), self.heard)

    @abstractmethod
    def price(self, symbol: str, bid: float, ask: float) -> None:
        """Move a symbol."""

    @abstractmethod
    def fault(self, fault: Mapping[str, Any]) -> None:
        """Ask the broker for a fault."""

    def pass_time(self, seconds: float) -> None:
        self.clock.ms += round(seconds * 1000)


class ServedDesk(WorkerDesk):
    """Its broker is in this process, at the other end of a pipe."""

    def __init__(self, clock: SharedClock, terminals: Terminals, command: list[str], broker: SimulatedBroker) -> None:
        super().__init__(clock, terminals, command)
        self.broker = broker

    def price(self, symbol: str, bid: float, ask: float) -> None:
        self.broker.set_price(symbol, bid, ask)

    def fault(self, fault: Mapping[str, Any]) -> None:
        self.broker.faults.add(fault_from_dict(dict(fault)))


class HostedDesk(WorkerDesk):
    """Its broker is in the worker; orders to it go over a line of the test's own."""

    def __init__(self, clock: SharedClock, terminals: Terminals, command: list[str], hands: str) -> None:
        super().__init__(clock, terminals, command)
        self._path = hands
        self._line: Connection | None = None
        self._waiting: list[tuple[str, tuple[Any, ...]]] = []

    async def open(self, login: str = "1234", password: str = "secret", server: str = "Sim-Demo") -> Terminal:
        terminal = await super().open(login, password, server)
        if self._line is None:
            self._line = await asyncio.to_thread(Client, self._path)
            for name, arguments in self._waiting:
                self._order(name, *arguments)
        return terminal

    def price(self, symbol: str, bid: float, ask: float) -> None:
        self._order("set_price", symbol, bid, ask)

    def fault(self, fault: Mapping[str, Any]) -> None:
        self._order("fault", dict(fault))

    def _order(self, name: str, *arguments: Any) -> None:
        if self._line is None:
            self._waiting.append((name, arguments))
            return
        self._line.send((name, arguments))
        self._line.recv()

    def let_go(self) -> None:
        """Let the hands of a worker go that is gone; the next one's are taken when it opens."""
        if self._line is not None:
            self._line.close()
            self._line = None


class NodeDesk(ServedDesk):
    """Its terminals are behind agents with a node for each account, and its broker is in this process."""

    board: Switchboard

    async def open(self, login: str = "1234", password: str = "secret", server: str = "Sim-Demo") -> Terminal:
        account_id = f"acc_{login}"
        while self.board.is_busy(
            account_id
        ):  # a node opens one terminal at a time: here is another account of the login
            account_id += "_too"
        await self.board.connect(account_id)
        return await self.terminals.open(account_id, Mt5Credentials(login, password, server), self.heard)


class NoTerminals:
    """A gateway without terminals of its own."""

    async def open(self, account_id: str, credentials: Mt5Credentials, listener: Listener) -> Terminal:
        raise AssertionError(f"{account_id} has a node")

    async def close(self) -> None:
        """There is none."""


async def every_account_has_a_node(_account_id: str) -> bool:
    return True


@asynccontextmanager
async def open_node_desk(
    workshop: Workshop,
    folder: Path,
    *,
    reconciling: Reconciling = QUICKLY,
    deadlines: Deadlines | None = None,
    times: LinkTimes | None = None,
    command: Sequence[str] = (),
    sources: Sources | None = None,
) -> AsyncIterator[NodeDesk]:
    """Open a provider whose terminals are behind agents.

    `command`: more words for the command of a worker; `sources`: of the agents, else the served broker.
    """
    clock = SharedClock(folder / "clock")
    words = [*stub(workshop.nursery, str(clock.path)), *command]
    terms = _terms(words, deadlines, reconciling)
    terminals = NodeTerminals(NoTerminals(), every_account_has_a_node, clock, terms, times)
    broker = SimulatedBroker(clock=clock, prices=ManualPrices())
    server = PipeServer(broker, Address(path=workshop.served))
    desk = NodeDesk(clock, terminals, words, broker)
    desk.price("EURUSD", 1.10000, 1.10010)
    try:
        sources = sources or OneSource(Served(workshop.served))
        async with open_switchboard(terminals, sources, words, folder / "nodes") as board:
            desk.board = board
            yield desk
    finally:
        server.close()


def _terms(command: Sequence[str], deadlines: Deadlines | None, reconciling: Reconciling) -> WorkerTerms:
    return WorkerTerms(
        command=command,
        deadlines=deadlines or Deadlines(opening=20.0, trade=20.0, read=20.0),
        poll_interval_seconds=0.002,
        reconciling=reconciling,
    )


def stand_in_environment(workshop: Workshop) -> dict[str, str]:
    """The environment in which a Python finds the stand-in as `MetaTrader5`, attached to the workshop's broker."""
    return {"PYTHONPATH": str(site_folder()), "TONPO_SIMULATOR_ADDRESS": workshop.served}


@asynccontextmanager
async def open_desk(
    kind: str,
    workshop: Workshop,
    folder: Path,
    *,
    reconciling: Reconciling = QUICKLY,
    deadlines: Deadlines | None = None,
) -> AsyncIterator[WorkerDesk]:
    """Open a provider of `WORKER_PROVIDERS`; its EURUSD stands at 1.10000 / 1.10010."""
    if kind == "node":
        async with open_node_desk(workshop, folder, reconciling=reconciling, deadlines=deadlines) as behind_agents:
            yield behind_agents
        return
    clock = SharedClock(folder / "clock")
    hands = str(folder / "hands")
    command = list(stub(workshop.nursery, str(clock.path)))
    if kind == "shared":
        command += ["--host", hands]
    terms = _terms(command, deadlines, reconciling)
    if kind == "shared":
        hosted = HostedDesk(clock, SharedProcess(clock, Hosted(), terms), command, hands)
        hosted.price("EURUSD", 1.10000, 1.10010)
        try:
            yield hosted
        finally:
            await hosted.terminals.close()
            hosted.let_go()
        return
    broker = SimulatedBroker(clock=clock, prices=ManualPrices())
    server = PipeServer(broker, Address(path=workshop.served))
    desk = ServedDesk(clock, _terminals(kind, workshop, folder, clock, terms), command, broker)
    desk.price("EURUSD", 1.10000, 1.10010)
    try:
        yield desk
    finally:
        await desk.terminals.close()
        server.close()


def _terminals(
    kind: str, workshop: Workshop, folder: Path, clock: SharedClock, terms: WorkerTerms
) -> ProcessPerAccount:
    if kind == "per_account":
        return ProcessPerAccount(clock, OneSource(Served(workshop.served)), terms)
    if kind == "mt5linux":
        endpoints = mt5linux_endpoints(workshop.bridges(), path=None, timeout_ms=10_000)
        return ProcessPerAccount(clock, endpoints, terms)
    template = folder / "template"
    template.mkdir()
    (template / PROGRAM).touch()
    folders = metatrader5_folders(template, folder / "terminals", timeout_ms=10_000)
    return ProcessPerAccount(clock, folders, terms)
