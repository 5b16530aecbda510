"""Reading the state of an account for the sockets that wait for it, once for all that came before the reading."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from reference_server.domain.errors import GatewayError
from reference_server.domain.events import Figures
from reference_server.usecases.completion import within
from reference_server.usecases.feed import Feed
from reference_server.usecases.outbox import CloseCode
from reference_server.usecases.ports import Clock, Terminal

READING_SECONDS: Final = 5.0
"""How long the terminal may take to tell its state before sockets are told without it."""

_log = logging.getLogger(__name__)


class Introductions:
    """One task for each account that sockets wait for."""

    def __init__(self, clock: Clock, *, reading_seconds: float = READING_SECONDS) -> None:
        self._clock = clock
        self._seconds = reading_seconds
        self._running: dict[Feed, asyncio.Task[None]] = {}

    def begin(self, feed: Feed) -> None:
        """Introduce the account to all who wait, also those who come while that goes on."""
        if feed.waiting and feed not in self._running:
            task = asyncio.get_running_loop().create_task(self._introduce(feed), name=f"introduce {feed.account_id}")
            self._running[feed] = task

    async def close(self) -> None:
        """Stop all; who still waits is told nothing."""
        tasks = tuple(self._running.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _introduce(self, feed: Feed) -> None:
        try:
            while feed.waiting:
                sessions, seq, terminal = tuple(feed.waiting), feed.events.newest, feed.terminal
                figures = await self._read(terminal) if terminal is not None and feed.has_figures else None
                if feed.terminal is not terminal or not feed.has_figures:
                    figures = None  # nobody knows whether they still hold
                feed.introduce(sessions, seq, figures)
        except Exception:
            _log.exception("sockets of %s cannot be told its state and are closed", feed.account_id)
            for session in feed.waiting:
                session.close(CloseCode.INTERNAL_ERROR)
        finally:
            del self._running[feed]

    async def _read(self, terminal: Terminal) -> Figures | None:
        async def read() -> Figures:
            info = await terminal.account_info()
            return Figures(info, tuple(await terminal.positions()), tuple(await terminal.orders()))

        try:
            return await within(self._clock, self._seconds, read())
        except (GatewayError, TimeoutError):
            return None
        except Exception:  # the edge to a terminal: its defect must not leave sockets without a word
            _log.exception("the state of an account could not be read")
            return None
