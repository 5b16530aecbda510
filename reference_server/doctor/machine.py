"""The machine: its Python, its platform, its clock."""

from __future__ import annotations

import platform
import struct
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from reference_server.doctor.finding import Finding, ok, problem, warning

_OLDEST_PYTHON: Final = (3, 11)
_LONGEST_DRIFT_SECONDS: Final = 0.5
"""How far wall clock and monotonic clock may part during an examination: a correction in steps is larger."""
_EARLIEST_YEAR: Final = 2026
"""Before this the gateway did not exist: a clock that says so was never set."""


def examine_python() -> Iterator[Finding]:
    """Say which Python runs, where, and whether it will do."""
    bits = struct.calcsize("P") * 8
    says = f"Python {platform.python_version()} ({bits} bit) on {platform.system()} {platform.machine()}"
    if sys.version_info[:2] < _OLDEST_PYTHON:
        yield problem("python", says, "Install Python 3.11 or newer and the gateway into it.")
    else:
        yield ok("python", says)


class ClockWatch:
    """Watches the machine's two clocks from its making until `examine`."""

    def __init__(self) -> None:
        self._wall, self._monotonic = time.time(), time.monotonic()

    def examine(self) -> Iterator[Finding]:
        """Compare how far the clocks went."""
        yield from judge_clock(
            now=time.time(), wall_seconds=time.time() - self._wall, seconds=time.monotonic() - self._monotonic
        )


def judge_clock(*, now: float, wall_seconds: float, seconds: float) -> Iterator[Finding]:
    """Judge a wall clock that shows `now` and went `wall_seconds` while `seconds` passed."""
    shown = f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M:%S} UTC"
    remedy = "Let the machine keep its time (systemd-timesyncd, chrony, or Windows' time service): `time` in answers, "
    remedy += "daily quotas and the broker's clock are all measured against it."
    if datetime.fromtimestamp(now, UTC).year < _EARLIEST_YEAR:
        yield problem("clock", f"the machine's clock shows {shown}, which is long past", remedy)
    elif abs(wall_seconds - seconds) > _LONGEST_DRIFT_SECONDS:
        drift = wall_seconds - seconds
        yield warning("clock", f"the machine's clock was moved by {drift:+.1f} s while this ran", remedy)
    else:
        yield ok("clock", f"{shown}; it runs evenly")
