"""Opening the module of a terminal, in the child: what each kind of terminal needs to be asked.

A request's `terminal` is one of

    {"kind": "simulated", "seed": 1, "data_dir": "...", "config": null}
    {"kind": "served", "address": "..."}
    {"kind": "metatrader5", "path": "...\\\\terminal64.exe"}     path: null to look at the package alone
    {"kind": "mt5linux", "host": "127.0.0.1", "port": 18812}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class OpenedModule:
    """A module shaped like `MetaTrader5`, how its `initialize` is called, and what is known of it so far."""

    module: Any
    positional: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


def open_module(terminal: Mapping[str, Any]) -> OpenedModule:
    """Import or connect; raises whatever goes wrong, which the survey tells in a sentence."""
    match terminal["kind"]:
        case "simulated":
            return _simulated(terminal)
        case "served":
            return _served(terminal)
        case "metatrader5":
            return _metatrader5(terminal)
        case _:
            return _mt5linux(terminal)


def _simulated(terminal: Mapping[str, Any]) -> OpenedModule:
    """The broker that a gateway with these settings would have, in this process, with the accounts it has kept."""
    from reference_server.simulator import GeneratedPrices, SimulatedBroker, SimulatedMetaTrader5
    from reference_server.terminals.providers.simulator_state import SimulatorState

    broker = SimulatedBroker(prices=GeneratedPrices(terminal["seed"]))
    SimulatorState(broker, Path(terminal["data_dir"]))
    facts = {"accounts": len(broker.accounts), "symbols": len(broker.market.symbols)}
    return OpenedModule(SimulatedMetaTrader5(broker), facts=facts)


def _served(terminal: Mapping[str, Any]) -> OpenedModule:
    from reference_server.simulator.pipe.client import RemoteMetaTrader5

    return OpenedModule(RemoteMetaTrader5(terminal["address"]))


def _metatrader5(terminal: Mapping[str, Any]) -> OpenedModule:
    package = import_module("MetaTrader5")
    facts = {"version": str(package.__version__), "author": str(package.__author__)}
    path = terminal.get("path")
    return OpenedModule(package, () if path is None else (path,), {"portable": True}, facts)


def _mt5linux(terminal: Mapping[str, Any]) -> OpenedModule:
    raise NotImplementedError
