"""The provider of simulated terminals: one simulated broker, and a terminal of it for each account.

Only this module and `simulator_state` know the simulator.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

from reference_server.domain.account import Mt5Credentials
from reference_server.domain.errors import TerminalUnavailable
from reference_server.domain.events import OrderSettled, TerminalEvent
from reference_server.domain.trading import OrderResult
from reference_server.simulator import GeneratedPrices, SimulatedBroker, SimulatedMetaTrader5
from reference_server.terminals.adapter.adapter import MetaTraderAdapter
from reference_server.terminals.providers.simulator_state import SimulatorState, SimulatorStateUnusable
from reference_server.terminals.providers.unusable import ProviderUnusable
from reference_server.terminals.workers.inline import POLL_INTERVAL_SECONDS, InlineTerminal
from reference_server.terminals.workers.ledgers import Ledgers
from reference_server.terminals.workers.sources import Hosted
from reference_server.terminals.workers.unsettled import Reconciling
from reference_server.usecases.ports import BrokerUnreachable, Clock, Listener

if TYPE_CHECKING:
    from reference_server.simulator.config import SimulatorConfig
    from reference_server.simulator.control import ControlPort

_SAVE_INTERVAL_SECONDS: Final = 10.0


class SimulatedTerminals:
    """Opens simulated terminals. `state_directory` keeps the broker's accounts across restarts."""

    def __init__(
        self,
        clock: Clock,
        *,
        seed: int = 1,
        broker: SimulatedBroker | None = None,
        poll_interval_seconds: float = POLL_INTERVAL_SECONDS,
        state_directory: Path | None = None,
        reconciling: Reconciling | None = None,
    ) -> None:
        """Start the broker, or continue from `state_directory`. Raises SimulatorStateUnusable."""
        self.broker = broker or SimulatedBroker(clock=clock, prices=GeneratedPrices(seed))
        self._clock = clock
        self._poll_interval_seconds = poll_interval_seconds
        self._open: set[InlineTerminal] = set()
        self._ledgers = Ledgers(clock, reconciling)
        self._save_timer: asyncio.TimerHandle | None = None
        self._saving: asyncio.Task[None] | None = None
        self._state = None if state_directory is None else SimulatorState(self.broker, state_directory)
        self.control: ControlPort | None = None

    def open_control(self, configuration: Path) -> None:
        """Open the control port, if a configuration file asks for one. Raises ProviderUnusable."""
        settings = _configuration(configuration).control
        if settings is None:
            return
        from reference_server.simulator.control import ControlUnusable, start_control

        if settings.token is None:
            raise ProviderUnusable(
                f"simulator_config = {configuration}: [control] token is needed: nobody would see one that is made up."
            )
        try:
            self.control = start_control(self.broker, settings.listen, settings.token)
        except ControlUnusable as unusable:
            raise ProviderUnusable(f"simulator_config = {configuration}: [control]: {unusable}") from unusable

    async def open(self, account_id: str, credentials: Mt5Credentials, listener: Listener) -> InlineTerminal:
        """Start a terminal and log in. Raises LoginRefused, BrokerUnreachable."""
        adapter = MetaTraderAdapter(SimulatedMetaTrader5(self.broker), self._clock)
        adapter.login(credentials)
        unsettled = self._ledgers.of(account_id, credentials)
        remembered = unsettled.remembered()
        if remembered is not None:
            adapter.remember(remembered.orders, remembered.since_ms)

        server, login = credentials.server, int(credentials.login)

        def keep(result: OrderResult) -> None:
            self._note(server, login, (result.ticket, result.order))

        def hear(event: TerminalEvent) -> None:
            if isinstance(event, OrderSettled) and self._state is not None and self._state.has_news(server, login):
                keep(event.result)
            listener(event)

        try:
            terminal = InlineTerminal(
                adapter,
                hear,
                poll_interval_seconds=self._poll_interval_seconds,
                on_trade=keep,
                on_closed=self._open.discard,
                unsettled=unsettled,
            )
        except TerminalUnavailable as lost:
            raise BrokerUnreachable(f"{account_id}: {lost.message}") from lost
        self._open.add(terminal)
        self._note(server, login, ())
        return terminal

    async def close(self) -> None:
        """Close all terminals and save the broker's accounts. Safe to call twice."""
        if self.control is not None:
            await asyncio.to_thread(self.control.close)
        for terminal in list(self._open):
            await terminal.close()
        await self._ledgers.close()
        if self._save_timer is not None:
            self._save_timer.cancel()
            self._save_timer = None
        if self._saving is not None:
            await self._saving
            self._saving = None
        if self._state is not None:
            await self._state.close()

    def _note(self, server: str, login: int, tickets: tuple[int, ...]) -> None:
        """Write a change down at once, and the whole state when the journal is long, which makes it short again."""
        if self._state is None:
            return
        self._state.note(server, login, tickets)
        if self._save_timer is None and self._state.is_dump_due:
            self._save_timer = asyncio.get_running_loop().call_later(_SAVE_INTERVAL_SECONDS, self._start_saving)

    def _start_saving(self) -> None:
        self._save_timer = None
        if self._state is None:
            return
        if self._saving is None or self._saving.done():
            self._saving = asyncio.get_running_loop().create_task(self._state.dump(), name="simulator-save")
        else:
            self._save_timer = asyncio.get_running_loop().call_later(_SAVE_INTERVAL_SECONDS, self._start_saving)


def hosted_terminals(source: Hosted, clock: Clock, *, poll_interval_seconds: float) -> SimulatedTerminals:
    """Start the broker that a worker process hosts. Raises BrokerUnreachable when its files cannot be used."""
    try:
        terminals = SimulatedTerminals(
            clock,
            broker=None if source.configuration is None else configured_broker(Path(source.configuration)),
            seed=source.seed,
            poll_interval_seconds=poll_interval_seconds,
            state_directory=None if source.state_directory is None else Path(source.state_directory),
        )
        if source.configuration is not None:
            terminals.open_control(Path(source.configuration))
        return terminals
    except (SimulatorStateUnusable, ProviderUnusable) as unusable:
        raise BrokerUnreachable(str(unusable)) from unusable


def configured_broker(path: Path) -> SimulatedBroker:
    """Build the broker that a configuration file describes. Raises ProviderUnusable."""
    from reference_server.simulator.config import ConfigError

    try:
        return _configuration(path).build()
    except ConfigError as unusable:
        raise ProviderUnusable(f"simulator_config = {path}: {unusable}") from unusable


def _configuration(path: Path) -> SimulatorConfig:
    from reference_server.simulator.config import ConfigError, load_config

    try:
        return load_config(path)
    except ConfigError as unusable:
        raise ProviderUnusable(f"simulator_config = {path}: {unusable}") from unusable
