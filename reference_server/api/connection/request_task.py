"""The task in which the requests of one connection run, one after the other."""

from __future__ import annotations

import asyncio
import types
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Coroutine, Generator
from contextvars import copy_context
from typing import Any

Started = Coroutine[Any, Any, None]


class RequestTask:
    """Runs a request at once up to where it first waits, and from there on as any task does.

    Most requests never wait, and a task for each cost as much as all of the parser's work. `asyncio.current_task()` is
    this one throughout, and the context is that of the connection.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, running: set[asyncio.Task[None]]) -> None:
        """`running` holds the task while a request waits in it."""
        self._loop = loop
        self._running = running
        self._context = copy_context()
        self._idle: asyncio.Future[None] | None = None
        self._begun: tuple[Started, Any] | None = None
        self._is_closed = False
        self._task = loop.create_task(self._serve(), context=self._context)

    def run(self, request: Started) -> bool:
        """Begin a request; False if another one is still at work, and this one is untouched."""
        if self._idle is None or self._begun is not None or self._idle.done():
            return False
        _enter_task(self._loop, self._task)
        try:
            waits_for = self._context.run(request.send, None)
        except StopIteration:
            return True
        finally:
            _leave_task(self._loop, self._task)
        self._begun = request, waits_for
        self._running.add(self._task)
        if not self._idle.done():  # else the request has cancelled its own task
            self._idle.set_result(None)
        return True

    def close(self) -> None:
        """End, once the request that runs has ended."""
        self._is_closed = True
        if self._begun is None and self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    async def _serve(self) -> None:
        while not self._is_closed and not self._task.cancelling():
            self._idle = self._loop.create_future()
            cancelled: asyncio.CancelledError | None = None
            try:
                await self._idle
            except asyncio.CancelledError as error:
                if self._begun is None:
                    raise
                cancelled = error  # it is meant for the request
            if self._begun is None:
                continue
            try:
                await _rest_of(*self._begun, cancelled)
            finally:
                self._running.discard(self._task)
                self._begun = None
        self._idle = None


@types.coroutine
def _rest_of(request: Started, waits_for: Any, error: BaseException | None) -> Generator[Any, Any, None]:
    """What is left of a coroutine that has run up to where it waits."""
    try:
        if error is not None and not (waits_for is not None and waits_for.cancel()):
            waits_for = request.throw(error)
        while True:
            try:
                value = yield waits_for
            except BaseException as thrown:
                waits_for = request.throw(thrown)
            else:
                waits_for = request.send(value)
    except StopIteration:
        return
