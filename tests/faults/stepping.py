"""A gateway whose wall clock is set while it runs; its broker's is right."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reference_server.clock import SystemClock
from reference_server.config import load_settings
from reference_server.simulator import ManualPrices, SimulatedBroker
from reference_server.terminals.adapter.zones import NEW_YORK_CLOSE
from reference_server.terminals.providers.simulated import SimulatedTerminals
from reference_server.terminals.workers.unsettled import Reconciling
from tests.api.contracted import Contract, Gateway

ServeApp = Callable[..., AbstractContextManager[str]]
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
STEPS = {
    "an hour forward": HOUR_MS,
    "an hour back": -HOUR_MS,
    "a day forward": DAY_MS,
    "a day back": -DAY_MS,
}
QUICKLY = Reconciling(answering=1.0, settling=0.3, watching=2.0, look_interval=0.02, watch_interval=0.1)


class SteppedClock(SystemClock):
    """The machine's clock, set wrong by `error_ms`; what never steps does not."""

    def __init__(self) -> None:
        self.error_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.error_ms


@dataclass
class Stepped:
    """A running gateway, the clock that it reads, and the broker behind it."""

    gateway: Gateway
    clock: SteppedClock
    broker: SimulatedBroker
    account_id: str
    terminals: SimulatedTerminals

    def know_the_brokers_clock(self) -> None:
        """Set what a terminal learns from ticks within its first minutes, or from the setting `server_zones`."""
        for terminal in self.terminals._open:
            terminal._adapter.broker_clock.use(NEW_YORK_CLOSE)

    @property
    def positions(self) -> list[Any]:
        """What is open at the broker."""
        (account,) = self.broker.accounts.values()
        return list(account.positions.values())


@contextmanager
def stepped_gateway(serve: ServeApp, folder: Path, plan: str = "enterprise") -> Iterator[Stepped]:
    """Serve a gateway with one user and one active account."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from reference_server.app import build_app

    clock = SteppedClock()
    broker = SimulatedBroker(prices=ManualPrices())
    broker.set_price("EURUSD", 1.0855, 1.0856)
    terminals = SimulatedTerminals(clock, broker=broker, reconciling=QUICKLY)
    settings = load_settings({"data_dir": folder, "default_plan": plan, "log_level": "error"}, {})
    with serve(build_app(settings, clock=clock, terminals=terminals)) as address:
        gateway = Gateway(address, Contract())
        gateway.key = gateway("POST", "/api/users").json["api_key"]
        credentials = {"mt5Login": "12345", "mt5Password": "good", "mt5Server": "Demo"}
        account_id = gateway("POST", "/api/accounts", credentials).json["account_id"]
        for _ in range(2000):
            if gateway("GET", f"/api/accounts/{account_id}").json["status"] == "active":
                break
        yield Stepped(gateway, clock, broker, account_id, terminals)
