"""Bars of every timeframe, aggregated from minutes: those built from ticks, and a generated past before them."""

from itertools import chain
from typing import Any

import numpy as np

from reference_server.simulator.market.market import Market
from reference_server.simulator.market.quotes import Quote
from reference_server.simulator.market.symbols import MINUTES_PER_DAY
from reference_server.simulator.prices.path import Integers
from reference_server.simulator.surface.constants import CONSTANTS

BARS = np.dtype(
    [
        ("time", "<i8"),
        ("open", "<f8"),
        ("high", "<f8"),
        ("low", "<f8"),
        ("close", "<f8"),
        ("tick_volume", "<u8"),
        ("spread", "<i4"),
        ("real_volume", "<u8"),
    ]
)
"""The bar record of the genuine package: 60 bytes, packed."""

FIELDS = tuple(BARS.fields or ())  # in the order of MinuteBar
HOUR_BIT, WEEK, MONTH = 0x4000, CONSTANTS["TIMEFRAME_W1"], CONSTANTS["TIMEFRAME_MN1"]
TIMEFRAMES = frozenset(value for name, value in CONSTANTS.items() if name.startswith("TIMEFRAME_"))
HISTORY_DAYS = 730
SECONDS_PER_DAY = 86_400
FIRST_SUNDAY_S = 3 * SECONDS_PER_DAY  # 4 January 1970

Array = np.ndarray[Any, np.dtype[np.void]]


def is_timeframe(value: int) -> bool:
    """Whether a value is one of the 21 timeframes."""
    return value in TIMEFRAMES


def minutes_of(timeframe: int) -> int:
    """Length in minutes; of a month, the longest."""
    if timeframe == MONTH:
        return 31 * MINUTES_PER_DAY
    if timeframe == WEEK:
        return 7 * MINUTES_PER_DAY
    return (timeframe & ~HOUR_BIT) * 60 if timeframe & HOUR_BIT else timeframe


def opens_of(times_s: Integers, timeframe: int) -> Integers:
    """Open time of the bar that holds each moment; weeks begin on Sunday."""
    if timeframe == MONTH:
        months = times_s.astype("datetime64[s]").astype("datetime64[M]")
        return months.astype("datetime64[s]").astype(np.int64)
    length = minutes_of(timeframe) * 60
    shift = FIRST_SUNDAY_S if timeframe == WEEK else 0
    aligned: Integers = (times_s - shift) // length * length + shift
    return aligned


def aggregate(minutes: Array, timeframe: int, *, repeated: bool = False) -> Array:
    """Bars of a timeframe from bars of one minute, oldest first, in which a minute may be `repeated`."""
    if (timeframe == 1 and not repeated) or not len(minutes):
        return minutes
    opens = opens_of(minutes["time"], timeframe)
    starts = np.flatnonzero(np.concatenate(([True], opens[1:] != opens[:-1])))
    bars = np.zeros(len(starts), dtype=BARS)
    bars["time"] = opens[starts]
    bars["open"] = minutes["open"][starts]
    bars["high"] = np.maximum.reduceat(minutes["high"], starts)
    bars["low"] = np.minimum.reduceat(minutes["low"], starts)
    bars["close"] = minutes["close"][np.append(starts[1:], len(minutes)) - 1]
    bars["tick_volume"] = np.add.reduceat(minutes["tick_volume"], starts)
    bars["spread"] = np.minimum.reduceat(minutes["spread"], starts)
    bars["real_volume"] = np.add.reduceat(minutes["real_volume"], starts)
    return bars


class Bars:
    """Bars of one symbol and timeframe, oldest first. Times are the server's clock, in seconds.

    Minutes come from memory as far as it holds every tick of them, and from the source of the prices before that, so
    that a bar is the same in every request.
    """

    def __init__(self, market: Market, quote: Quote, timeframe: int) -> None:
        self._market = market
        self._quote = quote
        self._timeframe = timeframe
        self._now_s = market.now_ms // 1000
        self._oldest_s = market.started_ms // 1000 - HISTORY_DAYS * SECONDS_PER_DAY

    def last(self, count: int, *, until_s: int | None = None) -> Array:
        """The newest `count` bars, of those that opened at `until_s` or before."""
        until_s = self._now_s if until_s is None else min(until_s, self._now_s)
        length_s = minutes_of(self._timeframe) * 60
        span_s = length_s * (count + 1)
        while True:
            bars = self.between(until_s - span_s, until_s)
            if len(bars) >= count or until_s - span_s <= self._oldest_s:
                return bars[-count:]
            span_s *= 2

    def between(self, from_s: int, to_s: int) -> Array:
        """Bars that opened within two moments, both included."""
        first_s = max(from_s, self._oldest_s)
        last_s = min(to_s, self._now_s)
        if first_s > last_s:
            return np.zeros(0, dtype=BARS)
        start_s = int(opens_of(np.array([first_s], dtype=np.int64), self._timeframe)[0])
        end_s = min(last_s + minutes_of(self._timeframe) * 60, self._now_s + 1)
        bars = aggregate(self._minutes(start_s, end_s), self._timeframe)
        first, end = np.searchsorted(bars["time"], (first_s, to_s + 1))
        return bars[first:end]

    def _minutes(self, from_s: int, to_s: int) -> Array:
        """Minutes in which the server's clock shows [from, to)."""
        quote = self._quote
        live_s = quote.bars_from_ms // 1000
        if from_s >= live_s:
            return self._live(from_s * 1000, to_s * 1000)
        past = self._past(from_s - from_s % 60, min(to_s, live_s))
        if to_s > live_s:
            return np.concatenate((past, self._live(live_s * 1000, to_s * 1000)))
        return past

    def _live(self, from_ms: int, to_ms: int) -> Array:
        rows = []
        forming = (self._quote.forming(),) if self._quote.minute else ()
        for minute in chain(forming, reversed(self._quote.minutes)):
            if minute.time_ms < from_ms:
                break
            if minute.time_ms < to_ms:
                rows.append(minute)
        bars = np.zeros(len(rows), dtype=BARS)
        for field, values in zip(FIELDS, zip(*reversed(rows), strict=True), strict=False):
            bars[field] = values
        bars["time"] //= 1000
        return bars

    def _past(self, from_s: int, to_s: int) -> Array:
        quote, market = self._quote, self._market
        server_time, anchor = market.server_time, market.openings[quote.profile.name]
        from_ms, until_ms = server_time.utc_span(from_s * 1000, to_s * 1000)
        made = market.source.history(quote.profile, from_ms, until_ms, anchor=anchor)
        bars = np.empty(len(made.time_ms), dtype=BARS)
        bars["time"] = (made.time_ms + server_time.offsets_ms(made.time_ms)) // 1000
        bars["open"], bars["high"], bars["low"], bars["close"] = made.open, made.high, made.low, made.close
        bars["tick_volume"], bars["spread"] = made.ticks, made.spread
        bars["real_volume"] = 0 if made.volume is None else made.volume
        times = bars["time"]
        if len(bars) and (times[1:] <= times[:-1]).any():
            bars = aggregate(bars[np.argsort(times, kind="stable")], 1, repeated=True)
            times = bars["time"]
        first, end = np.searchsorted(times, (from_s, to_s))
        return bars[first:end]
