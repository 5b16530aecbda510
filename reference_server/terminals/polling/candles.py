"""Closed bars of watched symbols and timeframes.

Bars are aligned to the server's clock. A bar is over when a tick of a later one has come, or, in a quiet market, when
the server's clock has passed its end by a moment that leaves room for a tick on its way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

from reference_server.domain.errors import GatewayError
from reference_server.domain.events import CandleClosed
from reference_server.domain.market import Timeframe
from reference_server.terminals.adapter import shapes
from reference_server.terminals.adapter.adapter import MetaTraderAdapter
from reference_server.terminals.adapter.bars import ROOM_MS, bar_end, bar_open, bar_seconds
from reference_server.terminals.adapter.constants import TIMEFRAMES

_MOST_AT_ONCE: Final = 1000
_FETCHING_MS: Final = 500
_RETRY_SECONDS: Final = 60.0

Watched = tuple[str, Timeframe]


@dataclass(slots=True)
class _Place:
    """Opening of the last bar told, and when the one that is forming ends; both in seconds of the server."""

    last_open: int
    next_end: int
    not_before_ms: int = 0
    """After bars could not be read: when to ask again, in ms of the server."""


class CandleFollower:
    """Follows the bars of a set of symbols and timeframes. `newest_tick_ms` gives a symbol's last tick."""

    def __init__(self, adapter: MetaTraderAdapter, newest_tick_ms: Callable[[str], int]) -> None:
        self._adapter = adapter
        self._newest_tick_ms = newest_tick_ms
        self._places: dict[Watched, _Place] = {}
        self._unready: set[Watched] = set()
        self._next_retry = 0.0

    def watch(self, candles: Collection[Watched]) -> None:
        """Follow these from now on; what closed before is not told. One that cannot be read yet is tried again."""
        wanted = set(candles)
        for key in self._places.keys() - wanted:
            del self._places[key]
        self._unready &= wanted
        for key in wanted - self._places.keys():
            self._follow(key)

    def poll(self) -> list[CandleClosed]:
        """Give the bars that closed since the last call."""
        if self._unready:
            self._retry()
        if not self._places:
            return []
        now_ms = self._server_ms() - ROOM_MS
        closed: list[CandleClosed] = []
        for key, place in self._places.items():
            reference_ms = max(now_ms, self._newest_tick_ms(key[0]))
            if reference_ms < place.next_end * 1000 or now_ms < place.not_before_ms:
                continue
            reference = reference_ms // 1000
            timeframe = key[1]
            passed = (reference - place.next_end) // bar_seconds(timeframe) + 2
            rows = self._read(key, min(passed + 1, _MOST_AT_ONCE))
            if rows is None:  # the history of bars is being fetched
                place.not_before_ms = now_ms + _FETCHING_MS
                continue
            closed += self._closed(key, place, reference, rows)
            place.next_end = bar_end(timeframe, bar_open(timeframe, reference))
        return closed

    def _follow(self, key: Watched) -> None:
        symbol, timeframe = key
        try:
            self._adapter.symbol_book.show(symbol)
        except GatewayError:
            self._unready.add(key)
            return
        self._unready.discard(key)
        now = max(self._server_ms(), self._newest_tick_ms(symbol)) // 1000
        forming = bar_open(timeframe, now)
        self._places[key] = _Place(last_open=forming - 1, next_end=bar_end(timeframe, forming))

    def _retry(self) -> None:
        now = self._adapter.clock.monotonic()
        if now >= self._next_retry:
            self._next_retry = now + _RETRY_SECONDS
            for key in list(self._unready):
                self._follow(key)

    def _read(self, key: Watched, count: int) -> list[tuple[Any, ...]] | None:
        symbol, timeframe = key
        module = self._adapter.connection.module
        rates = module.copy_rates_from_pos(symbol, TIMEFRAMES[timeframe], 0, count)
        rows: list[tuple[Any, ...]] | None = None if rates is None else rates.tolist()
        return rows

    def _closed(self, key: Watched, place: _Place, reference: int, rows: list[tuple[Any, ...]]) -> list[CandleClosed]:
        symbol, timeframe = key
        adapter = self._adapter
        digits = adapter.symbol_book.digits(symbol)
        closed: list[CandleClosed] = []
        for row in rows:
            opened = int(row[0])
            if opened <= place.last_open or bar_end(timeframe, opened) > reference:
                continue
            place.last_open = opened
            candle = shapes.candle(symbol, timeframe, row, digits=digits, clock=adapter.broker_clock)
            closed.append(CandleClosed(candle))
        return closed

    def _server_ms(self) -> int:
        return self._adapter.broker_clock.server_now_ms(self._adapter.clock.now_ms())
