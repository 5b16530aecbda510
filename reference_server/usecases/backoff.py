"""How long to wait before the next attempt to reach a broker."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential waiting with jitter: between half and all of `first * 2 ** failures`, at most `longest`."""

    first_seconds: float = 1.0
    longest_seconds: float = 60.0

    def seconds(self, failures: int, random: Random) -> float:
        """The wait after that many failed attempts in a row; jitter keeps many accounts from returning at once."""
        whole = min(self.longest_seconds, self.first_seconds * 2.0 ** min(failures, 64))
        return whole * (0.5 + random.random() / 2)
