"""Ticks of watched symbols, none lost and none twice.

The newest tick is asked for as a cheap sign of change; then all ticks since the last whole second are copied, since
the package takes times in seconds, and those already told are dropped by (time in ms, how many of that ms).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from reference_server.domain.events import TickArrived
from reference_server.terminals.adapter import shapes
from reference_server.terminals.adapter.adapter import MetaTraderAdapter
from reference_server.terminals.adapter.constants import COPY_TICKS_ALL

_PAGE: Final = 1024
_LARGEST_PAGE: Final = 1 << 20
_BEFORE_FIRST_SECONDS: Final = 5
"""How far back to look when a symbol without any tick gets its first."""

_TIME_MSC: Final = 5
"""Column of the tick array; the others are time, bid, ask, last, volume."""


@dataclass(slots=True)
class _Place:
    """How far a symbol's ticks were told: the ms of the last one, how many of that ms, and its prices."""

    digits: int
    time_msc: int = 0
    told: int = 0
    bid: float = 0.0
    ask: float = 0.0
    newest: Any = None


class TickFollower:
    """Follows the ticks of a set of symbols."""

    def __init__(self, adapter: MetaTraderAdapter) -> None:
        self._adapter = adapter
        self._module = adapter.connection.module
        self._places: dict[str, _Place] = {}

    def watch(self, symbols: Collection[str]) -> None:
        """Follow these symbols from now on; one that was followed already goes on where it was."""
        wanted = set(symbols)
        for symbol in self._places.keys() - wanted:
            del self._places[symbol]
        for symbol in wanted - self._places.keys():
            place = _Place(self._adapter.symbol_book.select(symbol).digits)
            self._places[symbol] = place
            record = self._module.symbol_info_tick(symbol)
            if record is not None and record.time_msc:
                place.newest = record
                place.time_msc = record.time_msc
                for _ in self._unseen(symbol, place):
                    pass
                place.bid, place.ask = record.bid, record.ask

    def poll(self) -> list[TickArrived]:
        """Give the ticks that came since the last call, oldest first for each symbol."""
        arrived: list[TickArrived] = []
        read = self._module.symbol_info_tick
        for symbol, place in self._places.items():
            record = read(symbol)
            if record is None or not record.time_msc:
                continue
            if record == place.newest:
                continue
            place.newest = record
            if not place.time_msc:
                place.time_msc = (record.time_msc // 1000 - _BEFORE_FIRST_SECONDS) * 1000
            self._tell(symbol, place, arrived)
        return arrived

    def newest_ms(self, symbol: str) -> int:
        """Server time of the last tick told of a symbol; 0 when there is none."""
        place = self._places.get(symbol)
        return place.time_msc if place is not None else 0

    def _tell(self, symbol: str, place: _Place, arrived: list[TickArrived]) -> None:
        to_utc_ms = self._adapter.broker_clock.to_utc_ms
        for row in self._unseen(symbol, place):
            bid, ask = row[1], row[2]
            tick = shapes.tick(symbol, bid, ask, row[3], row[4], to_utc_ms(row[_TIME_MSC]), digits=place.digits)
            arrived.append(TickArrived(tick, is_quote=bid != place.bid or ask != place.ask))
            place.bid, place.ask = bid, ask

    def _unseen(self, symbol: str, place: _Place) -> list[tuple[Any, ...]]:
        """Read on from the place and move it to the end."""
        unseen: list[tuple[Any, ...]] = []
        page = _PAGE
        while True:
            ticks = self._module.copy_ticks_from(symbol, place.time_msc // 1000, page, COPY_TICKS_ALL)
            rows: list[tuple[Any, ...]] = [] if ticks is None else ticks.tolist()
            before = len(unseen)
            of_this_ms = 0
            start, told = place.time_msc, place.told
            for row in rows:
                time_msc = row[_TIME_MSC]
                if time_msc < start:
                    continue
                if time_msc == start:
                    of_this_ms += 1
                    if of_this_ms <= told:
                        continue
                unseen.append(row)
                if time_msc == place.time_msc:
                    place.told += 1
                else:
                    place.time_msc, place.told = time_msc, 1
            if len(rows) < page or page >= _LARGEST_PAGE:
                return unseen
            if len(unseen) == before:  # a whole page within one second: only a larger one can show more
                page *= 4
