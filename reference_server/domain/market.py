"""Prices and bars. Times in ms since the epoch, UTC: the terminal adapter has already removed the broker's clock."""

from __future__ import annotations

from enum import StrEnum

import msgspec


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


class Tick(msgspec.Struct, frozen=True):
    """One price change. `last` falls back to the mid price where the symbol has no last deal; volume of that deal."""

    symbol: str
    bid: float
    ask: float
    last: float
    volume: int
    time_ms: int


class Candle(msgspec.Struct, frozen=True):
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


class Session(msgspec.Struct, frozen=True):
    """When a symbol can be traded, in minutes since Sunday 00:00 UTC; `to_minute` may pass the end of the week."""

    from_minute: int
    to_minute: int


class SymbolSpecification(msgspec.Struct, frozen=True):
    """What a trader must know of a symbol. Volumes in lots; `tick_value` in the account's currency for one lot.

    `stops_level`: smallest distance of stops from the price, in points. `filling_modes`: fok, ioc, return, boc.
    `sessions` is None where the terminal does not tell them: the `MetaTrader5` package has no function for it.
    """

    symbol: str
    digits: int
    tick_size: float
    tick_value: float
    contract_size: float
    volume_min: float
    volume_max: float
    volume_step: float
    stops_level: int
    filling_modes: tuple[str, ...]
    currency_base: str
    currency_profit: str
    currency_margin: str
    sessions: tuple[Session, ...] | None = None
