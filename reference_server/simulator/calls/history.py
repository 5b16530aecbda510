"""Market history: bars and ticks as numpy arrays."""

from itertools import takewhile
from typing import Any

import numpy as np

from reference_server.simulator.calls import arguments
from reference_server.simulator.calls.connection import MAX_BARS, positional
from reference_server.simulator.calls.outcome import call_failed, invalid_parameters
from reference_server.simulator.calls.trade import TradeCalls
from reference_server.simulator.market.bars import Bars, is_timeframe
from reference_server.simulator.surface.constants import CONSTANTS
from reference_server.simulator.surface.structs import Struct

TICKS = np.dtype(
    [
        ("time", "<i8"),
        ("bid", "<f8"),
        ("ask", "<f8"),
        ("last", "<f8"),
        ("volume", "<u8"),
        ("time_msc", "<i8"),
        ("flags", "<u4"),
        ("volume_real", "<f8"),
    ]
)
"""The tick record of the genuine package: 60 bytes, packed."""

TICK_REQUESTS = (CONSTANTS["COPY_TICKS_ALL"], CONSTANTS["COPY_TICKS_INFO"], CONSTANTS["COPY_TICKS_TRADE"])
TRADE_FLAGS = CONSTANTS["TICK_FLAG_LAST"] | CONSTANTS["TICK_FLAG_VOLUME"]
QUOTE_FLAGS = CONSTANTS["TICK_FLAG_BID"] | CONSTANTS["TICK_FLAG_ASK"]

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

    @staticmethod
    def _answer(bars: Array) -> Array:
        if not len(bars):
            raise call_failed()
        return _read_only(bars[-MAX_BARS:])

    @positional(None)
    def copy_rates_from_pos(self, *args: Any) -> Array:
        """Bars from a position backwards (0 is the forming bar), oldest first."""
        name, timeframe, start, count = arguments.exactly(args, 4)
        timeframe, start, count = arguments.c_int(timeframe), arguments.c_int(start), arguments.c_int(count)
        bars = self._bars(name, timeframe)
        if start < 0 or count <= 0:
            raise invalid_parameters()
        wanted = bars.last(start + min(count, MAX_BARS))
        return self._answer(wanted[: len(wanted) - start] if start < len(wanted) else wanted[:0])

    @positional(None)
    def copy_rates_from(self, *args: Any) -> Array:
        """Bars that opened at a date or before, oldest first."""
        name, timeframe, date, count = arguments.exactly(args, 4)
        timeframe, until_s, count = arguments.c_int(timeframe), arguments.seconds(date), arguments.c_int(count)
        bars = self._bars(name, timeframe)
        if count <= 0:
            raise invalid_parameters()
        return self._answer(bars.last(min(count, MAX_BARS), until_s=until_s))

    @positional(None)
    def copy_rates_range(self, *args: Any) -> Array:
        """Bars that opened within two dates, both included."""
        name, timeframe, date_from, date_to = arguments.exactly(args, 4)
        timeframe = arguments.c_int(timeframe)
        from_s, to_s = arguments.seconds(date_from), arguments.seconds(date_to)
        bars = self._bars(name, timeframe)
        if from_s > to_s:
            raise invalid_parameters()
        return self._answer(bars.between(from_s, to_s))

    @positional(None)
    def copy_ticks_from(self, *args: Any) -> Array:
        """Ticks from a date forward, oldest first, up to a count."""
        name, date, count, flags = arguments.exactly(args, 4)
        from_s, count, flags = arguments.seconds(date), arguments.c_int(count), arguments.c_int(flags)
        ticks = self._ticks(name, flags, from_s)
        if count <= 0:
            raise invalid_parameters()
        return self._tick_array(ticks[:count])

    @positional(None)
    def copy_ticks_range(self, *args: Any) -> Array:
        """Ticks within two dates, both included."""
        name, date_from, date_to, flags = arguments.exactly(args, 4)
        from_ms, to_ms = arguments.seconds(date_from) * 1000, arguments.seconds(date_to) * 1000
        ticks = self._ticks(name, arguments.c_int(flags), from_ms // 1000)
        return self._tick_array([tick for tick in ticks if from_ms <= tick[5] <= to_ms])

    def _ticks(self, name: str, request: int, from_s: int) -> list[Struct]:
        """Ticks from a second on, oldest first; found from the end, since pollers ask for the newest few."""
        self._connected()
        quote = self._quote(name)
        if request not in TICK_REQUESTS:
            raise invalid_parameters()
        ticks = list(takewhile(lambda tick: tick[0] >= from_s, reversed(quote.recent)))
        ticks.reverse()
        if request == CONSTANTS["COPY_TICKS_ALL"]:
            return ticks
        mask = TRADE_FLAGS if request == CONSTANTS["COPY_TICKS_TRADE"] else QUOTE_FLAGS
        return [tick for tick in ticks if tick[6] & mask]

    @staticmethod
    def _tick_array(ticks: list[Struct]) -> Array:
        return _read_only(np.array([tuple(tick) for tick in ticks], dtype=TICKS))
