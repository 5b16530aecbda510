"""What a source of prices gives: single points, columns of ticks, and columns of minute bars."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from reference_server.simulator.market.calendar import Calendar
from reference_server.simulator.market.symbols import SymbolProfile
from reference_server.simulator.prices.path import Floats, Integers

MS_PER_MINUTE = 60_000

Columns = TypeVar("Columns", bound=tuple[Any, ...])


class PricePoint(NamedTuple):
    """Bid and ask from a moment on (UTC ms), and the last deal where the symbol has any.

    `flags` are those of a tick; without one of bid, ask, last or volume those are found by comparing, and a side of the
    deal (32 bought, 64 sold) is kept.
    """

    time_ms: int
    bid: float
    ask: float
    last: float = 0.0
    volume: float = 0.0
    flags: int = 0


class TickColumns(NamedTuple):
    """Ticks as columns, oldest first. `last`, `volume` and `flags` are None when there are no deals among them."""

    time_ms: Integers
    bid: Floats
    ask: Floats
    last: Floats | None = None
    volume: Floats | None = None
    flags: Integers | None = None

    def points(self) -> list[PricePoint]:
        """The same as single points."""
        columns = [column.tolist() for column in self if column is not None]
        return list(map(PricePoint, *columns))

    def cut(self, from_ms: int, until_ms: int) -> "TickColumns":
        """Those in [from, until)."""
        first, end = np.searchsorted(self.time_ms, (from_ms, until_ms))
        return picked(self, slice(first, end))


def picked(columns: Columns, rows: Any) -> Columns:
    """Some rows of a tuple of columns of one length, by a slice or an array of numbers or flags."""
    kind: Any = type(columns)
    made: Columns = kind(*(None if column is None else column[rows] for column in columns))
    return made


class MinuteBars(NamedTuple):
    """Bars of one minute as columns: open time (UTC ms), prices, number of ticks, least spread in points, volume."""

    time_ms: Integers
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    ticks: Integers
    spread: Integers
    volume: Floats | None = None


class PriceSource(Protocol):
    """Where a symbol's prices come from. Times are UTC milliseconds.

    A source gives no tick and no bar where the calendar says that the symbol does not trade.
    """

    def follow(self, symbols: Mapping[str, SymbolProfile], calendar: Calendar) -> None:
        """Learn what is listed and when it trades; called once, before anything else."""
        ...

    def repeats(self, symbol: SymbolProfile) -> bool:
        """Whether the symbol's past ticks and bars can be asked for again at any time."""
        ...

    def opening(self, symbol: SymbolProfile, at_ms: int) -> PricePoint:
        """The last price up to that moment."""
        ...

    def points(self, symbol: SymbolProfile, after_ms: int, until_ms: int, *, every_ms: int = 0) -> list[PricePoint]:
        """Ticks in (after, until], oldest first; with `every_ms` perhaps only the extremes of each such interval."""
        ...

    def ticks(self, symbol: SymbolProfile, from_ms: int, until_ms: int) -> TickColumns:
        """Ticks in [from, until), the same ones that `points` gives."""
        ...

    def history(self, symbol: SymbolProfile, from_ms: int, until_ms: int, *, anchor: PricePoint) -> MinuteBars:
        """Bars of the minutes that begin in [from, until); before all that is known, ones that lead to `anchor`."""
        ...
