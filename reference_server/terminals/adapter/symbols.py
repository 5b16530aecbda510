"""What the adapter must know of a symbol to trade it, read once and kept for an hour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from reference_server.domain.errors import InternalError, SymbolNotFound
from reference_server.terminals.adapter.connection import Connection, NothingFound
from reference_server.usecases.ports import Clock

_KEEP_SECONDS: Final = 3600.0
"""Brokers change specifications rarely; a refused filling mode reads the symbol again at once."""

_LONGEST_NAME: Final = 29
"""In UTF-16 units; the package refuses longer names as an argument error."""


@dataclass(frozen=True, slots=True)
class SymbolSpecification:
    """One symbol. `filling_mask` is a bit mask: 1 fill-or-kill, 2 immediate-or-cancel. Volumes in lots."""

    name: str
    digits: int
    tick_size: float
    execution: int
    filling_mask: int
    volume_min: float
    volume_max: float
    volume_step: float
    stops_level: int
    """Least distance of a stop from the market, in points."""


class Symbols:
    """The symbols of one account's broker."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._known: dict[str, SymbolSpecification] = {}
        self._read_at: dict[str, float] = {}
        self._selected: set[str] = set()
        self._names: tuple[str, ...] = ()
        self._names_read_at: float | None = None

    def names(self) -> tuple[str, ...]:
        """All names, in the broker's order. Reading thousands takes hundreds of ms, so the list is kept."""
        now = self._clock.monotonic()
        if self._names_read_at is None or now - self._names_read_at > _KEEP_SECONDS:
            module = self._connection.module
            records = self._connection.rows(module.symbols_get(), "symbols_get")
            self._names = tuple(record.name for record in records)
            self._names_read_at = now
        return self._names

    def specification(self, symbol: str, *, refresh: bool = False) -> SymbolSpecification:
        """Give a symbol's specification. Raises SymbolNotFound."""
        now = self._clock.monotonic()
        known = self._known.get(symbol)
        if known is not None and not refresh and now - self._read_at[symbol] < _KEEP_SECONDS:
            return known
        if not symbol or len(symbol.encode("utf-16-le", "surrogatepass")) // 2 > _LONGEST_NAME:
            raise SymbolNotFound(f"The broker has no symbol {symbol[:64]!r}.")
        try:
            info = self._connection.answer(self._connection.module.symbol_info(symbol), "symbol_info")
        except (NothingFound, InternalError) as unknown:
            raise SymbolNotFound(f"The broker has no symbol {symbol!r}.") from unknown
        known = SymbolSpecification(
            name=symbol,
            digits=info.digits,
            tick_size=info.trade_tick_size or info.point,
            execution=info.trade_exemode,
            filling_mask=info.filling_mode,
            volume_min=info.volume_min,
            volume_max=info.volume_max,
            volume_step=info.volume_step,
            stops_level=info.trade_stops_level,
        )
        self._known[symbol] = known
        self._read_at[symbol] = now
        return known

    def select(self, symbol: str) -> SymbolSpecification:
        """Show a symbol in Market Watch, without which it has no ticks. Raises SymbolNotFound."""
        specification = self.specification(symbol)
        if symbol not in self._selected:
            try:
                self._connection.answer(self._connection.module.symbol_select(symbol, True), "symbol_select")
            except NothingFound as unknown:
                raise SymbolNotFound(f"The broker has no symbol {symbol!r}.") from unknown
            self._selected.add(symbol)
        return specification

    def digits(self, symbol: str) -> int:
        """Decimals of the symbol's prices."""
        known = self._known.get(symbol)
        return known.digits if known is not None else self.select(symbol).digits
