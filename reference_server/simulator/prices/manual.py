"""Prices that stand still until somebody moves them."""

from collections.abc import Mapping

import numpy as np

from reference_server.simulator.listing.calendar import Calendar
from reference_server.simulator.listing.symbols import SymbolProfile
from reference_server.simulator.prices.columns import MinuteBars, PricePoint, TickColumns
from reference_server.simulator.prices.generated import GeneratedPrices


class ManualPrices:
    """Prices that stand still until the broker's `set_price` moves them."""

    def __init__(self, seed: int = 1) -> None:
        self._past = GeneratedPrices(seed)

    def follow(self, symbols: Mapping[str, SymbolProfile], calendar: Calendar) -> None:
        """Learn what is listed and when it trades."""
        self._past.follow(symbols, calendar)

    def repeats(self, symbol: SymbolProfile) -> bool:  # noqa: ARG002 - of any symbol
        """Never: what was set by hand is known to the market only."""
        return False

    def opening(self, symbol: SymbolProfile, at_ms: int) -> PricePoint:
        """The profile's mid price with its usual spread."""
        point = symbol.point
        bid = round(symbol.mid_price - symbol.spread_points // 2 * point, symbol.digits)
        return PricePoint(at_ms, bid, round(bid + symbol.spread_points * point, symbol.digits))

    def ticks(
        self,
        symbol: SymbolProfile,  # noqa: ARG002
        from_ms: int,  # noqa: ARG002
        until_ms: int,  # noqa: ARG002
        *,
        every_ms: int = 0,  # noqa: ARG002
    ) -> TickColumns:
        """Never any."""
        nothing = np.zeros(0)
        return TickColumns(nothing.astype(np.int64), nothing, nothing)

    def history(self, symbol: SymbolProfile, from_ms: int, until_ms: int, *, anchor: PricePoint) -> MinuteBars:
        """A generated past that ends at the anchor."""
        return self._past.leading_to(symbol, from_ms, until_ms, anchor)
