"""A bounded cache of rows that are read with every request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from reference_server.usecases.ports import Clock

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

FRESH_SECONDS: Final = 2.0
"""How long a change by another process (`tonpo admin`) may stay unseen. Changes by this process are seen at once."""
MAX_ENTRIES: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Entry(Generic[Value]):
    value: Value
    stale_at: float


class RowCache(Generic[Key, Value]):
    """Keeps what was found for two seconds; what was not found is never kept, so that guesses cannot fill it."""

    def __init__(self, clock: Clock, *, max_entries: int = MAX_ENTRIES) -> None:
        self._clock = clock
        self._max_entries = max_entries
        self._entries: dict[Key, _Entry[Value]] = {}
        self._generation = 0

    async def get(self, key: Key, load: Callable[[], Awaitable[Value | None]]) -> Value | None:
        """Return the kept value, or load it and keep it unless a change was made meanwhile."""
        entry = self._entries.get(key)
        if entry is not None and self._clock.monotonic() < entry.stale_at:
            return entry.value
        generation = self._generation
        value = await load()
        # A load that was overtaken by a change may hold the old row: it may be answered, and must not be kept.
        if value is not None and generation == self._generation:
            self._keep(key, value)
        elif entry is not None:
            self._entries.pop(key, None)
        return value

    def forget(self, concerned: Callable[[Value], bool]) -> None:
        """Drop every value that a change concerns, and keep nothing that is being loaded now. Call after the commit."""
        self._generation += 1
        for key in [key for key, entry in self._entries.items() if concerned(entry.value)]:
            del self._entries[key]

    def drop(self, key: Key) -> None:
        """Drop one key that a change concerns, and keep nothing that is being loaded now. Call after the commit."""
        self._generation += 1
        self._entries.pop(key, None)

    def _keep(self, key: Key, value: Value) -> None:
        self._entries.pop(key, None)
        while len(self._entries) >= self._max_entries:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = _Entry(value, self._clock.monotonic() + FRESH_SECONDS)
