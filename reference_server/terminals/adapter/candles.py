"""Past bars and the one that is forming, read when somebody asks.

A terminal that has not been asked for bars of a symbol and timeframe before may have to fetch them first, and has none
until then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from reference_server.domain.errors import PriceUnavailable
from reference_server.domain.market import Candle, Timeframe
from reference_server.terminals.adapter import shapes
from reference_server.terminals.adapter.bars import ROOM_MS, bar_end, bar_seconds
from reference_server.terminals.adapter.clock import BrokerClock
from reference_server.terminals.adapter.connection import Connection
from reference_server.terminals.adapter.constants import TIMEFRAMES
from reference_server.terminals.adapter.patience import Patience
from reference_server.terminals.adapter.symbols import Symbols
from reference_server.usecases.ports import Clock

Row = tuple[Any, ...]

_FETCH_LOOKS: Final = 5
_FETCH_PAUSE_SECONDS: Final = 0.3
_MARGIN_SECONDS: Final = 7200
"""How far beyond a range bars are read: a change of the server's clock within it shifts its ends."""
_LATEST_SECONDS: Final = 2**31 - 1
"""The package takes no later time."""


class Candles:
    """Reads bars of one account's terminal."""

    def __init__(
        self, connection: Connection, symbols: Symbols, broker_clock: BrokerClock, clock: Clock, patience: Patience
    ) -> None:
        self._connection = connection
        self._symbols = symbols
        self._broker_clock = broker_clock
        self._clock = clock
        self._patience = patience

    def read(
        self, symbol: str, timeframe: Timeframe, from_ms: int | None, to_ms: int | None, limit: int
    ) -> list[Candle]:
        """Give the newest `limit` bars that open from `from_ms` until before `to_ms` (UTC; None: now), oldest first.

        Raises SymbolNotFound, PriceUnavailable while the terminal is fetching them, TerminalUnavailable.
        """
        digits = self._symbols.show(symbol).digits
        now_ms = self._clock.now_ms()
        if to_ms is not None and to_ms <= now_ms:
            rows = self._until(symbol, timeframe, from_ms, to_ms, limit)
        else:
            rows = self._newest(symbol, timeframe, _bars_between(timeframe, from_ms, now_ms, limit))
        clock = self._broker_clock
        candles: dict[int, Candle] = {}
        forming_from = self._first_incomplete(symbol, timeframe, rows)
        for row in rows:
            opened = int(row[0])
            candle = shapes.candle(
                symbol, timeframe, row, digits=digits, clock=clock, is_complete=opened != forming_from
            )
            if (from_ms is None or candle.time_ms >= from_ms) and (to_ms is None or candle.time_ms < to_ms):
                candles[candle.time_ms] = candle
        return [candles[time_ms] for time_ms in sorted(candles)][-limit:]

    def last_bars(self, symbol: str, timeframe: Timeframe, count: int) -> list[Row] | None:
        """Look once for the newest bars, oldest first; None when there are none (yet)."""
        module = self._connection.module
        rates = module.copy_rates_from_pos(symbol, TIMEFRAMES[timeframe], 0, count)
        return self._rows(rates, "copy_rates_from_pos")

    def _newest(self, symbol: str, timeframe: Timeframe, count: int) -> list[Row]:
        return self._fetched(symbol, lambda: self.last_bars(symbol, timeframe, count))

    def _until(self, symbol: str, timeframe: Timeframe, from_ms: int | None, to_ms: int, limit: int) -> list[Row]:
        """Read bars of a range that has passed; it may lie before the first bar that there is."""
        module = self._connection.module
        last = min(self._broker_clock.to_server_ms(max(0, to_ms)) // 1000 + _MARGIN_SECONDS, _LATEST_SECONDS)
        count = _bars_between(timeframe, from_ms, to_ms, limit) + _bars_of_margin(timeframe)

        def look() -> list[Row] | None:
            rates = module.copy_rates_from(symbol, TIMEFRAMES[timeframe], last, count)
            return self._rows(rates, "copy_rates_from")

        rows = look()
        if rows is None and self.last_bars(symbol, timeframe, 1) is not None:
            return look() or []  # it has bars and none so old
        return rows if rows is not None else self._fetched(symbol, look)

    def _fetched(self, symbol: str, look: Callable[[], list[Row] | None]) -> list[Row]:
        """Look until there are bars. Raises PriceUnavailable when there are none in time."""
        rows = look()
        if rows is None:
            rows = self._patience.until(look, _FETCH_LOOKS, _FETCH_PAUSE_SECONDS)
        if rows is None:
            raise PriceUnavailable(
                f"The terminal has no bars of {symbol} yet, it may be fetching them: try again.", retry_after_seconds=1
            )
        return rows

    def _rows(self, rates: Any, call: str) -> list[Row] | None:
        """The rows of an array; None when there is none because there are no bars, or none yet."""
        if rates is None:
            self._connection.raise_unless_nothing(call)
            return None
        rows: list[Row] = rates.tolist()
        return rows or None

    def _first_incomplete(self, symbol: str, timeframe: Timeframe, rows: list[Row]) -> int | None:
        """Opening of the bar that is forming, which can only be the last, or None."""
        if not rows:
            return None
        opened = int(rows[-1][0])
        end_ms = bar_end(timeframe, opened) * 1000
        if end_ms <= self._broker_clock.server_now_ms(self._clock.now_ms()) - ROOM_MS:
            return None
        tick = self._symbols.tick(symbol)
        return None if tick is not None and tick.time_msc >= end_ms else opened


def _bars_between(timeframe: Timeframe, from_ms: int | None, to_ms: int, limit: int) -> int:
    """How many bars to read for a range: no more than it can hold."""
    if from_ms is None:
        return limit
    return min(limit, max(0, to_ms - from_ms) // (bar_seconds(timeframe) * 1000) + _bars_of_margin(timeframe))


def _bars_of_margin(timeframe: Timeframe) -> int:
    return 2 * _MARGIN_SECONDS // bar_seconds(timeframe) + 2
