"""Calls on their way to a worker, and the order in which they go."""

from __future__ import annotations

import asyncio
from enum import IntEnum

import msgspec


class Kind(IntEnum):
    """What a call is, in the order in which waiting calls are sent."""

    TRADE = 0
    READ = 1
    OPEN = 2
    CLOSE = 3


class Waiting:
    """One call on its way."""

    __slots__ = ("answer", "has_left", "kind", "number", "payload")

    def __init__(self, number: int, kind: Kind, payload: bytes) -> None:
        self.number = number
        self.kind = kind
        self.payload = payload
        self.has_left = False
        self.answer: asyncio.Future[msgspec.Raw] = asyncio.get_running_loop().create_future()

    def __lt__(self, other: Waiting) -> bool:
        return (self.kind, self.number) < (other.kind, other.number)

    def fail(self, error: Exception) -> None:
        """End it with an error, unless it has ended."""
        if not self.answer.done():
            self.answer.set_exception(error)
            self.answer.exception()  # a caller who left will not retrieve it
