"""A walk without memory: where a symbol stands at any moment is a function of the seed and that moment."""

import math
from random import Random

import numpy as np

from reference_server.simulator.arrays import Floats, Integers, Words

LEVELS = 21
COARSE = 8  # levels from here on are kept between requests: they change every 256 minutes
TREND_LEVEL = 10  # legs of seventeen hours: few of them are steep, most are nearly flat
CHANNELS = 4
MINUTES_PER_DAY = 1440
SCALE = 0.66  # makes the moves of one day spread as far as the stated volatility, measured over years
STEEP = 4.5  # times the fifth power of a number in [-1, 1), which is near 0 more often than not


def scrambled(key: int, lattice: Integers) -> Words:
    """Hash lattice points to 64 bits each (the finaliser of splitmix64)."""
    mixed: Words = lattice.astype(np.uint64)
    mixed *= np.uint64(0x9E3779B97F4A7C15)
    mixed += np.uint64(key)
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed


def fraction(words: Words, place: int, bits: int = 12) -> Floats:
    """A number in (0, 1) from some bits of each word, beginning at bit `place`."""
    taken = (words >> np.uint64(place)) & np.uint64((1 << bits) - 1)
    return (taken.astype(np.float64) + 0.5) * 2.0**-bits


class PricePath:
    """The logarithm of a symbol's price, relative to its middle, over its trading time in minutes.

    The sum of noise at every scale from a minute to two years, each interpolated between points twice as far apart as
    the one below, so that all of it is had by doubling a coarse line again and again: two steps for each minute. A walk
    that reaches the edge of its range is reflected there. It needs no state: past bars of any depth agree with the
    ticks of today, and a broker that was switched off finds the market where it would have been.
    """

    def __init__(self, seed: int, name: str, *, daily_volatility: float, price_range: float) -> None:
        random = Random(f"{seed}/{name}")  # noqa: S311 - prices, not secrets
        self._keys = [random.getrandbits(64) for _ in range(LEVELS + CHANNELS)]
        self._bound = math.log1p(price_range)
        self._amplitudes = [SCALE * daily_volatility * (2**level / MINUTES_PER_DAY) ** 0.5 for level in range(LEVELS)]
        self._kept: tuple[int, int, Floats] | None = None

    def at(self, times: Floats, shift: Floats | float = 0.0) -> Floats:
        """The walk at moments of trading time, moved by `shift` before it is reflected."""
        if not len(times):
            return np.zeros(0)
        cells = np.floor(times)
        first = int(cells.min())
        line = self._line(first, int(cells.max()) + 1)
        places = cells.astype(np.int64) - first
        left = line[places]
        walked = left + (line[places + 1] - left) * (times - cells)
        return self._reflected(walked + shift)

    def at_minutes(self, first: int, last: int) -> Floats:
        """The walk at every whole minute of trading time from `first` to `last`, both included."""
        return self._reflected(self._line(first, last))

    def words(self, channel: int, slots: Integers) -> Words:
        """64 bits for each slot, for decisions that belong to it. `channel` below CHANNELS."""
        return scrambled(self._keys[LEVELS + channel], slots)

    def _line(self, first: int, last: int) -> Floats:
        low, high = first >> COARSE, (last >> COARSE) + 1
        kept = self._kept
        if kept is None or kept[0] > low or kept[1] < high:
            values = self._doubled(np.zeros(0), LEVELS, COARSE, low << COARSE, (high - 1) << COARSE)
            self._kept = kept = (low, high, values)
        values = kept[2][low - kept[0] : high - kept[0] + 1]
        return self._doubled(values, COARSE, 0, first, last)[: last - first + 1]

    def _doubled(self, values: Floats, above: int, level: int, first: int, last: int) -> Floats:
        """Go down from the lattice `above` (without values when that is LEVELS) to that of `level`."""
        for finer in range(above - 1, level - 1, -1):
            low, high = first >> finer, (last >> finer) + 1
            noise = self._noise(finer, low, high)
            if finer == LEVELS - 1:
                values = noise
                continue
            doubled = np.empty(2 * len(values) - 1)
            doubled[::2] = values
            doubled[1::2] = (values[:-1] + values[1:]) * 0.5
            skipped = low & 1
            values = doubled[skipped : skipped + high - low + 1] + noise
        return values

    def _noise(self, level: int, low: int, high: int) -> Floats:
        words = scrambled(self._keys[level], np.arange(low, high + 1, dtype=np.int64))
        unit = (words >> np.uint64(11)).astype(np.float64) * 2.0**-52 - 1.0
        if level == TREND_LEVEL:
            unit = STEEP * unit**5
        noise: Floats = unit * self._amplitudes[level]
        return noise

    def _reflected(self, total: Floats) -> Floats:
        """Turn a walk back at its bounds, which leaves its pace as it was."""
        within: Floats = np.abs((total + self._bound) % (4 * self._bound) - 2 * self._bound)
        return self._bound - within
