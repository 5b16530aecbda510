"""The grid of prices that a symbol may have: multiples of its tick size, or of its point."""

import numpy as np

from reference_server.simulator.arrays import Floats
from reference_server.simulator.listing.symbols import SymbolProfile


class Grid:
    """Prices as whole numbers of steps, and back to the nearest doubles of what people write."""

    def __init__(self, symbol: SymbolProfile) -> None:
        self.step = symbol.tick_size or symbol.point
        self._digits = symbol.digits
        inverse = round(1 / self.step)
        self._inverse = float(inverse) if inverse and abs(inverse * self.step - 1) < 1e-9 else 0.0
        self.points_per_step = max(round(self.step / symbol.point), 1)

    def spread_steps(self, points: int) -> float:
        """A spread in steps, at least one."""
        return max(points / self.points_per_step, 1.0)

    def prices(self, steps: Floats) -> Floats:
        """Prices of whole numbers of steps."""
        if self._inverse:
            return steps / self._inverse
        exact: Floats = np.round(steps * self.step, self._digits)
        return exact
