"""The end of a symbol's ticks as records, for pollers, which ask for the same second again and again."""

from collections import deque
from typing import Any

import numpy as np

TICKS_KEPT = 4096

TickRow = tuple[int, float, float, float, int, int, int, float]
"""The values of a tick. Plain tuples of numbers are no work for the garbage collector, however many are kept."""

TICKS = np.dtype(
    [
        ("time", "<i8"),
        ("bid", "<f8"),
        ("ask", "<f8"),
        ("last", "<f8"),
        ("volume", "<u8"),
        ("time_msc", "<i8"),
        ("flags", "<u4"),
        ("volume_real", "<f8"),
    ]
)
"""The tick record of the genuine package: 60 bytes, packed."""

Array = np.ndarray[Any, np.dtype[np.void]]

_SMALLEST = 64


class Tail:
    """Ticks from one moment on. What was made into records once is not made again while the moment stays."""

    __slots__ = ("_count", "_from_ms", "_newest", "_rows")

    def __init__(self) -> None:
        self._from_ms = -1
        self._newest: TickRow | None = None
        self._rows: Array | None = None
        self._count = 0

    def since(self, recent: deque[TickRow], from_ms: int) -> Array:
        """Every tick of `recent`, which ends with the newest, from a moment on. Later calls leave the answer alone."""
        known = self._newest if from_ms == self._from_ms else None
        fresh: list[TickRow] = []
        is_continued = False
        for tick in reversed(recent):
            if tick is known:
                is_continued = True
                break
            if tick[5] < from_ms:
                break
            fresh.append(tick)
        fresh.reverse()
        count = self._count if is_continued else 0
        rows = self._with_room(count, len(fresh)) if is_continued else self._new(len(fresh))
        if fresh:
            rows[count : count + len(fresh)] = fresh
            self._newest = fresh[-1]
        elif not is_continued:
            self._newest = None
        self._from_ms, self._rows, self._count = from_ms, rows, count + len(fresh)
        return rows[: self._count]

    def _with_room(self, count: int, more: int) -> Array:
        rows = self._rows
        assert rows is not None
        if count + more <= len(rows):
            return rows
        larger = self._new(2 * (count + more))
        larger[:count] = rows[:count]
        return larger

    @staticmethod
    def _new(length: int) -> Array:
        return np.zeros(max(length, _SMALLEST), dtype=TICKS)
