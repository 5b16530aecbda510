"""Work that must reach its end: a stored change is never cut in half by a caller who goes away."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from reference_server.usecases.ports import Clock

T = TypeVar("T")


class Completions:
    """Runs work to its end even when the caller is cancelled; owns what is still running until `close`."""

    def __init__(self) -> None:
        self._running: dict[asyncio.Task[Any], asyncio.Future[Any]] = {}

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return the outcome of `work`; a cancelled caller leaves, the work goes on."""
        loop = asyncio.get_running_loop()
        task = loop.create_task(work)
        outcome: asyncio.Future[T] = loop.create_future()  # the caller's: it alone is cancelled with the caller
        self._running[task] = outcome
        task.add_done_callback(self._ended)
        return await outcome

    async def close(self) -> None:
        """Wait for all that is still running."""
        while self._running:
            await asyncio.wait(self._running)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        outcome = self._running.pop(task)
        error = None if task.cancelled() else task.exception()  # retrieved also when the caller has left
        if outcome.done():
            return
        if task.cancelled():
            outcome.cancel()
        elif error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(task.result())


async def within(clock: Clock, seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """Return the outcome of `work`, or cancel it after `seconds` on the clock. Raises TimeoutError."""
    task = asyncio.ensure_future(work)
    timer = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise TimeoutError
    finally:
        timer.cancel()
        task.cancel()
        await asyncio.wait({task, timer})
        if not task.cancelled():
            task.exception()
