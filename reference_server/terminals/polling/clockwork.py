"""Keeps the broker's clock right: looks for ticks that have just come, at the start and again every hour."""

from __future__ import annotations

from typing import Final

from reference_server.terminals.adapter.adapter import MetaTraderAdapter

_LOOK_SECONDS: Final = 2.0
"""Between two looks; a tick that is new at the second is no older than that."""
_AGAIN_SECONDS: Final = 3600.0
_FRESH_SECONDS: Final = 10.0
"""A look that comes later than this after the one before says nothing of when a tick came."""
_PATIENCE_SECONDS: Final = 120.0
"""How long it is looked for each time: a closed market has no ticks."""
_MOST_SYMBOLS: Final = 8


class ClockFollower:
    """Shows fresh ticks of some symbols to the broker's clock until two agree."""

    def __init__(self, adapter: MetaTraderAdapter) -> None:
        self._adapter = adapter
        self._symbols: tuple[str, ...] | None = None
        self._last: dict[str, int] = {}
        self._looked_at = 0.0
        self._next_look = 0.0
        self._give_up_at = 0.0

    def poll(self) -> None:
        """Take a look when it is time."""
        now = self._adapter.clock.monotonic()
        if now < self._next_look or self._adapter.broker_clock.is_set:
            return
        if self._symbols is None:
            self._symbols = self._adapter.symbol_book.lively(_MOST_SYMBOLS)
        if now >= self._give_up_at:
            self._give_up_at = now + _PATIENCE_SECONDS
            self._last.clear()
        confirmations = self._adapter.broker_clock.confirmations
        self._look(is_fresh=now - self._looked_at <= _FRESH_SECONDS)
        self._looked_at = now
        is_done = self._adapter.broker_clock.confirmations != confirmations
        if is_done or now + _LOOK_SECONDS >= self._give_up_at:
            self._next_look = now + _AGAIN_SECONDS if is_done else now + _PATIENCE_SECONDS
            self._give_up_at = 0.0
        else:
            self._next_look = now + _LOOK_SECONDS

    def _look(self, *, is_fresh: bool) -> None:
        read = self._adapter.connection.module.symbol_info_tick
        for symbol in self._symbols or ():
            record = read(symbol)
            if record is None or not record.time_msc:
                continue
            before = self._last.get(symbol)
            self._last[symbol] = record.time_msc
            if is_fresh and before is not None and record.time_msc > before:
                self._adapter.broker_clock.observe(symbol, record.time_msc, self._adapter.clock.now_ms())
