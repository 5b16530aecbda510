"""Ticks and minute bars as columns, for whatever is too many to be objects."""

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

import numpy as np

from reference_server.simulator.arrays import Floats, Integers

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
    """Ticks as columns, oldest first. `last`, `volume` and `flags` are all None when there are no deals among them."""

    time_ms: Integers
    bid: Floats
    ask: Floats
    last: Floats | None = None
    volume: Floats | None = None
    flags: Integers | None = None

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Tuples of time, bid, ask, and where there are deals of last, volume and flags, each made when asked for.

        Thousands of tuples that exist at once keep the garbage collector busy.
        """
        return zip(*(column.tolist() for column in self if column is not None), strict=True)

    def points(self) -> list[PricePoint]:
        """The same as single points."""
        return [PricePoint(*row) for row in self.rows()]

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


def joined(parts: list[Columns]) -> Columns:
    """Several tuples of the same columns, one after the other."""
    kind: Any = type(parts[0])
    whole = (None if columns[0] is None else np.concatenate(columns) for columns in zip(*parts, strict=True))
    made: Columns = parts[0] if len(parts) == 1 else kind(*whole)
    return made


def moved(columns: Columns, from_ms: int, until_ms: int, by_ms: int) -> Columns:
    """The rows whose times, the first column, lie in [from, until) once all are moved by so much."""
    times: Integers = columns[0]
    first, end = np.searchsorted(times, (from_ms - by_ms, until_ms - by_ms))
    kind: Any = type(columns)
    some = picked(columns, slice(first, end))
    made: Columns = kind(some[0] + by_ms, *some[1:])
    return made


def turned(columns: Columns, moves: Integers) -> Columns:
    """All rows once for each move, their times moved by it."""
    kind: Any = type(columns)
    times = (moves[:, None] + columns[0][None, :]).ravel()
    others = (None if column is None else np.tile(column, len(moves)) for column in columns[1:])
    made: Columns = kind(times, *others)
    return made


def thinned(ticks: TickColumns, every_ms: int) -> TickColumns:
    """The first, the last, one highest and one lowest bid of each such interval."""
    if not len(ticks.time_ms):
        return ticks
    groups = ticks.time_ms // every_ms
    starts = np.flatnonzero(np.concatenate(([True], groups[1:] != groups[:-1])))
    number = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(groups))))
    kept = [starts, np.append(starts[1:], len(groups)) - 1]
    for extreme in (np.maximum, np.minimum):
        places = np.flatnonzero(ticks.bid == extreme.reduceat(ticks.bid, starts)[number])
        kept.append(places[np.unique(number[places], return_index=True)[1]])
    return picked(ticks, np.unique(np.concatenate(kept)))
