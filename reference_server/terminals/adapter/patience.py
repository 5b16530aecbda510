"""Waiting inside a call, where the caller can afford it.

A terminal shows some things a moment late. In a process of its own the adapter may wait for them; on an event loop it
may not, looks once, and says "try again" instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Patience:
    """`pause` waits for that many seconds (`time.sleep`); None means that nothing may wait."""

    def __init__(self, pause: Callable[[float], None] | None = None) -> None:
        self._pause = pause

    def until(self, look: Callable[[], T | None], looks: int, seconds: float) -> T | None:
        """Look again after each of so many pauses until something is there; None when there is nothing then either."""
        if self._pause is None:
            return None
        for _ in range(looks):
            self._pause(seconds)
            found = look()
            if found is not None:
                return found
        return None
