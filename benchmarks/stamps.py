"""Prices that carry the moment at which they were made: the bid is the microsecond, shifted by the symbol's digits.

Sender and receiver read the same monotonic clock of one machine, so a delivered tick says how old it is.
"""

from __future__ import annotations

from typing import Final

_WRAP_US: Final = 1_000_000_000


def stamped_bid(digits: int, now_ns: int) -> float:
    """Make a bid of this moment; `now_ns` is of the system's monotonic clock."""
    return float((now_ns // 1000 % _WRAP_US or _WRAP_US) / 10**digits)


def age_us(bid: float, digits: int, now_ns: int) -> int:
    """Tell how many microseconds ago a bid was made; right for less than a quarter of an hour."""
    made_us = round(bid * 10.0**digits)
    return (now_ns // 1000 - made_us) % _WRAP_US
