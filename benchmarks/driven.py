"""A gateway whose terminal is driven and watched: ticks come when told, and each `order_send` is timed.

Everything else is what `tonpo serve` runs: the same wiring, the same settings, the same server, its access log.
"""

from __future__ import annotations

import asyncio
import sys
import warnings
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from benchmarks.profile import Sampler
from benchmarks.serving import Rounds, push, run, serve
from benchmarks.stamps import stamped_bid
from reference_server.clock import SystemClock
from reference_server.config import load_settings
from reference_server.domain.account import Mt5Credentials
from reference_server.domain.market import Timeframe
from reference_server.memory import calm_collector
from reference_server.simulator import ManualPrices, SimulatedBroker, SimulatedMetaTrader5
from reference_server.telemetry import configure_logging
from reference_server.terminals.adapter.adapter import MetaTraderAdapter
from reference_server.terminals.polling.poller import Poller
from reference_server.terminals.workers.inline import InlineTerminal
from reference_server.usecases.ports import Clock, Listener

_NEVER_SECONDS = 3_600.0


class TimedMetaTrader5(SimulatedMetaTrader5):
    """A simulated terminal that notes when each order came and when its answer left, by the order's magic number."""

    def __init__(self, broker: SimulatedBroker) -> None:
        super().__init__(broker)
        self.orders: dict[int, tuple[int, int]] = {}

    def order_send(self, request: dict[str, Any]) -> Any:
        """Send an order as the terminal does, and note the times."""
        came = perf_counter_ns()
        answer = super().order_send(request)
        self.orders[request.get("magic", 0)] = (came, perf_counter_ns())
        return answer


class DrivenTerminal(InlineTerminal):
    """A terminal that is polled when the benchmark says so."""

    def __init__(self, adapter: MetaTraderAdapter, listener: Listener) -> None:
        super().__init__(adapter, listener, poll_interval_seconds=_NEVER_SECONDS)
        self._tell = listener
        self._driven = Poller(adapter)
        self._driven.begin()

    def watch(self, symbols: Any, candles: Any) -> None:
        """Replace what market data is told."""
        wanted: set[tuple[str, Timeframe]] = {*candles}
        self._driven.watch(symbols, wanted)

    def poll(self) -> None:
        """Tell what happened since the last time."""
        for event in self._driven.poll():
            self._tell(event)


class DrivenTerminals:
    """Opens driven terminals of one broker whose prices move by hand."""

    def __init__(self, clock: Clock) -> None:
        self.broker = SimulatedBroker(clock=clock, prices=ManualPrices())
        self._clock = clock
        self.modules: list[TimedMetaTrader5] = []
        self.terminals: list[DrivenTerminal] = []

    async def open(self, account_id: str, credentials: Mt5Credentials, listener: Listener) -> DrivenTerminal:
        """Start a terminal and log in. Raises LoginRefused, BrokerUnreachable."""
        assert account_id
        module = TimedMetaTrader5(self.broker)
        adapter = MetaTraderAdapter(module, self._clock)
        adapter.login(credentials)
        terminal = DrivenTerminal(adapter, listener)
        self.modules.append(module)
        self.terminals.append(terminal)
        return terminal

    async def close(self) -> None:
        """Close all terminals."""
        for terminal in self.terminals:
            await terminal.close()

    async def tick(self, digits: dict[str, int], symbols: list[str]) -> None:
        """Move these symbols and have it told."""
        for symbol in symbols:
            bid = stamped_bid(digits[symbol], perf_counter_ns())
            self.broker.set_price(symbol, bid, bid + 10 ** -digits[symbol])
        for terminal in self.terminals:
            terminal.poll()

    def take_orders(self) -> list[tuple[int, int, int]]:
        """Give number, arrival and answer of every order since the last time."""
        taken = [(magic, *times) for module in self.modules for magic, times in module.orders.items()]
        for module in self.modules:
            module.orders.clear()
        return taken


async def main() -> None:
    """Serve a gateway with its data in the folder given; commands are `push`, `orders`, `profile`."""
    settings = load_settings({"data_dir": sys.argv[1], "default_plan": "enterprise"}, {}, None)
    configure_logging(settings.log_level, settings.log_format)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from reference_server.app import open_gateway

    clock = SystemClock()
    terminals = DrivenTerminals(clock)
    sampler = Sampler(Path(__file__).parent.parent)

    async def command(message: dict[str, Any]) -> dict[str, Any]:
        match message["do"]:
            case "push":
                digits: dict[str, int] = message["digits"]
                rounds = Rounds(digits, message["width"])
                played = await push(
                    lambda symbols: terminals.tick(digits, symbols), rounds, message["rate"], message["seconds"]
                )
                return {"rounds": played}
            case "orders":
                return {"orders": terminals.take_orders()}
            case "profile":
                sampler.start()
                return {}
            case _:
                return sampler.stop()

    async with open_gateway(settings, clock=clock, terminals=terminals) as gateway:
        calm_collector()
        await serve(gateway, command, is_gateway=True)
    await asyncio.sleep(0)


if __name__ == "__main__":
    run(main)
