"""The clock of a broker's server, as settings have it, reaches the adapter in the worker."""

from __future__ import annotations

from pathlib import Path

from reference_server.domain.account import Mt5Credentials
from reference_server.domain.trading import NewOrder, OrderType, Side
from reference_server.simulator import ManualPrices, ServerTime, SimulatedBroker
from reference_server.simulator.pipe.address import Address
from reference_server.simulator.pipe.server import PipeServer
from reference_server.terminals.providers.processes import OneSource, ProcessPerAccount, WorkerTerms
from reference_server.terminals.workers.sources import Served
from tests.terminals.fakes import Heard
from tests.terminals.hand_clock import SharedClock
from tests.terminals.providers import QUICKLY, Workshop
from tests.terminals.warm import stub


async def test_times_of_a_server_with_a_clock_of_its_own_are_utc(workshop: Workshop, tmp_path: Path) -> None:
    """Its ticks are older than the guess at login allows, so that only the settings can tell."""
    clock = SharedClock(tmp_path / "clock")
    broker = SimulatedBroker(clock=clock, prices=ManualPrices(), server_time=ServerTime("UTC", shift_hours=5.5))
    broker.set_price("EURUSD", 1.1, 1.1001)
    clock.ms += 7 * 60_000
    server = PipeServer(broker, Address(path=workshop.served))
    terms = WorkerTerms(
        command=stub(workshop.nursery, str(clock.path)),
        poll_interval_seconds=0.002,
        reconciling=QUICKLY,
        server_zones={"Odd-Live": "UTC+5:30", "Other": "UTC+1"},
    )
    terminals = ProcessPerAccount(clock, OneSource(Served(workshop.served)), terms)
    try:
        terminal = await terminals.open("acc_1", Mt5Credentials("1", "x", "Odd-Live"), Heard())
        ticket = (await terminal.place_order(NewOrder("EURUSD", Side.BUY, OrderType.MARKET, 0.1))).ticket
        assert (await terminal.position(ticket)).open_time_ms == clock.now_ms()
    finally:
        await terminals.close()
        server.close()
