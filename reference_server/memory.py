"""How Python looks for cycles of garbage in a process that serves for long."""

from __future__ import annotations

import gc
from typing import Final

THRESHOLDS: Final = (20_000, 20, 50)
"""Python's own first is 700: an order makes some hundred objects, and looking through them so often took a fifth of its
time. References free nearly all of them at once; what cycles hold stays below some ten megabytes."""


def calm_collector() -> None:
    """Set aside what was loaded for good, and look for cycles more seldom. To be called once everything is open."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
