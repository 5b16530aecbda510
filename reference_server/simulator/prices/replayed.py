"""Ticks of a file, played again."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from reference_server.simulator.clock import ServerTime
from reference_server.simulator.listing.calendar import Calendar
from reference_server.simulator.listing.symbols import SymbolProfile
from reference_server.simulator.prices.columns import (
    MS_PER_MINUTE,
    Columns,
    MinuteBars,
    PricePoint,
    TickColumns,
    joined,
    moved,
    picked,
    thinned,
    turned,
)
from reference_server.simulator.prices.manual import ManualPrices
from reference_server.simulator.prices.tick_file import TickFileUnusable, read_ticks

CHART_LAST = 1  # SYMBOL_CHART_MODE_LAST
LOOK_BACK_MS = 10 * 86_400_000


class ReplayedPrices:
    """Ticks of a CSV or Parquet file: see `tick_file.read_ticks` for its columns. Symbols that it lacks stand still.

    `starting_ms` moves the file in time so that its first tick falls on that moment (UTC). With `loop` it begins again
    after its last tick, on a whole minute from its beginning. `symbol` names the one that a file without such a column
    is of. Times in a column time_msc are the clock of `server_time`. Bars before the first tick are generated and lead
    to it. Raises TickFileUnusable, which names file and row.
    """

    def __init__(
        self,
        path: Path,
        *,
        starting_ms: int | None = None,
        loop: bool = False,
        symbol: str | None = None,
        server_time: ServerTime | None = None,
        seed: int = 1,
    ) -> None:
        self._path = path
        self._still = ManualPrices(seed)
        self._calendar = Calendar()
        clock = server_time if server_time is not None else ServerTime()
        self._ticks = read_ticks(path, symbol, to_utc_ms=clock.all_utc_ms)
        self._bars: dict[str, MinuteBars] = {}
        first_ms = min(int(ticks.time_ms[0]) for ticks in self._ticks.values())
        last_ms = max(int(ticks.time_ms[-1]) for ticks in self._ticks.values())
        shift_ms = 0 if starting_ms is None else starting_ms - first_ms
        for ticks in self._ticks.values():
            ticks.time_ms[:] += shift_ms
        self._first_ms = first_ms + shift_ms
        self._length_ms = ((last_ms - first_ms) // MS_PER_MINUTE + 1) * MS_PER_MINUTE if loop else 0

    def follow(self, symbols: Mapping[str, SymbolProfile], calendar: Calendar) -> None:
        """Learn what is listed and when it trades. Raises TickFileUnusable when nothing of the file is listed."""
        self._calendar = calendar
        self._still.follow(symbols, calendar)
        self._bars.clear()
        if not self._ticks.keys() & symbols.keys():
            raise TickFileUnusable(
                f"{self._path}: the broker lists none of its symbols ({', '.join(sorted(self._ticks)[:5])})"
            )

    def repeats(self, symbol: SymbolProfile) -> bool:
        """Whether the file has ticks of the symbol."""
        return symbol.name in self._ticks

    def opening(self, symbol: SymbolProfile, at_ms: int) -> PricePoint:
        """The last tick up to that moment, else the first of the file as of that moment, else the profile's price."""
        if symbol.name not in self._ticks:
            return self._still.opening(symbol, at_ms)
        for from_ms in (at_ms - LOOK_BACK_MS, self._first_ms):
            found = self.ticks(symbol, from_ms, at_ms + 1)
            if len(found.time_ms):
                return found.cut(int(found.time_ms[-1]), at_ms + 1).points()[-1]
        return picked(self._columns(symbol), slice(0, 1)).points()[0]._replace(time_ms=at_ms)

    def ticks(self, symbol: SymbolProfile, from_ms: int, until_ms: int, *, every_ms: int = 0) -> TickColumns:
        """Every tick of the file in [from, until), or with `every_ms` the first, highest, lowest and last of each."""
        if symbol.name not in self._ticks:
            return self._still.ticks(symbol, from_ms, until_ms)
        found = self._in_session(symbol, self._played(self._columns(symbol), from_ms, until_ms))
        return thinned(found, every_ms) if every_ms else found

    def history(self, symbol: SymbolProfile, from_ms: int, until_ms: int, *, anchor: PricePoint) -> MinuteBars:
        """Bars of the file's ticks, and before them a generated past."""
        if symbol.name not in self._ticks:
            return self._still.history(symbol, from_ms, until_ms, anchor=anchor)
        first = picked(self._columns(symbol), slice(0, 1)).points()[0]
        start = first._replace(time_ms=min(first.time_ms, anchor.time_ms))
        past = self._still.history(symbol, from_ms, until_ms, anchor=start)
        made = self._in_session(symbol, self._played(self._minutes(symbol), from_ms, until_ms))
        volume = None if made.volume is None else np.zeros(len(past.time_ms))
        return joined([past._replace(volume=volume), made])

    def _played(self, columns: Columns, from_ms: int, until_ms: int) -> Columns:
        """The rows of [from, until): of the file as it is, or as it is repeated."""
        length = self._length_ms
        if not length:
            return moved(columns, from_ms, until_ms, 0)
        first = max((from_ms - self._first_ms) // length, 0)
        last = max((until_ms - 1 - self._first_ms) // length, first)
        parts = [moved(columns, from_ms, until_ms, first * length)]
        if last - first > 1:
            parts.append(turned(columns, np.arange(first + 1, last, dtype=np.int64) * length))
        if last > first:
            parts.append(moved(columns, from_ms, until_ms, last * length))
        return joined(parts)

    def _columns(self, symbol: SymbolProfile) -> TickColumns:
        kept = TickColumns(*self._ticks[symbol.name])
        if kept.last is None and symbol.chart_mode == CHART_LAST:
            none = np.zeros(len(kept.bid))
            return TickColumns(kept.time_ms, kept.bid, kept.ask, kept.bid, none, none.astype(np.int64))
        return kept

    def _in_session(self, symbol: SymbolProfile, columns: Columns) -> Columns:
        if self._calendar.always_open or not len(columns[0]):
            return columns
        minutes = self._calendar.week_minutes(columns[0] // MS_PER_MINUTE)
        return picked(columns, self._calendar.is_trading(symbol, minutes))

    def _minutes(self, symbol: SymbolProfile) -> MinuteBars:
        """The file's bars, made when first needed."""
        made = self._bars.get(symbol.name)
        if made is None:
            made = self._bars[symbol.name] = _minute_bars(symbol, self._columns(symbol))
        return made


def _minute_bars(symbol: SymbolProfile, ticks: TickColumns) -> MinuteBars:
    minutes = ticks.time_ms // MS_PER_MINUTE
    starts = np.flatnonzero(np.concatenate(([True], minutes[1:] != minutes[:-1])))
    ends = np.append(starts[1:], len(minutes))
    prices = ticks.last if ticks.last is not None and symbol.chart_mode == CHART_LAST else ticks.bid
    spreads = np.rint((ticks.ask - ticks.bid) / symbol.point).astype(np.int64)
    return MinuteBars(
        minutes[starts] * MS_PER_MINUTE,
        prices[starts],
        np.maximum.reduceat(prices, starts),
        np.minimum.reduceat(prices, starts),
        prices[ends - 1],
        ends - starts,
        np.minimum.reduceat(spreads, starts),
        None if ticks.volume is None else np.add.reduceat(ticks.volume, starts),
    )
