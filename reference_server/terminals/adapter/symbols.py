"""What the adapter must know of a symbol to trade it, read once and kept for an hour."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from reference_server.domain.errors import InternalError, SymbolNotFound, TerminalUnavailable
from reference_server.terminals.adapter.connection import Connection, NothingFound
from reference_server.terminals.adapter.patience import Patience
from reference_server.usecases.ports import Clock

_KEEP_SECONDS: Final = 3600.0
"""Brokers change their rules rarely; a refused filling mode reads the symbol again at once."""

_LONGEST_NAME: Final = 29
"""In UTF-16 units; the package refuses longer names as an argument error."""

_MAJORS: Final = ("EURUSD", "GBPUSD", "USDJPY", "XAUUSD", "BTCUSD")
"""How the names of symbols that are quoted all the time begin; brokers append suffixes."""
_FIRST_TICK_LOOKS: Final = 10
_FIRST_TICK_PAUSE_SECONDS: Final = 0.2
_SHOW_AGAIN_SECONDS: Final = 60.0
_MOST_DIGITS: Final = 8


@dataclass(frozen=True, slots=True)
class TradingRules:
    """What requests in one symbol must keep to. Volumes in lots.

    `filling_mask` is a bit mask: 1 fill-or-kill, 2 immediate-or-cancel. `expiration_mask` too: 1 until cancelled, 4
    until a moment; two more for days.
    """

    name: str
    digits: int
    tick_size: float
    execution: int
    filling_mask: int
    expiration_mask: int
    volume_min: float
    volume_max: float
    volume_step: float
    stops_level: int
    """Least distance of a stop from the market, in points."""


class Symbols:
    """The symbols of one account's broker."""

    def __init__(self, connection: Connection, clock: Clock, patience: Patience) -> None:
        self._connection = connection
        self._clock = clock
        self._patience = patience
        self._known: dict[str, TradingRules] = {}
        self._read_at: dict[str, float] = {}
        self._selected: set[str] = set()
        self._shown_at: dict[str, float] = {}
        self._names: tuple[str, ...] = ()
        self._shown: tuple[str, ...] = ()
        self._names_read_at: float | None = None

    def names(self) -> tuple[str, ...]:
        """All names, in the broker's order. Reading thousands takes hundreds of ms, so the list is kept."""
        now = self._clock.monotonic()
        if self._names_read_at is None or now - self._names_read_at > _KEEP_SECONDS:
            module = self._connection.module
            records = self._connection.rows(module.symbols_get(), "symbols_get")
            self._names = tuple(str(record.name) for record in records)
            self._shown = tuple(str(record.name) for record in records if record.select)
            self._names_read_at = now
        return self._names

    def lively(self, most: int) -> tuple[str, ...]:
        """Some symbols of Market Watch that are likely to have ticks; the majors are put there if they are not."""
        names = self.names()
        majors = [name for major in _MAJORS for name in names if name.startswith(major)]
        if len(self._shown) < 2:
            for name in majors[:2]:
                with suppress(TerminalUnavailable):
                    self._show(name)
                    self._shown_at[name] = self._clock.monotonic()
        shown = {*self._shown, *self._selected}
        liveliest = dict.fromkeys(
            [name for name in majors if name in shown] + [name for name in names if name in shown]
        )
        return tuple(liveliest)[:most]

    def rules(self, symbol: str, *, refresh: bool = False) -> TradingRules:
        """Give what requests in a symbol must keep to. Raises SymbolNotFound."""
        now = self._clock.monotonic()
        known = self._known.get(symbol)
        if known is not None and not refresh and now - self._read_at[symbol] < _KEEP_SECONDS:
            return known
        known = trading_rules(symbol, self.record(symbol))
        self._known[symbol] = known
        self._read_at[symbol] = now
        return known

    def record(self, symbol: str) -> Any:
        """Read all that the terminal says of a symbol now. Raises SymbolNotFound, TerminalUnavailable."""
        if not symbol.isprintable() or not 0 < len(symbol.encode("utf-16-le")) // 2 <= _LONGEST_NAME:
            raise SymbolNotFound(f"The broker has no symbol {symbol[:64]!r}.")
        try:
            return self._connection.answer(self._connection.module.symbol_info(symbol), "symbol_info")
        except (NothingFound, InternalError) as unknown:
            raise SymbolNotFound(f"The broker has no symbol {symbol!r}.") from unknown

    def select(self, symbol: str) -> TradingRules:
        """Show a symbol in Market Watch, without which it has no ticks. Raises SymbolNotFound, TerminalUnavailable."""
        rules = self.rules(symbol)
        if symbol not in self._selected:
            self.await_tick(symbol)
        return rules

    def show(self, symbol: str) -> TradingRules:
        """As `select`, without waiting for a first tick: for those who look again anyway."""
        rules = self.rules(symbol)
        if symbol not in self._selected:
            self._show(symbol)
            self._shown_at[symbol] = self._clock.monotonic()
        return rules

    def tick(self, symbol: str) -> Any:
        """The newest tick as the terminal gives it, or None when there is none yet. Raises TerminalUnavailable."""
        record = self._connection.module.symbol_info_tick(symbol)
        if record is None:
            error = self._connection.failure("symbol_info_tick")
            if not isinstance(error, NothingFound):
                raise error
            return None
        return record if record.time_msc and (record.bid or record.last) else None

    def await_tick(self, symbol: str) -> Any:
        """Put a symbol into Market Watch (again: someone may have taken it out) and give its first tick, or None."""
        self._show(symbol)
        self._shown_at[symbol] = self._clock.monotonic()
        record = self.tick(symbol)
        if record is not None:
            return record
        return self._patience.until(lambda: self.tick(symbol), _FIRST_TICK_LOOKS, _FIRST_TICK_PAUSE_SECONDS)

    def newest_tick(self, symbol: str) -> Any:
        """As `tick`, for a symbol that need not be in Market Watch. One without a tick is awaited once a minute."""
        self.select(symbol)
        record = self.tick(symbol)
        if record is None and self._clock.monotonic() - self._shown_at[symbol] > _SHOW_AGAIN_SECONDS:
            record = self.await_tick(symbol)
        return record

    def digits(self, symbol: str) -> int:
        """Decimals of the symbol's prices."""
        known = self._known.get(symbol)
        return known.digits if known is not None else self.rules(symbol).digits

    def digits_of_past(self, symbol: str) -> int:
        """Decimals of prices in the account's past, whose symbol the broker may list no more."""
        try:
            return self.digits(symbol)
        except SymbolNotFound:
            return _MOST_DIGITS

    def _show(self, symbol: str) -> None:
        try:
            self._connection.answer(self._connection.module.symbol_select(symbol, True), "symbol_select")
        except NothingFound as refused:
            raise TerminalUnavailable(
                f"The terminal cannot show {symbol} in its Market Watch: nothing was done."
            ) from refused
        self._selected.add(symbol)


def trading_rules(name: str, info: Any) -> TradingRules:
    """Read a record of `symbol_info`."""
    return TradingRules(
        name=name,
        digits=int(info.digits),
        tick_size=float(info.trade_tick_size or info.point),
        execution=int(info.trade_exemode),
        filling_mask=int(info.filling_mode),
        expiration_mask=int(info.expiration_mode),
        volume_min=float(info.volume_min),
        volume_max=float(info.volume_max),
        volume_step=float(info.volume_step),
        stops_level=int(info.trade_stops_level),
    )
