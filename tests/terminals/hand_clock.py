"""A clock that is moved by hand in one process and read in others, through a file."""

from __future__ import annotations

import asyncio
import mmap
import time
from pathlib import Path

from tests.terminals.fakes import MONDAY_MS, HandClock


class SharedClock(HandClock):
    """The time of day is the file's; waiting is real, since it is for real processes."""

    def __init__(self, path: Path, now_ms: int | None = None) -> None:
        if not path.exists():
            path.write_bytes(MONDAY_MS.to_bytes(8, "little"))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 8)
        self.path = path
        if now_ms is not None:
            self.ms = now_ms

    @property
    def ms(self) -> int:
        return int.from_bytes(self._map[:8], "little")

    @ms.setter
    def ms(self, value: int) -> None:
        self._map[:8] = value.to_bytes(8, "little")

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class PolledClock(SharedClock):
    """For the worker: what it measures, it measures by hand, so that a test need not wait for its intervals."""

    def monotonic(self) -> float:
        return self.ms / 1000
