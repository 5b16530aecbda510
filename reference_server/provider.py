"""The chosen provider of terminals, set up. Each kind is imported when it is chosen: none needs what another does."""

from __future__ import annotations

from reference_server.config import Settings
from reference_server.terminals.providers.nodes import HasNode, NodeTerminals
from reference_server.terminals.providers.none import NoTerminals
from reference_server.terminals.providers.processes import (
    OneSource,
    ProcessPerAccount,
    SharedProcess,
    Sources,
    WorkerTerms,
)
from reference_server.terminals.providers.unusable import ProviderUnusable
from reference_server.terminals.workers.node_link import LinkTimes
from reference_server.terminals.workers.process import Deadlines
from reference_server.terminals.workers.sources import Hosted, Served
from reference_server.terminals.workers.unsettled import Reconciling
from reference_server.usecases.ports import Clock, Terminals
from reference_server.usecases.supervision import Patience


def choose_terminals(settings: Settings, clock: Clock) -> Terminals:
    """Set up what `terminal` names. Raises ProviderUnusable, SimulatorStateUnusable."""
    if settings.terminal == "metatrader5":
        return _metatrader5(settings, clock)
    if settings.terminal == "mt5linux":
        return _mt5linux(settings, clock)
    if settings.terminal == "none":
        return NoTerminals()
    return _simulated(settings, clock)


def node_terminals(settings: Settings, inner: Terminals, has_node: HasNode, clock: Clock) -> NodeTerminals:
    """Put the terminals of nodes in front of the gateway's own."""
    times = LinkTimes(piece_bytes=settings.ws_max_message_bytes)
    return NodeTerminals(inner, has_node, clock, _terms(settings), times)


def node_sources(settings: Settings) -> Sources:
    """Set up what `terminal` names on the machine of a node, for one account. Raises ProviderUnusable."""
    if settings.terminal == "metatrader5":
        return _folders(settings)
    if settings.terminal == "mt5linux":
        return _endpoints(settings)
    if settings.terminal == "none":
        raise ProviderUnusable("terminal = none: a node is there for its terminal, so name one.")
    if settings.simulator_address is not None:
        return OneSource(_served_source(settings, settings.simulator_address))
    if settings.simulator_config is not None:
        from reference_server.terminals.providers.simulated import configured_broker

        configured_broker(settings.simulator_config)
    return OneSource(_hosted(settings))


def patience(settings: Settings) -> Patience:
    """How long the supervisor waits for these terminals: a little longer than one takes to give up by itself."""
    return Patience(opening=_start_seconds(settings) + 5)


def _metatrader5(settings: Settings, clock: Clock) -> Terminals:
    return ProcessPerAccount(clock, _folders(settings), _terms(settings))


def _folders(settings: Settings) -> Sources:
    from reference_server.terminals.providers.metatrader5 import metatrader5_folders

    if settings.terminal_template is None:
        raise ProviderUnusable(
            "terminal = metatrader5: terminal_template is needed, the folder of an installed MetaTrader 5."
        )
    return metatrader5_folders(
        settings.terminal_template, settings.data_dir / "terminals", timeout_ms=settings.terminal_start_timeout_ms
    )


def _mt5linux(settings: Settings, clock: Clock) -> Terminals:
    return ProcessPerAccount(clock, _endpoints(settings), _terms(settings))


def _endpoints(settings: Settings) -> Sources:
    from reference_server.terminals.providers.mt5linux import Endpoint, mt5linux_endpoints

    return mt5linux_endpoints(
        [Endpoint(host, port) for host, port in settings.mt5linux_endpoints],
        path=settings.mt5linux_terminal_path,
        timeout_ms=settings.terminal_start_timeout_ms,
    )


def _simulated(settings: Settings, clock: Clock) -> Terminals:
    is_served = settings.simulator_process == "per_account"
    if is_served and settings.simulator_address is None:
        raise ProviderUnusable(
            "simulator_process = per_account: simulator_address is needed. Processes share a broker that is served by"
            " a process of its own: tonpo simulator serve"
        )
    if settings.simulator_address is not None and not is_served:
        raise ProviderUnusable(
            "simulator_address is given: a served simulator is used with simulator_process = per_account."
        )
    if settings.simulator_address is not None:
        return _served(settings, settings.simulator_address, clock)

    from reference_server.terminals.providers.simulated import SimulatedTerminals, configured_broker

    configuration = settings.simulator_config
    broker = None if configuration is None else configured_broker(configuration)
    if settings.simulator_process == "shared":
        return _shared(settings, clock)
    terminals = SimulatedTerminals(
        clock,
        seed=settings.simulator_seed,
        broker=broker,
        poll_interval_seconds=settings.tick_poll_interval_ms / 1000,
        state_directory=settings.data_dir,
        reconciling=_terms(settings).reconciling,
    )
    if configuration is not None:
        terminals.open_control(configuration)
    return terminals


def _shared(settings: Settings, clock: Clock) -> Terminals:
    return SharedProcess(clock, _hosted(settings), _terms(settings))


def _hosted(settings: Settings) -> Hosted:
    configuration = settings.simulator_config
    return Hosted(
        seed=settings.simulator_seed,
        configuration=None if configuration is None else str(configuration),
        state_directory=str(settings.data_dir),
    )


def _served(settings: Settings, address: str, clock: Clock) -> Terminals:
    return ProcessPerAccount(clock, OneSource(_served_source(settings, address)), _terms(settings))


def _served_source(settings: Settings, address: str) -> Served:
    from reference_server.simulator.pipe.address import AddressUnusable, parse_address

    try:
        parse_address(address)
    except AddressUnusable as unusable:
        raise ProviderUnusable(f"simulator_address = {address!r}: {unusable}") from unusable
    return Served(address, settings.simulator_token or "")


def _terms(settings: Settings) -> WorkerTerms:
    return WorkerTerms(
        deadlines=Deadlines(opening=_start_seconds(settings), trade=settings.order_deadline_ms / 1000),
        poll_interval_seconds=settings.tick_poll_interval_ms / 1000,
        server_zones=dict(settings.server_zones),
        reconciling=Reconciling(
            answering=settings.lost_order_answer_ms / 1000,
            settling=settings.lost_order_settle_ms / 1000,
            watching=settings.lost_order_watch_ms / 1000,
        ),
    )


def _start_seconds(settings: Settings) -> float:
    return settings.terminal_start_timeout_ms / 1000
