"""A price path without memory: the price of a symbol at any moment is a function of the seed and that moment."""

import math
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SHORTEST_MS = 250
OCTAVES = 25
MS_PER_DAY = 86_400_000
# Interpolated noise of unit range, summed over octaves whose amplitude grows with the root of their period, spreads
# about 0.8 times the sum of squares of one period; this factor makes one day's spread equal the stated volatility.
SCALE = 0.9


def _uniform(key: int, lattice: Integers) -> Floats:
    """Hash lattice points to [-1, 1) (the finaliser of splitmix64)."""
    mixed: NDArray[Any] = lattice.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(key)
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-52 - 1.0


class PricePath:
    """The mid price of one symbol over time: a walk at every scale from a quarter of a second to months.

    A walk that reaches the edge of its range is reflected there. Being a pure function of time it needs no state: past
    bars of any depth agree with the ticks of today, and a broker that was switched off finds the market where it would
    have been.
    """

    def __init__(self, seed: int, name: str, *, mid_price: float, daily_volatility: float, price_range: float) -> None:
        random = Random(f"{seed}/{name}")  # noqa: S311 - prices, not secrets
        self._keys = [random.getrandbits(64) for _ in range(OCTAVES + 2)]
        self._mid_price = mid_price
        self._bound = math.log1p(price_range)
        self._amplitudes = [
            SCALE * daily_volatility * (SHORTEST_MS * 2**octave / MS_PER_DAY) ** 0.5 for octave in range(OCTAVES)
        ]

    def mid(self, times_ms: Integers) -> Floats:
        """Prices at these moments, which must be in ascending order."""
        total: Floats = np.zeros(len(times_ms))
        if not len(times_ms):
            return total
        first, last = int(times_ms[0]), int(times_ms[-1])
        for octave in range(OCTAVES):
            period = SHORTEST_MS * 2**octave
            low, high = first // period, last // period + 1
            if high - low > 4 * len(times_ms):
                continue  # sampled far more coarsely than this octave moves: it would only add noise
            values = _uniform(self._keys[octave], np.arange(low, high + 1))
            position = (times_ms - low * period) * (1.0 / period)
            cell = position.astype(np.int64)
            left = values[cell]
            total += self._amplitudes[octave] * (left + (values[cell + 1] - left) * (position - cell))
        prices: Floats = self._mid_price * np.exp(self._reflected(total))
        return prices

    def _reflected(self, total: Floats) -> Floats:
        """Turn a walk back at its bounds, which leaves its pace as it was."""
        return self._bound - np.abs((total + self._bound) % (4 * self._bound) - 2 * self._bound)

    def chance(self, channel: int, slots: Integers) -> Floats:
        """One number in [0, 1) per slot, for decisions that belong to a moment. `channel` 0 or 1."""
        return (_uniform(self._keys[OCTAVES + channel], slots) + 1.0) / 2.0
