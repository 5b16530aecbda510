"""Prices and bars. Times in ms since the epoch, UTC: the terminal adapter has already removed the broker's clock."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Timeframe(StrEnum):
    """MT5's twenty-one bar lengths."""

    M1 = "M1"
    M2 = "M2"
    M3 = "M3"
    M4 = "M4"
    M5 = "M5"
    M6 = "M6"
    M10 = "M10"
    M12 = "M12"
    M15 = "M15"
    M20 = "M20"
    M30 = "M30"
    H1 = "H1"
    H2 = "H2"
    H3 = "H3"
    H4 = "H4"
    H6 = "H6"
    H8 = "H8"
    H12 = "H12"
    D1 = "D1"
    W1 = "W1"
    MN1 = "MN1"


@dataclass(frozen=True, slots=True)
class Tick:
    """One price change. `last` falls back to the mid price where the symbol has no last deal; volume of that deal."""

    symbol: str
    bid: float
    ask: float
    last: float
    volume: int
    time_ms: int


@dataclass(frozen=True, slots=True)
class Candle:
    """One bar. `time_ms` is its opening; `volume` counts ticks; `complete` once it has closed."""

    symbol: str
    timeframe: Timeframe
    time_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: int
    complete: bool
