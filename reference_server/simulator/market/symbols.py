"""What a broker lists: the specification of each symbol, and when it trades."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import Any

MINUTES_PER_DAY = 1440
MS_PER_MINUTE = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolProfile:
    """One symbol. Volumes in lots, levels and spreads in points.

    `margin_rate` multiplies the margin of the calculation mode: 0.05 makes a fixed leverage of 20 where none applies.

    `price_range`: generated prices stay within this factor of `mid_price`, 0.0025 for a quarter of a percent.

    `sessions` maps a weekday (0 is Monday) to the (from, to) minutes of the server's day in which it trades.
    """

    name: str
    path: str
    description: str
    digits: int
    contract_size: float
    calc_mode: int
    currency_base: str
    currency_profit: str
    currency_margin: str
    mid_price: float
    spread_points: int
    night_spread_points: int
    daily_volatility: float
    tick_interval_ms: int
    sessions: Mapping[int, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    price_range: float = 0.5
    cross_of: tuple[str, str] | None = None
    chart_mode: int = 0
    tick_size: float = 0.0
    volume_min: float = 0.01
    volume_max: float = 100.0
    volume_step: float = 0.01
    volume_limit: float = 0.0
    stops_level: int = 0
    freeze_level: int = 0
    margin_rate: float = 1.0
    margin_initial: float = 0.0
    margin_hedged: float = 0.0
    margin_hedged_use_leg: bool = False
    commission_per_lot: float = 0.0
    trade_mode: int = 4
    execution_mode: int = 2
    filling_mode: int = 3
    expiration_mode: int = 15
    order_mode: int = 127
    swap_mode: int = 0
    swap_long: float = 0.0
    swap_short: float = 0.0
    swap_rollover3days: int = 3

    @property
    def point(self) -> float:
        """The unit of the last digit of a price."""
        return float(f"1e-{self.digits}")

    def is_open(self, server_ms: int) -> bool:
        """Whether the trading session is open at that server time."""
        minutes = server_ms // MS_PER_MINUTE
        day, minute = divmod(minutes, MINUTES_PER_DAY)
        return any(start <= minute < end for start, end in self.sessions.get((day + 3) % 7, ()))


_FLOATS = frozenset(field.name for field in fields(SymbolProfile) if field.type is float)


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def symbol_from_dict(values: Mapping[str, Any]) -> SymbolProfile:
    """Read one symbol of a profile file. Raises ValueError naming a key that is missing or unknown."""
    content: dict[str, Any] = {name: float(value) if name in _FLOATS else value for name, value in values.items()}
    content["sessions"] = {
        int(day): tuple((_minutes(start), _minutes(end)) for start, end in spans)
        for day, spans in content.get("sessions", {}).items()
    }
    if content.get("cross_of") is not None:
        content["cross_of"] = tuple(content["cross_of"])
    try:
        return SymbolProfile(**content)
    except TypeError as error:
        raise ValueError(f"symbol {content.get('name', '?')!r}: {error}") from None


def load_symbols(path: Path | None = None) -> tuple[SymbolProfile, ...]:
    """Read the symbols of a profile file, or those of the default demo broker."""
    source = resources.files(__package__).joinpath("symbols.json") if path is None else path
    content = json.loads(source.read_text(encoding="utf-8"))
    return tuple(symbol_from_dict(values) for values in content["symbols"])


def by_name(symbols: Iterable[SymbolProfile]) -> dict[str, SymbolProfile]:
    """Index symbols by name. Raises ValueError when a name occurs twice."""
    index: dict[str, SymbolProfile] = {}
    for symbol in symbols:
        if symbol.name in index:
            raise ValueError(f"symbol {symbol.name!r} is listed twice")
        index[symbol.name] = symbol
    return index
