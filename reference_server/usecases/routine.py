"""Work that is done again and again while the gateway runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from reference_server.usecases.ports import Clock

_log = logging.getLogger(__name__)


class Routine:
    """Does `work` every so many seconds, the first time after as many. A failure is logged and the next turn tries."""

    def __init__(self, name: str, work: Callable[[], Awaitable[object]], clock: Clock, seconds: float) -> None:
        self._name = name
        self._work = work
        self._clock = clock
        self._seconds = seconds
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name=self._name)

    async def close(self) -> None:
        """Stop, and wait until it has. Safe to call twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        while True:
            await self._clock.sleep(self._seconds)
            try:
                await self._work()
            except Exception:  # the edge of a loop: one failure must not end it
                _log.exception("%s failed and is tried again in %g s", self._name, self._seconds)
