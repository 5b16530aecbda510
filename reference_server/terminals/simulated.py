"""The provider of simulated terminals: one simulated broker, and a terminal of it for each account.

The only module here that knows the simulator.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from pathlib import Path
from typing import Any, Final

from reference_server.domain.account import Mt5Credentials
from reference_server.domain.errors import TerminalUnavailable
from reference_server.domain.events import OrderSettled, TerminalEvent
from reference_server.simulator import GeneratedPrices, SimulatedBroker, SimulatedMetaTrader5
from reference_server.terminals.adapter import MetaTraderAdapter
from reference_server.terminals.inline import POLL_INTERVAL_SECONDS, InlineTerminal
from reference_server.usecases.ports import BrokerUnreachable, Clock, Listener

_SAVE_INTERVAL_SECONDS: Final = 1.0

_log = logging.getLogger(__name__)


class SimulatorStateUnusable(Exception):
    """The file with the simulated broker's accounts cannot be read or written."""


class SimulatedTerminals:
    """Opens simulated terminals. `state_path` keeps the broker's accounts across restarts, in a file of mode 0600."""

    def __init__(
        self,
        clock: Clock,
        *,
        seed: int = 1,
        broker: SimulatedBroker | None = None,
        poll_interval_seconds: float = POLL_INTERVAL_SECONDS,
        state_path: Path | None = None,
    ) -> None:
        """Start the broker, or continue from `state_path`. Raises SimulatorStateUnusable."""
        self.broker = broker or SimulatedBroker(clock=clock, prices=GeneratedPrices(seed))
        self._clock = clock
        self._poll_interval_seconds = poll_interval_seconds
        self._state_path = state_path
        self._open: set[InlineTerminal] = set()
        self._save_timer: asyncio.TimerHandle | None = None
        self._saving: asyncio.Task[None] | None = None
        if state_path is not None:
            _restore(self.broker, state_path)

    async def open(self, account_id: str, credentials: Mt5Credentials, listener: Listener) -> InlineTerminal:
        """Start a terminal and log in. Raises LoginRefused, BrokerUnreachable."""
        adapter = MetaTraderAdapter(SimulatedMetaTrader5(self.broker), self._clock)
        adapter.login(credentials)

        def hear(event: TerminalEvent) -> None:
            if isinstance(event, OrderSettled):
                self._save_soon()
            listener(event)

        try:
            terminal = InlineTerminal(
                adapter,
                hear,
                poll_interval_seconds=self._poll_interval_seconds,
                on_trade=self._save_soon,
                on_closed=self._open.discard,
            )
        except TerminalUnavailable as lost:
            raise BrokerUnreachable(f"{account_id}: {lost.message}") from lost
        self._open.add(terminal)
        self._save_soon()
        return terminal

    async def close(self) -> None:
        """Close all terminals and save the broker's accounts. Safe to call twice."""
        for terminal in list(self._open):
            await terminal.close()
        if self._save_timer is not None:
            self._save_timer.cancel()
            self._save_timer = None
        if self._saving is not None:
            await self._saving
            self._saving = None
        await self._save()

    def _save_soon(self) -> None:
        """Save within a second; what happens until then is saved with it."""
        if self._state_path is None or self._save_timer is not None:
            return
        self._save_timer = asyncio.get_running_loop().call_later(_SAVE_INTERVAL_SECONDS, self._start_saving)

    def _start_saving(self) -> None:
        self._save_timer = None
        if self._saving is not None and not self._saving.done():
            self._save_soon()
            return
        self._saving = asyncio.get_running_loop().create_task(self._save(), name="simulator-save")

    async def _save(self) -> None:
        """Take the broker's state here and write it in a thread: a disk may take longer than an order."""
        if self._state_path is None:
            return
        try:
            await asyncio.to_thread(write_privately, self._state_path, self.broker.dump())
        except OSError as failed:
            _log.error("the simulated broker's accounts cannot be saved to %s: %s", self._state_path, failed)


def write_privately(path: Path, state: dict[str, Any]) -> None:
    """Replace a file by JSON as one step, readable by its owner only. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(state, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _restore(broker: SimulatedBroker, path: Path) -> None:
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(state, dict):
            raise ValueError("not an object")
        broker.load(state)
    except FileNotFoundError:
        return
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as unreadable:
        raise SimulatorStateUnusable(
            f"{path} does not hold the simulated broker's accounts ({unreadable}): move it away to start afresh."
        ) from unreadable
