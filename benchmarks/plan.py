"""How long and how often to measure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """Each of `rounds` measures every server once, for `seconds` after `warm_up_seconds`."""

    rounds: int = 7
    seconds: float = 1.0
    warm_up_seconds: float = 0.3
    connections: int = 16
    sockets: int = 100
    orders_per_second: float = 200.0
