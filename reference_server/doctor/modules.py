"""Opening the module of a terminal in the child, by the source that a worker of the gateway would be given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reference_server.clock import SystemClock
from reference_server.terminals.providers.seating import module_of
from reference_server.terminals.workers.sources import Hosted, Installed, OwnSource, Served
from reference_server.usecases.ports import BrokerUnreachable


@dataclass(frozen=True, slots=True)
class OpenedModule:
    """A module shaped like `MetaTrader5`, how its `initialize` is called, and what is known of it so far."""

    module: Any
    positional: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


def open_module(source: OwnSource) -> OpenedModule:
    """Import or connect. Raises whatever goes wrong, which the survey tells in a sentence."""
    if isinstance(source, Hosted):
        return _hosted(source)
    if isinstance(source, Served):
        _knock(source)
    module = module_of(source)
    facts = {"version": str(getattr(module, "__version__", "")), "author": str(getattr(module, "__author__", ""))}
    if isinstance(source, Served):
        return OpenedModule(module, facts=facts)
    keywords = {"timeout": source.timeout_ms, **({"portable": True} if isinstance(source, Installed) else {})}
    return OpenedModule(module, () if source.path is None else (source.path,), keywords, facts)


def _knock(source: Served) -> None:
    """Connect and leave, as a client that asks nothing: `initialize` without a login would open an account."""
    from reference_server.simulator.pipe import wire
    from reference_server.simulator.pipe.address import parse_address

    try:
        line = parse_address(source.address).connect()
    except OSError as error:
        raise BrokerUnreachable(f"nobody serves a simulator at {source.address} ({error.strerror or error})") from error
    with line:
        try:
            line.sendall(wire.hello(source.token))
            wire.receive(line, len(wire.GREETING))
        except (OSError, EOFError, wire.Garbled) as error:
            raise BrokerUnreachable(
                f"what listens at {source.address} is no served simulator, or refuses simulator_token"
            ) from error


def _hosted(source: Hosted) -> OpenedModule:
    """The broker that a gateway with these settings would have, in this process, with the accounts it has kept."""
    from reference_server.simulator import SimulatedMetaTrader5
    from reference_server.terminals.providers.simulated import SimulatedTerminals, configured_broker

    clock = SystemClock()
    terminals = SimulatedTerminals(
        clock,
        seed=source.seed,
        broker=None if source.configuration is None else configured_broker(Path(source.configuration)),
        state_directory=None if source.state_directory is None else Path(source.state_directory),
    )
    broker = terminals.broker
    facts = {"accounts": len(broker.accounts), "symbols": len(broker.market.symbols)}
    return OpenedModule(SimulatedMetaTrader5(broker), facts=facts)
