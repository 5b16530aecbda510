"""The ticks of generated minutes: they open, reach the extremes and close exactly where the minute says."""

import numpy as np

from reference_server.simulator.arrays import Floats, Integers
from reference_server.simulator.prices.columns import MS_PER_MINUTE, TickColumns
from reference_server.simulator.prices.grid import Grid
from reference_server.simulator.prices.minutes import TICKS, Minutes
from reference_server.simulator.prices.path import PricePath, fraction
from reference_server.simulator.surface.tick_flags import DEAL_BOUGHT, DEAL_SOLD

NOISE = 0.5  # of the way from low to high, around the line between two corners
IRREGULAR = 0.9  # of the time from one tick to the next; below 1, so that no two share a millisecond
SLOT_BITS = 17  # ticks of a minute that have decisions of their own


class _Corners:
    """Where in each minute the four prices of its bar fall: the first tick, two in between, the last."""

    def __init__(self, minutes: Minutes, path: PricePath) -> None:
        words = path.words(TICKS, -1 - minutes.minute)
        inner = np.maximum(minutes.ticks - 2, 0)
        first = (fraction(words, 0) * inner).astype(np.int64)
        second = first + 1 + (fraction(words, 12) * np.maximum(inner - 1, 0)).astype(np.int64)
        second %= np.maximum(inner, 1)
        is_high_first = first < second
        self.high = np.where(inner > 0, 1 + first, 0)
        self.low = np.where(inner > 0, 1 + second, 0)
        self.one = np.where(is_high_first, self.high, self.low)
        self.other = np.where(is_high_first, self.low, self.high)
        self.one_price = np.where(is_high_first, minutes.high, minutes.low)
        self.other_price = np.where(is_high_first, minutes.low, minutes.high)


def ticks_of(
    minutes: Minutes, path: PricePath, grid: Grid, *, has_deals: bool, only_corners: bool = False
) -> TickColumns:
    """Every tick of these minutes, or only those that are the open, high, low and close of one."""
    corners = _Corners(minutes, path)
    if only_corners:
        last = minutes.ticks - 1
        places = np.stack((np.zeros(len(last), dtype=np.int64), corners.one, corners.other, last), axis=1)
        is_kept = np.ones(places.shape, dtype=np.bool_)
        is_kept[:, 1:3] = (minutes.ticks > 2)[:, None]
        which = np.repeat(np.arange(len(last)), 4).reshape(places.shape)[is_kept]
        return _made(minutes, corners, which, places[is_kept], path, grid, has_deals=has_deals)
    which = np.repeat(np.arange(len(minutes.ticks)), minutes.ticks)
    before = np.cumsum(minutes.ticks) - minutes.ticks
    place = np.arange(len(which), dtype=np.int64) - before[which]
    return _made(minutes, corners, which, place, path, grid, has_deals=has_deals)


def _made(
    minutes: Minutes,
    corners: _Corners,
    which: Integers,
    place: Integers,
    path: PricePath,
    grid: Grid,
    *,
    has_deals: bool,
) -> TickColumns:
    minute, count = minutes.minute[which], minutes.ticks[which]
    words = path.words(TICKS, (minute << SLOT_BITS) + place)
    within = (place + IRREGULAR * fraction(words, 0, 20)) * (MS_PER_MINUTE / count)
    times = minute * MS_PER_MINUTE + within.astype(np.int64)
    steps = _steps(minutes, corners, which, place, fraction(words, 20))
    usual = minutes.spread[which]
    widening = np.floor(fraction(words, 32) * (1.0 + 0.15 * usual))
    spread = usual + np.where(place == 0, 0.0, 2.0 * widening + (place & 1))
    if not has_deals:
        return TickColumns(times, grid.prices(steps), grid.prices(steps + spread))
    is_bought = fraction(words, 44) < 0.5
    bid = np.maximum(steps - np.where(is_bought, spread, 0.0), 1.0)
    lot = minutes.lot[which]
    pair = path.words(TICKS, (minute << SLOT_BITS) + (place | 1))
    change = (fraction(pair, 32) * lot).astype(np.int64) * (1 - 2 * (place & 1))
    flags = np.where(is_bought, DEAL_BOUGHT, DEAL_SOLD)
    volume = (lot + change).astype(np.float64)
    return TickColumns(times, grid.prices(bid), grid.prices(bid + spread), grid.prices(steps), volume, flags)


def _steps(minutes: Minutes, corners: _Corners, which: Integers, place: Integers, chance: Floats) -> Floats:
    """Prices: straight from corner to corner with noise in between, which stays within low and high."""
    one, other = corners.one[which], corners.other[which]
    last = minutes.ticks[which] - 1
    is_before, is_after = place <= one, place > other
    from_place = np.where(is_before, 0, np.where(is_after, other, one))
    to_place = np.where(is_before, one, np.where(is_after, last, other))
    one_price, other_price = corners.one_price[which], corners.other_price[which]
    start = np.where(is_before, minutes.open[which], np.where(is_after, other_price, one_price))
    end = np.where(is_before, one_price, np.where(is_after, minutes.close[which], other_price))
    part = (place - from_place) / np.maximum(to_place - from_place, 1)
    low, high = minutes.low[which], minutes.high[which]
    noisy = np.rint(start + (end - start) * part + (chance - 0.5) * NOISE * (high - low))
    steps = np.minimum(np.maximum(noisy, low), high)
    exact: Floats = np.where(place == 0, minutes.open[which], np.where(place == to_place, end, steps))
    return exact
