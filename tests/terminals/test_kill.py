"""A worker that is killed at any point of an order loses none and doubles none: over all the points."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reference_server.domain.account import Mt5Credentials
from reference_server.domain.errors import OutcomeUnknown, TerminalUnavailable
from reference_server.domain.events import ConnectionChanged
from reference_server.domain.trading import NewOrder, OrderResult, OrderType, PositionChange, Side
from reference_server.simulator import ManualPrices, SimulatedBroker, SimulatedMetaTrader5
from reference_server.simulator.faults.parsing import fault_from_dict
from reference_server.simulator.pipe.address import Address
from reference_server.simulator.pipe.server import PipeServer
from reference_server.terminals.providers.processes import OneSource, ProcessPerAccount, WorkerTerms
from reference_server.terminals.workers.process import Deadlines
from reference_server.terminals.workers.sources import Served
from reference_server.terminals.workers.terminal import WorkerTerminal
from tests.terminals.fakes import Heard
from tests.terminals.hand_clock import SharedClock
from tests.terminals.providers import QUICKLY, Workshop
from tests.terminals.warm import stub

SERVER = "Sim-Demo"
AT_ONCE = 4
"""Deaths under way at a time: most of one is waiting."""
STRIDE = 8

BUY = NewOrder("EURUSD", Side.BUY, OrderType.MARKET, 0.1, comment="mine")
LIMIT = NewOrder("EURUSD", Side.BUY, OrderType.LIMIT, 0.1, price=1.05, magic=77, comment="mine")


@dataclass
class Account:
    """One account at the broker, seen from the broker's side."""

    module: SimulatedMetaTrader5
    login: int

    @classmethod
    def open(cls, broker: SimulatedBroker, login: int) -> Account:
        module = SimulatedMetaTrader5(broker)
        assert module.initialize(login=login, password="secret", server=SERVER)
        return cls(module, login)

    def buy(self) -> int:
        request = {"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": 0, "type_filling": 1}
        answer = self.module.order_send(request)
        assert answer.retcode == 10009
        return int(answer.order)

    def orders(self) -> list[Any]:
        past = self.module.history_orders_get(0, 2**31 - 1)
        return [*self.module.orders_get(), *past]

    def levels(self, ticket: int) -> tuple[float, float]:
        (position,) = self.module.positions_get(ticket=ticket)
        return (position.sl, position.tp)

    def volume(self, ticket: int) -> float:
        found = self.module.positions_get(ticket=ticket)
        return float(found[0].volume) if found else 0.0


@dataclass
class Trade:
    """What is sent, and how often the broker did it."""

    name: str
    send: Callable[[WorkerTerminal, int], Awaitable[OrderResult]]
    executions: Callable[[Account, int], int]


def placed(account: Account, ticket: int) -> int:
    return len(account.orders()) - 1  # one was there before


def closed(lots: float) -> Callable[[Account, int], int]:
    def count(account: Account, ticket: int) -> int:
        times = (0.1 - account.volume(ticket)) / lots
        assert abs(times - round(times)) < 1e-6
        assert len(account.orders()) - 1 == round(times)
        return round(times)

    return count


def modified(account: Account, ticket: int) -> int:
    assert len(account.orders()) == 1
    levels = account.levels(ticket)
    assert levels in ((0.0, 0.0), (1.05, 0.0))
    return int(levels == (1.05, 0.0))


MARKET = Trade("market order", lambda terminal, _: terminal.place_order(BUY), placed)
OTHERS = (
    Trade("pending order", lambda terminal, _: terminal.place_order(LIMIT), placed),
    Trade("close", lambda terminal, ticket: terminal.close_position(ticket, None), closed(0.1)),
    Trade("partial close", lambda terminal, ticket: terminal.close_position(ticket, 0.04), closed(0.04)),
    Trade("modify", lambda terminal, ticket: terminal.modify_position(PositionChange(ticket, sl=1.05)), modified),
)


class Gallows:
    """A broker, and workers attached to it that die where they are told to."""

    def __init__(self, workshop: Workshop, folder: Path) -> None:
        self.clock = SharedClock(folder / "clock")
        self.broker = SimulatedBroker(clock=self.clock, prices=ManualPrices())
        self.broker.set_price("EURUSD", 1.1, 1.1001)
        self._server = PipeServer(self.broker, Address(path=workshop.served))
        self._workshop = workshop
        self._logins = itertools.count(1000)

    def provider(self, command: list[str]) -> ProcessPerAccount:
        terms = WorkerTerms(
            command=command,
            deadlines=Deadlines(opening=20.0, trade=20.0, read=20.0),
            poll_interval_seconds=3600.0,
            reconciling=QUICKLY,
        )
        return ProcessPerAccount(self.clock, OneSource(Served(self._workshop.served)), terms)

    def command(self, *arguments: str) -> list[str]:
        return list(stub(self._workshop.nursery, str(self.clock.path), *arguments))

    def close(self) -> None:
        self._server.close()

    async def points_of(self, trade: Trade, folder: Path) -> int:
        """Count the points of an order that lives."""
        count = folder / "count"
        assert await self.death(trade, ("--count", str(count))) == ("done", 1)
        return int(count.read_text())

    async def death(
        self, trade: Trade, arguments: tuple[str, ...] = (), fault: Mapping[str, Any] | None = None
    ) -> tuple[str, int]:
        """Let the worker of one order die; give what its caller was told, and how often the broker executed it."""
        account = Account.open(self.broker, next(self._logins))
        ticket = account.buy()
        if fault is not None:
            self.broker.faults.add(fault_from_dict({**fault, "login": account.login}))
        command = self.command(*arguments)
        provider = self.provider(command)
        credentials = Mt5Credentials(str(account.login), "secret", SERVER)
        heard = Heard()
        try:
            terminal = await provider.open("acc", credentials, heard)
            answering = asyncio.ensure_future(trade.send(terminal, ticket))
            dying = asyncio.ensure_future(heard.first(ConnectionChanged))
            await asyncio.wait({answering, dying}, return_when=asyncio.FIRST_COMPLETED)
            dying.cancel()
            await terminal.close()
            command[:] = self.command()
            reopened = await provider.open("acc", credentials, heard)
            told = await _told(answering)
            executions = trade.executions(account, ticket)
            before = len(account.orders())
            assert (await reopened.place_order(LIMIT)).success
            assert len(account.orders()) == before + 1
        finally:
            await provider.close()
        return told, executions


async def _told(answering: asyncio.Future[OrderResult]) -> str:
    try:
        result = await answering
    except TerminalUnavailable:
        return "nothing was done"
    except OutcomeUnknown:
        return "unknown"
    assert result.success
    assert result.retcode == 10009
    return "done"


CONSISTENT = {("done", 1), ("nothing was done", 0), ("unknown", 0)}


@pytest.fixture
async def gallows(workshop: Workshop, tmp_path: Path) -> AsyncIterator[Gallows]:
    gallows = Gallows(workshop, tmp_path)
    yield gallows
    gallows.close()


async def deaths(gallows: Gallows, trade: Trade, points: Iterable[int]) -> dict[int, tuple[str, int]]:
    """Kill one order's worker at each of these points, some at a time."""
    turn = asyncio.Semaphore(AT_ONCE)
    found: dict[int, tuple[str, int]] = {}

    async def one(point: int) -> None:
        async with turn:
            found[point] = await gallows.death(trade, ("--kill", str(point)))

    await asyncio.gather(*(one(point) for point in points))
    return found


@pytest.mark.parametrize("part", range(STRIDE))
async def test_a_worker_killed_at_any_point_of_a_market_order_neither_loses_nor_doubles_it(
    gallows: Gallows, tmp_path: Path, part: int
) -> None:
    """All the points in all the parts: each part begins one point later."""
    last = await gallows.points_of(MARKET, tmp_path)
    found = await deaths(gallows, MARKET, range(1 + part, last + 1, STRIDE))
    assert {point: end for point, end in found.items() if end not in CONSISTENT} == {}
    assert {told for told, _ in found.values()} == {"done", "nothing was done", "unknown"}


@pytest.mark.parametrize("trade", OTHERS, ids=lambda trade: trade.name)
async def test_a_worker_killed_on_the_way_of_another_trade_neither_loses_nor_doubles_it(
    gallows: Gallows, tmp_path: Path, trade: Trade
) -> None:
    """Each trade at its own part of the points; what they share is walked in full above."""
    last = await gallows.points_of(trade, tmp_path)
    found = await deaths(gallows, trade, range(1 + OTHERS.index(trade) * 2, last + 1, STRIDE))
    assert {point: end for point, end in found.items() if end not in CONSISTENT} == {}
    assert {"done", "nothing was done"} <= {told for told, _ in found.values()}


@pytest.mark.parametrize("trade", [MARKET, *OTHERS], ids=lambda trade: trade.name)
@pytest.mark.parametrize(("when", "end"), [("before", ("unknown", 0)), ("after", ("done", 1))])
async def test_a_worker_killed_by_the_broker_around_the_execution_tells_what_became_of_the_trade(
    gallows: Gallows, trade: Trade, when: str, end: tuple[str, int]
) -> None:
    fault = {"kind": "crash", "call": "order_send", "process": "client", "when": when}
    assert await gallows.death(trade, fault=fault) == end
