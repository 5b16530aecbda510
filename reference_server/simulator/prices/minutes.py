"""Generated minutes: how a symbol's price opens, goes and closes within each, before any tick of it is made."""

from typing import NamedTuple

import numpy as np

from reference_server.simulator.arrays import Floats, Integers
from reference_server.simulator.listing.symbols import SymbolProfile
from reference_server.simulator.prices.columns import MS_PER_MINUTE, picked
from reference_server.simulator.prices.grid import Grid
from reference_server.simulator.prices.path import MINUTES_PER_DAY, PricePath, fraction
from reference_server.simulator.prices.rhythm import Pace, Rhythm

CHART_LAST = 1  # SYMBOL_CHART_MODE_LAST
SHAPE, TICKS = 0, 1  # channels of the path: decisions on a minute, decisions on its ticks
OPENING_JITTER = 0.3  # of a minute's volatility: bars rarely open exactly where the one before closed


class Minutes(NamedTuple):
    """Minutes with at least two ticks each, oldest first. Prices and spreads are whole steps of the symbol's grid.

    `minute` counts from the epoch; `ticks` is even; `lot` is half the volume of each pair of deals.
    """

    minute: Integers
    ticks: Integers
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    spread: Floats
    lot: Integers


class MidPrices:
    """The mid price of a symbol at the ends of minutes; of a cross, the product or ratio of two others."""

    def __init__(self, symbol: SymbolProfile, path: PricePath, rhythm: Rhythm) -> None:
        self.path = path
        self.rhythm = rhythm
        self._middle = symbol.mid_price
        self._legs: tuple[MidPrices, MidPrices, float] | None = None

    def cross(self, first: "MidPrices", second: "MidPrices", power: float) -> None:
        """Follow `first` times `second` (power 1) or divided by it (power -1)."""
        self._legs = (first, second, power)

    def ends(self, first: int, last: int, pace: Pace | None = None) -> Floats:
        """Mid prices at the beginning of each minute from `first` to before `last`, and at the end of the last one.

        `pace` is the rhythm's of these minutes, where that is known already.
        """
        if self._legs is not None:
            one, other, power = self._legs
            return one.ends(first, last) * other.ends(first, last) ** power
        pace = self.rhythm.of(first, last) if pace is None else pace
        is_even = pace.is_open is None
        walked = self.path.at_minutes(first, last) if is_even else self.path.at(pace.clock, pace.shift)
        prices: Floats = self._middle * np.exp(walked)
        return prices


class MinuteMaker:
    """Makes the minutes of one symbol. Each is a function of the seed and its own time, and of nothing else."""

    def __init__(self, symbol: SymbolProfile, mids: MidPrices) -> None:
        self.grid = Grid(symbol)
        self.has_deals = symbol.chart_mode == CHART_LAST
        self._mids = mids
        self._sigma = symbol.daily_volatility / MINUTES_PER_DAY**0.5
        self._expected = MS_PER_MINUTE / symbol.tick_interval_ms
        self._spreads = (
            self.grid.spread_steps(symbol.spread_points),
            self.grid.spread_steps(symbol.night_spread_points),
        )
        self._least_spread = 1.0 if self._spreads[0] < 2 else 2.0
        self._half_spread = 0.0 if self.has_deals else self._spreads[0] / 2
        self._lowest = max(symbol.mid_price / (1 + symbol.price_range) / self.grid.step - self._half_spread, 1.0)
        self._highest = symbol.mid_price * (1 + symbol.price_range) / self.grid.step - self._half_spread
        self._is_bounded = symbol.cross_of is None

    def mid(self, minute: int) -> float:
        """The mid price at the beginning of a minute."""
        return float(self._mids.ends(minute, minute + 1)[0])

    def make(self, first: int, last: int, factor: float = 1.0) -> Minutes:
        """The minutes from `first` to before `last` that have ticks, every price multiplied by `factor`."""
        if last <= first:
            none, prices = np.zeros(0, dtype=np.int64), np.zeros(0)
            return Minutes(none, none, prices, prices, prices, prices, prices, none)
        pace = self._mids.rhythm.of(first, last)
        minute = np.arange(first, last, dtype=np.int64)
        words = self._mids.path.words(SHAPE, minute)
        ends = self._mids.ends(first, last, pace) * (factor / self.grid.step)
        sigma = ends[:-1] * (self._sigma * pace.reach) * np.sqrt(pace.volatility)
        ends -= self._half_spread
        opened = np.rint(ends[:-1] + sigma * (OPENING_JITTER * (fraction(words, 0) - 0.5)))
        closed = np.rint(ends[1:])
        if factor == 1.0 and self._is_bounded:
            opened, closed = self._clipped(opened), self._clipped(closed)
        ticks = self._ticks(pace.activity, fraction(words, 12))
        opened, closed = np.maximum(opened, 1.0), np.maximum(closed, 1.0)
        # The highest point of a Brownian bridge between two prices, and the lowest: its law is known in closed form.
        way = closed - opened
        square, spread_out = way * way, -2.0 * sigma * sigma
        middle = opened + closed
        high = np.rint((middle + np.sqrt(square + spread_out * np.log(fraction(words, 24)))) * 0.5)
        low = np.rint((middle - np.sqrt(square + spread_out * np.log(fraction(words, 36)))) * 0.5)
        if factor == 1.0 and self._is_bounded:
            high, low = self._clipped(high), self._clipped(low)
        high = np.maximum(high, np.maximum(opened, closed))
        low = np.maximum(np.minimum(low, np.minimum(opened, closed)), 1.0)
        is_short = ticks < 4
        if is_short.any():
            high = np.where(is_short, np.maximum(opened, closed), high)
            low = np.where(is_short, np.minimum(opened, closed), low)
        usual = np.where(pace.is_night, self._spreads[1], self._spreads[0]) * pace.spread
        wide = usual * (0.7 + 0.4 * fraction(words, 48)) - self._least_spread
        spread = self._least_spread + 2.0 * np.floor(np.maximum(wide, 0.0) * 0.5)
        lot = 1 + (words >> np.uint64(60)).astype(np.int64)
        made = Minutes(minute, ticks, opened, high, low, closed, spread, lot)
        has_ticks = ticks > 0 if pace.is_open is None else (ticks > 0) & pace.is_open
        return made if has_ticks.all() else picked(made, has_ticks)

    def _ticks(self, activity: Floats | float, chance: Floats) -> Integers:
        """An even number: then the spread alone tells the last tick of a minute from the first of the next."""
        expected = self._expected * activity * 0.5
        spread_out = 0.4 * expected + 1.0
        count: Integers = 2 * np.floor(expected * 0.8 + chance * spread_out).astype(np.int64)
        return count

    def _clipped(self, steps: Floats) -> Floats:
        return np.clip(steps, np.ceil(self._lowest), np.floor(self._highest))
