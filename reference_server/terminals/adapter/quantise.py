"""Rounding of prices to ticks and digits, with Decimal so that no binary noise decides a tie.

Source: MQL5 reference, order properties: a price must be a multiple of the tick size with at most `digits` decimals.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal

_WIDE = Context(prec=60, rounding=ROUND_HALF_EVEN)
"""Wide enough for the whole-number part of any price that JSON may carry; the default of 28 digits is not."""

_LARGEST = 1e15
"""Above this a double has no decimals that matter, and a broker no prices."""


def price_to_tick(price: float, *, tick_size: float, digits: int) -> float:
    """Give the multiple of `tick_size` nearest to `price`, with at most `digits` decimals."""
    if not -_LARGEST < price < _LARGEST:
        return price
    exact = Decimal(repr(price))
    if tick_size > 0:
        tick = Decimal(repr(tick_size))
        exact = _WIDE.multiply(_WIDE.divide(exact, tick).to_integral_value(context=_WIDE), tick)
    return float(exact.quantize(Decimal(1).scaleb(-digits), context=_WIDE))
