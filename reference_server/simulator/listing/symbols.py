"""What a broker lists: the specification of each symbol, and when it trades."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import Any

from reference_server.simulator.listing.symbol_rules import MINUTES_PER_DAY as MINUTES_PER_DAY
from reference_server.simulator.listing.symbol_rules import checked, minutes_of

MS_PER_MINUTE = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolProfile:
    """One symbol. `symbol_rules.KEYS` says what each field means; here sessions are in minutes of the server's day."""

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
    tick_size: float = 0.0
    tick_value: float = 0.0
    volume_min: float = 0.01
    volume_max: float = 100.0
    volume_step: float = 0.01
    volume_limit: float = 0.0
    liquidity: float = 0.0
    book_depth: int = 0
    stops_level: int = 0
    freeze_level: int = 0
    margin_rate: float = 1.0
    margin_rate_sell: float | None = None
    margin_rate_pending: float = 0.0
    margin_initial: float = 0.0
    margin_maintenance: float = 0.0
    margin_hedged: float = 0.0
    margin_hedged_use_leg: bool = False
    commission_per_lot: float = 0.0
    commission_percent: float = 0.0
    commission_entry_only: bool = False
    trade_mode: int = 4
    execution_mode: int = 2
    filling_mode: int = 3
    expiration_mode: int = 15
    order_mode: int = 127
    order_gtc_mode: int = 0
    chart_mode: int = 0
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

    def next_open_ms(self, server_ms: int) -> int:
        """The first moment from this one on at which it trades, of the server's clock; this one if it never does."""
        today = server_ms // MS_PER_MINUTE // MINUTES_PER_DAY
        for day in range(today, today + 8):
            for start, end in self.sessions.get((day + 3) % 7, ()):
                minutes = day * MINUTES_PER_DAY
                if server_ms < (minutes + end) * MS_PER_MINUTE:
                    return max(server_ms, (minutes + start) * MS_PER_MINUTE)
        return server_ms


_FLOATS = frozenset(field.name for field in fields(SymbolProfile) if field.type in (float, float | None))


def symbol_from_dict(values: Mapping[str, Any]) -> SymbolProfile:
    """Read one symbol of a symbol file. Raises ValueError naming the symbol and the key that is wrong."""
    content = checked(values)
    for name in _FLOATS & content.keys():
        if content[name] is not None:
            content[name] = float(content[name])
    content["sessions"] = {
        int(day): tuple((minutes_of(start), minutes_of(end)) for start, end in spans)
        for day, spans in content.get("sessions", {}).items()
    }
    if content.get("cross_of") is not None:
        content["cross_of"] = tuple(content["cross_of"])
    return SymbolProfile(**content)


def load_symbols(path: Path | None = None) -> tuple[SymbolProfile, ...]:
    """Read the symbols of a symbol file, or those of the default demo broker.

    A file is JSON: `{"symbols": [{"name": "EURUSD", ...}, ...]}` with the keys of `symbol_rules.KEYS`. Raises OSError,
    or ValueError that names the file, the symbol and the key.
    """
    if path is None:
        text = resources.files(__package__).joinpath("symbols.json").read_text(encoding="utf-8")
        return tuple(symbol_from_dict(values) for values in json.loads(text)["symbols"])
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or not isinstance(content.get("symbols"), list) or not content["symbols"]:
            raise ValueError('a symbol file is {"symbols": [...]} with at least one symbol')
        symbols = tuple(symbol_from_dict(values) for values in content["symbols"])
        by_name(symbols)
    except RecursionError:
        raise ValueError(f"{path}: nested too deeply to be a symbol file") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return symbols


def by_name(symbols: Iterable[SymbolProfile]) -> dict[str, SymbolProfile]:
    """Index symbols by name. Raises ValueError when a name occurs twice."""
    index: dict[str, SymbolProfile] = {}
    for symbol in symbols:
        if symbol.name in index:
            raise ValueError(f"symbol {symbol.name!r} is listed twice")
        index[symbol.name] = symbol
    return index
