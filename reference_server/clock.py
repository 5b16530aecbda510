"""The machine's clock."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """Implements the Clock port with the operating system's time."""

    def now_ms(self) -> int:
        """Return milliseconds since the epoch, UTC."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Return seconds that never step back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait that long; not at all when negative."""
        await asyncio.sleep(seconds)
