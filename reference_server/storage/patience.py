"""An end to waiting: futures that are not done in time are given an error."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any


class Patience:
    """Watches futures that are done in the order in which they came: one timer for all of them.

    A timer for each would cost more than what is waited for, which is nearly always there in time.
    """

    def __init__(self, overdue: Callable[[], Exception]) -> None:
        """`overdue` makes the error."""
        self._overdue = overdue
        self._watched: deque[tuple[float, asyncio.Future[Any]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, waited_for: asyncio.Future[Any], seconds: float) -> None:
        """End this one with the error unless it is done after so many seconds, the same for all that are watched."""
        self._drop_done()
        loop = waited_for.get_loop()
        self._watched.append((loop.time() + seconds, waited_for))
        if self._timer is None:
            self._timer = loop.call_later(seconds, self._end_overdue)

    def _drop_done(self) -> None:
        watched = self._watched
        while watched and watched[0][1].done():
            watched.popleft()

    def _end_overdue(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._drop_done()
        while self._watched and self._watched[0][0] <= now:
            _, late = self._watched.popleft()
            if not late.done():
                late.set_exception(self._overdue())
        self._drop_done()
        if self._watched:
            self._timer = loop.call_at(self._watched[0][0], self._end_overdue)
