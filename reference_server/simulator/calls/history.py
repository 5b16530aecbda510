"""Market history: bars and ticks as numpy arrays."""

from typing import Any

import numpy as np

from reference_server.simulator.calls.functions import positional
from reference_server.simulator.calls.trade import TradeCalls
from reference_server.simulator.market.bars import Bars, is_timeframe
from reference_server.simulator.market.ticks import Ticks
from reference_server.simulator.surface.arguments import c_int, counted, symbol_name
from reference_server.simulator.surface.constants import CONSTANTS
from reference_server.simulator.surface.dates import seconds, span
from reference_server.simulator.surface.outcome import call_failed, invalid_parameters

TICK_MASKS = {
    CONSTANTS["COPY_TICKS_ALL"]: 0,
    CONSTANTS["COPY_TICKS_INFO"]: CONSTANTS["TICK_FLAG_BID"] | CONSTANTS["TICK_FLAG_ASK"],
    CONSTANTS["COPY_TICKS_TRADE"]: CONSTANTS["TICK_FLAG_LAST"] | CONSTANTS["TICK_FLAG_VOLUME"],
}
"""Flags of which a tick must have one to be copied; 0 takes all."""

Array = np.ndarray[Any, np.dtype[np.void]]


def _read_only(array: Array) -> Array:
    array.setflags(write=False)
    return array


class HistoryCalls(TradeCalls):
    """The functions that copy bars and ticks."""

    def _bars(self, name: str, timeframe: int) -> Bars:
        self._connected()
        quote = self._quote(name)
        if not is_timeframe(timeframe):
            raise invalid_parameters()
        return Bars(self.broker.market, quote, timeframe)

    def _answer(self, bars: Array) -> Array:
        if not len(bars):
            raise call_failed()
        return _read_only(bars[-self.broker.max_bars :])

    @positional(None)
    def copy_rates_from_pos(self, *args: Any) -> Array:
        """Bars from a position backwards (0 is the forming bar), oldest first."""
        name, timeframe, start, count = counted(args, 4)
        timeframe, start, count = c_int(timeframe), c_int(start), c_int(count)
        bars = self._bars(symbol_name(name), timeframe)
        if start < 0 or count <= 0:
            raise invalid_parameters()
        wanted = bars.last(start + min(count, self.broker.max_bars))
        return self._answer(wanted[: len(wanted) - start] if start < len(wanted) else wanted[:0])

    @positional(None)
    def copy_rates_from(self, *args: Any) -> Array:
        """Bars that opened at a date or before, oldest first."""
        name, timeframe, date, count = counted(args, 4)
        timeframe, count = c_int(timeframe), c_int(count)
        name, until_s = symbol_name(name), seconds(date)
        bars = self._bars(name, timeframe)
        if count <= 0:
            raise invalid_parameters()
        return self._answer(bars.last(min(count, self.broker.max_bars), until_s=until_s))

    @positional(None)
    def copy_rates_range(self, *args: Any) -> Array:
        """Bars that opened within two dates, both included."""
        name, timeframe, date_from, date_to = counted(args, 4)
        timeframe, name = c_int(timeframe), symbol_name(name)
        from_s, to_s = span(date_from, date_to)
        bars = self._bars(name, timeframe)
        if from_s > to_s:
            raise invalid_parameters()
        return self._answer(bars.between(from_s, to_s))

    @positional(None)
    def copy_ticks_from(self, *args: Any) -> Array:
        """Ticks from a date forward, oldest first, up to a count."""
        name, date, count, flags = counted(args, 4)
        count, flags = c_int(count), c_int(flags)
        name, from_s = symbol_name(name), seconds(date)
        ticks, mask = self._ticks(name, flags)
        if count <= 0:
            raise invalid_parameters()
        return _read_only(ticks.since(from_s * 1000, count, mask))

    @positional(None)
    def copy_ticks_range(self, *args: Any) -> Array:
        """Ticks within two dates, both included."""
        name, date_from, date_to, flags = counted(args, 4)
        flags, name = c_int(flags), symbol_name(name)
        from_s, to_s = span(date_from, date_to)
        ticks, mask = self._ticks(name, flags)
        return _read_only(ticks.between(from_s * 1000, to_s * 1000, mask))

    def _ticks(self, name: str, request: int) -> tuple[Ticks, int]:
        self._connected()
        quote = self._quote(name)
        mask = TICK_MASKS.get(request)
        if mask is None:
            raise invalid_parameters()
        return Ticks(self.broker.market, quote), mask
