"""The gateway that is soaked: `tonpo serve` over a simulated broker whose symbols tick often enough."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.child import Child, free_port
from benchmarks.gateway import add_account, call
from benchmarks.soaking.plan import SoakPlan
from benchmarks.stream import mixes
from reference_server.simulator.listing import symbols as listing

_SYMBOLS: Final = Path(listing.__file__).with_name("symbols.json")
_DEPOSIT: Final = 10_000_000


@dataclass(frozen=True, slots=True)
class TradingAccount:
    """An account that trades, with the key of its user."""

    key: str
    account_id: str


@dataclass(frozen=True, slots=True)
class Ground:
    """A running gateway. `watcher` listens to prices, on an account on which nobody trades."""

    child: Child
    port: int
    log: Path
    data: Path
    traders: tuple[TradingAccount, ...]
    watcher: TradingAccount
    subscriptions: tuple[tuple[str, ...], ...]


@contextmanager
def open_ground(folder: Path, core: int | None, plan: SoakPlan) -> Iterator[Ground]:
    """Start the gateway, its users and accounts. Raises BenchmarkFailed."""
    document = json.loads(_SYMBOLS.read_text(encoding="utf-8"))
    names = [symbol["name"] for symbol in document["symbols"]]
    subscriptions = tuple(tuple(mix) for mix in mixes(names, plan.price_sockets))
    interval_ms = max(1, int(1_000 * sum(map(len, subscriptions)) / plan.deliveries_per_second))
    for symbol in document["symbols"]:
        symbol["tick_interval_ms"] = interval_ms
    (folder / "symbols.json").write_text(json.dumps(document), encoding="utf-8")
    config = folder / "simulator.toml"
    config.write_text(f'[account]\ndeposit = {_DEPOSIT}\n[symbols]\nfile = "symbols.json"\n', encoding="utf-8")
    port, log, data = free_port(), folder / "serve.log", folder / "data"
    flags = ["--port", str(port), "--data-dir", str(data), "--default-plan", "enterprise"]
    command = [sys.executable, "-m", "reference_server", *flags]
    child = Child("tonpo serve", command, log, core=core, environment={"TONPO_SIMULATOR_CONFIG": str(config)})
    try:
        child.wait_until_listening(port)
        traders = []
        for user in range(plan.traders):
            key = call(port, "POST", "/api/users", None, {})["api_key"]
            for account in range(plan.accounts_each):
                login = str(1_000_000 + user * 1_000 + account)
                traders.append(TradingAccount(key, add_account(port, key, login, "soaking")))
        key = call(port, "POST", "/api/users", None, {})["api_key"]
        watcher = TradingAccount(key, add_account(port, key, "9000000", "soaking"))
        yield Ground(child, port, log, data, tuple(traders), watcher, subscriptions)
    finally:
        child.stop()
