"""Positions of streams that are forgotten with the process: for tests, and until a durable StreamPositions is wired."""

from __future__ import annotations


class VolatileStreamPositions:
    """Implements StreamPositions in memory: numbers repeat after a restart, as no gateway with clients may let them."""

    def __init__(self) -> None:
        self._reserved: dict[str, int] = {}

    def reserve(self, account_id: str, count: int) -> int:
        """Return the last number given out before, and give out `count` more."""
        last = self._reserved.get(account_id, 0)
        self._reserved[account_id] = last + count
        return last
