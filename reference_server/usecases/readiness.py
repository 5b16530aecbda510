"""Whether the gateway can serve: storage takes writes, and it is not about to stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from reference_server.domain.errors import Draining, StorageUnavailable
from reference_server.usecases.ports import Clock

Probe = Callable[[], Coroutine[Any, Any, None]]
"""Makes a small write. Raises anything when it fails."""

DEADLINE_SECONDS = 2.0
KEPT_SECONDS = 1.0

_log = logging.getLogger(__name__)


class Drain:
    """How the gateway stops: it says that it is about to, goes on serving for a while, and then lets go of streams."""

    def __init__(self) -> None:
        self.is_draining = False
        self.on_stop: list[Callable[[], object]] = []

    def begin(self) -> None:
        """New requests should go elsewhere from now on; those that come are served. Safe to call twice."""
        self.is_draining = True

    def stop(self) -> None:
        """All requests are served: close the streams."""
        for stop in self.on_stop:
            stop()


class Readiness:
    """Asks storage at most once a second, however often it is asked itself, and waits two seconds for it at most."""

    def __init__(
        self,
        probe: Probe,
        drain: Drain,
        clock: Clock,
        *,
        deadline: float = DEADLINE_SECONDS,
        kept: float = KEPT_SECONDS,
    ) -> None:
        self._probe = probe
        self._drain = drain
        self._clock = clock
        self._deadline = deadline
        self._kept = kept
        self._asking = asyncio.Lock()
        self._running: asyncio.Future[None] | None = None
        self._answers = True
        self._until = float("-inf")

    @property
    def is_draining(self) -> bool:
        """Whether the gateway is about to stop."""
        return self._drain.is_draining

    async def storage_answers(self) -> bool:
        """Whether storage took a small write within the last second."""
        if self._clock.monotonic() >= self._until:
            async with self._asking:
                if self._clock.monotonic() >= self._until:
                    await self._ask()
        return self._answers

    async def check(self) -> None:
        """Raise Draining or StorageUnavailable unless the gateway can serve."""
        if self.is_draining:
            raise Draining
        if not await self.storage_answers():
            raise StorageUnavailable

    async def _ask(self) -> None:
        """A probe that hangs is left running, and no other is made until it ends: it may hold what others wait for."""
        if self._running is None or self._running.done():
            self._running = asyncio.ensure_future(self._probe())
        timer = asyncio.ensure_future(self._clock.sleep(self._deadline))
        try:
            await asyncio.wait({self._running, timer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
        was_answering, self._answers = self._answers, self._has_answered()
        if was_answering and not self._answers:
            _log.error("storage_unavailable", exc_info=_failure_of(self._running))
        elif self._answers and not was_answering:
            _log.info("storage_available_again")
        self._until = self._clock.monotonic() + self._kept

    def _has_answered(self) -> bool:
        running = self._running
        return running is not None and running.done() and not running.cancelled() and running.exception() is None


def _failure_of(probe: asyncio.Future[None]) -> BaseException | None:
    return probe.exception() if probe.done() and not probe.cancelled() else None
