"""Reading files of ticks, CSV or Parquet, into numpy columns: no tick of a large file becomes a Python object."""

import csv
from collections.abc import Callable, Collection, Iterator, Mapping
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from reference_server.simulator.arrays import Floats, Integers

ROWS_AT_ONCE = 65_536
FIRST_ROW = 2  # of a CSV file: its first line names the columns
SYMBOL, UTC_TIME, SERVER_TIME = "symbol", "time_ms", "time_msc"
OPTIONAL = ("last", "volume", "flags")
REAL_VOLUME = "volume_real"
LAST_MS = 4_102_444_800_000  # the year 2100; times in micro- or nanoseconds are far beyond
HIGHEST_PRICE = 1e12

Columns = dict[str, np.ndarray[Any, Any]]


class TickFileUnusable(ValueError):
    """A file of ticks cannot be used. The text names the file, and the row where one is to blame."""


class SymbolTicks(NamedTuple):
    """All ticks of one symbol, oldest first. `last` is 0 before the first deal; the last three are None without any."""

    time_ms: Integers
    bid: Floats
    ask: Floats
    last: Floats | None
    volume: Floats | None
    flags: Integers | None


def read_ticks(
    path: Path, symbol: str | None = None, *, to_utc_ms: Callable[[Integers], Integers]
) -> dict[str, SymbolTicks]:
    """Read a file, by its ending, into the ticks of each symbol.

    The columns are time_ms (UTC), symbol, bid, ask, and as wanted last, volume, flags. A file that ticks of the genuine
    package were saved to has time_msc instead of time_ms: the server's clock, which goes through `to_utc_ms`. With
    `symbol` the whole file is that symbol's and needs no such column. Raises TickFileUnusable.
    """
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            return _collected(path, symbol, _parquet(path, symbol), to_utc_ms)
        return _collected(path, symbol, _csv(path, symbol), to_utc_ms)
    except OSError as error:
        raise TickFileUnusable(f"{path}: {error.strerror or error}") from None


def _collected(
    path: Path, symbol: str | None, chunks: Iterator[tuple[int, Columns]], to_utc_ms: Callable[[Integers], Integers]
) -> dict[str, SymbolTicks]:
    parts: dict[str, list[Columns]] = {}
    newest: dict[str, int] = {}
    for row, columns in chunks:
        time_name = UTC_TIME if UTC_TIME in columns else SERVER_TIME
        if REAL_VOLUME in columns and (columns[REAL_VOLUME] > 0).any():
            columns["volume"] = columns[REAL_VOLUME]
        bid, ask, moments = columns["bid"], columns["ask"], columns[time_name]
        unlike = (moments < 0) | (moments >= LAST_MS)
        _refuse(path, row, unlike, f"{time_name} must be milliseconds since 1970, and before the year 2100")
        _refuse(path, row, ~((bid > 0) & (bid <= ask) & np.isfinite(ask)), "bid must be above 0, ask not below bid")
        _refuse(path, row, ask > HIGHEST_PRICE, f"a price must be at most {HIGHEST_PRICE:.0e}")
        for name in ("last", "volume"):
            if name in columns:
                _refuse(path, row, ~((columns[name] >= 0) & np.isfinite(columns[name])), f"{name} must be 0 or more")
        names, which = _symbols(symbol, columns)
        for number, name in enumerate(names):
            places = np.flatnonzero(which == number)
            times = columns[time_name][places]
            before = np.concatenate(([newest.get(name, times[0])], times[:-1]))
            early = np.zeros(len(which), dtype=np.bool_)
            early[places[times < before]] = True
            _refuse(path, row, early, f"earlier than the tick of {name} before it")
            newest[name] = int(times[-1])
            kept = ("bid", "ask", *(option for option in OPTIONAL if option in columns))
            parts.setdefault(name, []).append({UTC_TIME: times} | {one: columns[one][places] for one in kept})
            if time_name == SERVER_TIME:
                parts[name][-1][UTC_TIME] = to_utc_ms(times)
    if not parts:
        raise TickFileUnusable(f"{path}: there is no tick in it")
    return {name: _ticks(found) for name, found in parts.items()}


def _complete(path: Path, symbol: str | None, names: Collection[str]) -> None:
    times = UTC_TIME if SERVER_TIME not in names else SERVER_TIME
    missing = [name for name in (times, "bid", "ask") if name not in names]
    wanted = f"{UTC_TIME} (or {SERVER_TIME}), {SYMBOL}, bid, ask"
    if missing:
        raise TickFileUnusable(f"{path}: the column {missing[0]} is missing; a file of ticks has {wanted}")
    if symbol is None and SYMBOL not in names:
        raise TickFileUnusable(f"{path}: the column {SYMBOL} is missing; have it, or say which symbol the file is of")


def _symbols(symbol: str | None, columns: Columns) -> tuple[list[str], Integers]:
    if symbol is not None:
        return [symbol], np.zeros(len(columns["bid"]), dtype=np.int64)
    names, which = np.unique(columns[SYMBOL], return_inverse=True)
    return [str(name) for name in names], which.astype(np.int64)


def _refuse(path: Path, row: int, wrong: np.ndarray[Any, Any], reason: str) -> None:
    if wrong.any():
        raise TickFileUnusable(f"{path}, row {row + int(np.flatnonzero(wrong)[0])}: {reason}")


def _ticks(parts: list[Columns]) -> SymbolTicks:
    columns = {name: np.concatenate([part.pop(name) for part in parts]) for name in list(parts[0])}
    last, volume, flags = (columns.get(name) for name in OPTIONAL)
    if last is None or not last.any():
        last = volume = flags = None
    else:
        place = np.maximum.accumulate(np.where(last > 0, np.arange(len(last)), 0))
        last = last[place]  # a tick without a deal repeats the price of the one before
        volume = np.zeros(len(last)) if volume is None else volume
        flags = np.zeros(len(last), dtype=np.int64) if flags is None else flags
    return SymbolTicks(columns[UTC_TIME], columns["bid"], columns["ask"], last, volume, flags)


def _csv(path: Path, symbol: str | None) -> Iterator[tuple[int, Columns]]:
    with path.open("rb") as binary, TextIOWrapper(binary, encoding="utf-8-sig", newline="") as file:
        try:
            header = [name.strip() for name in next(csv.reader(file), [])]
            _complete(path, symbol, header)
            row = FIRST_ROW
            while rows := list(islice(csv.reader(file), ROWS_AT_ONCE)):
                yield row, _of_text(path, row, header, rows)
                row += len(rows)
        except (UnicodeDecodeError, csv.Error) as error:
            raise TickFileUnusable(f"{path}: not a CSV file in UTF-8: {error}") from None


_KINDS: Mapping[str, Any] = {
    UTC_TIME: np.int64, SERVER_TIME: np.int64, "flags": np.int64, "bid": np.float64, "ask": np.float64,
    "last": np.float64, "volume": np.float64, REAL_VOLUME: np.float64,
}  # fmt: skip


def _of_text(path: Path, row: int, header: list[str], rows: list[list[str]]) -> Columns:
    width = len(header)
    for number, found in enumerate(rows):
        if len(found) != width:
            raise TickFileUnusable(f"{path}, row {row + number}: {len(found)} values in {width} columns")
    columns: Columns = {}
    for name, values in zip(header, zip(*rows, strict=True), strict=True):
        if name == SYMBOL:
            columns[name] = np.array(values)
        elif name in _KINDS:
            kind = int if _KINDS[name] is np.int64 else float
            try:
                columns[name] = np.fromiter(map(kind, values), dtype=_KINDS[name], count=len(values))
            except (ValueError, OverflowError):
                wrong = next(number for number, text in enumerate(values) if not _is(kind, text))
                what = "a whole number" if kind is int else "a number"
                raise TickFileUnusable(f"{path}, row {row + wrong}: {name} is {values[wrong]!r}, not {what}") from None
    return columns


def _is(kind: Callable[[str], Any], text: str) -> bool:
    try:
        value = kind(text)
    except ValueError:
        return False
    return not isinstance(value, int) or abs(value) < 2**63


def _parquet(path: Path, symbol: str | None) -> Iterator[tuple[int, Columns]]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise TickFileUnusable(
            f"{path}: reading Parquet needs pyarrow (python -m pip install 'tonpo-spec[parquet]'); "
            "or save the ticks as CSV"
        ) from None
    try:
        with parquet.ParquetFile(path) as file:
            wanted = [name for name in file.schema_arrow.names if name in _KINDS or name == SYMBOL]
            _complete(path, symbol, wanted)
            row = 1
            for batch in file.iter_batches(batch_size=ROWS_AT_ONCE * 4, columns=wanted):
                yield row, {name: _of_arrow(path, row, name, batch.column(name)) for name in wanted}
                row += batch.num_rows
    except pyarrow.ArrowException as error:
        raise TickFileUnusable(f"{path}: not a Parquet file of ticks: {error}") from None


def _of_arrow(path: Path, row: int, name: str, column: Any) -> np.ndarray[Any, Any]:
    import pyarrow

    if column.null_count:
        _refuse(path, row, column.is_null().to_numpy(zero_copy_only=False), f"{name} is missing")
    if name == SYMBOL:
        return np.array(column.to_pylist(), dtype=np.str_)
    if pyarrow.types.is_timestamp(column.type):
        column = column.cast(pyarrow.timestamp("ms"), safe=False).cast(pyarrow.int64())
    if not (pyarrow.types.is_integer(column.type) or pyarrow.types.is_floating(column.type)):
        raise TickFileUnusable(f"{path}: the column {name} is of type {column.type}, not of numbers")
    values: np.ndarray[Any, Any] = column.to_numpy(zero_copy_only=False)
    if _KINDS[name] is np.int64:
        numbers = values.astype(np.float64)
        wrong = ~((abs(numbers) < 2**63) & (numbers == np.floor(numbers)))
        _refuse(path, row, wrong, f"{name} is no whole number of 64 bits")
    return values.astype(_KINDS[name])
