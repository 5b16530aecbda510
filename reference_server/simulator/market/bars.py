"""Bars of every timeframe, aggregated from minutes: those built from ticks, and a generated past before them."""

from itertools import chain, pairwise
from typing import Any

import numpy as np

from reference_server.simulator.arrays import Integers
from reference_server.simulator.listing.symbols import MINUTES_PER_DAY
from reference_server.simulator.market.market import Market
from reference_server.simulator.market.quotes import Quote
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
        end_s = self._now_s if until_s is None else min(until_s, self._now_s)
        parts: list[Array] = []
        missing, reach = count, 1.0
        while missing > 0 and end_s >= self._oldest_s:
            span_s = int(minutes_of(self._timeframe) * 60 * (missing + 1) * reach)
            start_s = int(opens_of(np.array([end_s - span_s], dtype=np.int64), self._timeframe)[0])
            parts.insert(0, self.between(start_s, end_s))
            missing -= len(parts[0])
            end_s = start_s - 1
            reach *= 1.5  # what is missing is so where markets close
        bars = parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, dtype=BARS), *parts])
        return bars[max(len(bars) - count, 0) :]

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
        live_s = self._quote.bars_from_ms // 1000
        live = self._live(max(from_s, live_s) * 1000, to_s * 1000)
        return live if from_s >= live_s else self._past(from_s - from_s % 60, min(to_s, live_s), live)

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

    def _past(self, from_s: int, to_s: int, live: Array) -> Array:
        """Minutes from the source in which the server's clock shows [from, to), and after them the `live` ones."""
        quote, market = self._quote, self._market
        server_time, anchor = market.server_time, market.openings[quote.profile.name]
        from_ms, until_ms = server_time.utc_span(from_s * 1000, to_s * 1000)
        made = market.source.history(quote.profile, from_ms, until_ms, anchor=anchor)
        times = (made.time_ms + server_time.offsets_ms(made.time_ms)) // 1000
        bars = np.empty(len(times) + len(live), dtype=BARS)
        past = bars[: len(times)]
        past["time"], past["tick_volume"], past["spread"] = times, made.ticks, made.spread
        past["open"], past["high"], past["low"], past["close"] = made.open, made.high, made.low, made.close
        past["real_volume"] = 0 if made.volume is None else made.volume
        bars[len(times) :] = live
        turns = np.flatnonzero(times[1:] <= times[:-1]) + 1
        if len(turns):
            past = _once(past, times, turns)
            bars = np.concatenate((past, live))
            times = past["time"]
        first, end = np.searchsorted(times, (from_s, to_s))
        return bars[first:] if end == len(past) else np.concatenate((past[first:end], live))


def _once(bars: Array, times: Integers, turns: Integers) -> Array:
    """Put the two passes of each hour that the server's clock shows twice together; a pass begins at each turn."""
    parts: list[Array] = []
    begun = 0
    for turn, after in pairwise([*turns.tolist(), len(times)]):
        first = begun + int(np.searchsorted(times[begun:turn], times[turn]))
        last = turn + int(np.searchsorted(times[turn:after], times[turn - 1], side="right"))
        twice = bars[first:last]
        parts += bars[begun:first], aggregate(twice[np.argsort(twice["time"], kind="stable")], 1, repeated=True)
        begun = last
    return np.concatenate([*parts, bars[begun:]])
