"""Ticks of watched symbols, none lost and none twice.

The newest tick is asked for as a cheap sign of change; then all ticks since the last whole second are copied, since
the package takes times in seconds, and those already told are dropped by (time in ms, how many of that ms).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from reference_server.domain.errors import GatewayError
from reference_server.domain.events import TickArrived
from reference_server.terminals.adapter import shapes
from reference_server.terminals.adapter.adapter import MetaTraderAdapter
from reference_server.terminals.adapter.constants import COPY_TICKS_ALL

_PAGE: Final = 1024
_LARGEST_PAGE: Final = 1 << 20
_BEFORE_FIRST_SECONDS: Final = 5
"""How far back to look when a symbol without any tick gets its first."""
_MOST_MISSES: Final = 20
"""How often the history of ticks may lack the newest one before that is told by itself."""
_UPKEEP_SECONDS: Final = 60.0
"""How often silent symbols are put into Market Watch again, and those that could not be are tried."""

_MANY_ROWS: Final = 16

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
    newest_at_upkeep: Any = None
    misses: int = 0


class TickFollower:
    """Follows the ticks of a set of symbols."""

    def __init__(self, adapter: MetaTraderAdapter) -> None:
        self._adapter = adapter
        self._module = adapter.connection.module
        self._places: dict[str, _Place] = {}
        self._unready: set[str] = set()
        self._next_upkeep = 0.0

    def watch(self, symbols: Collection[str]) -> None:
        """Follow these symbols from now on; one that was followed already goes on where it was.

        One that cannot be followed now (the terminal is gone, its Market Watch full) is tried again now and then.
        """
        wanted = set(symbols)
        for symbol in self._places.keys() - wanted:
            del self._places[symbol]
        self._unready &= wanted
        for symbol in wanted - self._places.keys():
            self._follow(symbol)

    def poll(self) -> list[TickArrived]:
        """Give the ticks that came since the last call, oldest first for each symbol."""
        arrived: list[TickArrived] = []
        read = self._module.symbol_info_tick
        for symbol, place in self._places.items():
            record = read(symbol)
            if record is None or record == place.newest or not record.time_msc:
                continue
            place.newest = record
            self._advance(symbol, place, record, arrived)
        if self._places or self._unready:
            self._keep_up()
        return arrived

    def newest_ms(self, symbol: str) -> int:
        """Server time of the last tick told of a symbol; 0 when there is none."""
        place = self._places.get(symbol)
        return place.time_msc if place is not None else 0

    def _follow(self, symbol: str) -> None:
        try:
            place = _Place(self._adapter.symbol_book.show(symbol).digits)
        except GatewayError:
            self._unready.add(symbol)
            return
        self._unready.discard(symbol)
        self._places[symbol] = place
        record = self._module.symbol_info_tick(symbol)
        if record is not None and record.time_msc:
            place.newest = record
            place.time_msc = record.time_msc
            self._unseen(symbol, place)
            place.bid, place.ask = record.bid, record.ask

    def _advance(self, symbol: str, place: _Place, record: Any, arrived: list[TickArrived]) -> None:
        """Tell what came up to the newest tick."""
        if not place.time_msc:
            place.time_msc = (record.time_msc // 1000 - _BEFORE_FIRST_SECONDS) * 1000
        if record.time_msc < place.time_msc:  # the server's clock went back an hour: until it has caught up, the newest
            self._tell(symbol, place, [tuple_of(record)], arrived)
            return
        self._tell(symbol, place, self._unseen(symbol, place), arrived)
        if place.time_msc >= record.time_msc:
            place.misses = 0
            return
        place.misses += 1  # the history of ticks is a moment behind, or being fetched
        if place.misses <= _MOST_MISSES:
            place.newest = None
            return
        place.misses = 0
        place.time_msc, place.told = record.time_msc, 1
        self._tell(symbol, place, [tuple_of(record)], arrived)

    def _tell(self, symbol: str, place: _Place, rows: list[tuple[Any, ...]], arrived: list[TickArrived]) -> None:
        to_utc_ms = self._adapter.broker_clock.to_utc_ms
        for row in rows:
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
            before = len(unseen)
            of_this_ms = 0
            start, told = place.time_msc, place.told
            rows = [] if ticks is None else _rows_from(ticks, start)
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
            if ticks is None or len(ticks) < page or page >= _LARGEST_PAGE:
                return unseen
            if len(unseen) == before:  # a whole page within one second: only a larger one can show more
                page *= 4

    def _keep_up(self) -> None:
        now = self._adapter.clock.monotonic()
        if now < self._next_upkeep:
            return
        self._next_upkeep = now + _UPKEEP_SECONDS
        for symbol, place in self._places.items():
            if place.newest is place.newest_at_upkeep:
                self._module.symbol_select(symbol, True)
            place.newest_at_upkeep = place.newest
        for symbol in list(self._unready):
            self._follow(symbol)


def _rows_from(ticks: Any, time_msc: int) -> list[tuple[Any, ...]]:
    """The rows, of many without those before the first of this time: a busy second is copied at each poll."""
    if len(ticks) > _MANY_ROWS:
        ticks = ticks[int((ticks["time_msc"] >= time_msc).argmax()) :]
    rows: list[tuple[Any, ...]] = ticks.tolist()
    return rows


def tuple_of(record: Any) -> tuple[Any, ...]:
    """The newest tick as a row of the tick array."""
    return (0, record.bid, record.ask, record.last, record.volume, record.time_msc)
