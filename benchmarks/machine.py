"""What the numbers were measured on, in a line that holds no names."""

from __future__ import annotations

import os
import platform
from pathlib import Path

_BUSY_LOAD = 0.5


def machine_line(*, is_pinned: bool | None) -> str:
    """Describe processor, system, interpreter, and who had which core (None: it does not matter)."""
    count = os.cpu_count() or 1
    system = f"{platform.system()} {platform.machine()}"
    interpreter = f"{platform.python_implementation()} {platform.python_version()}"
    shared = "servers on one core, load generator on another" if is_pinned else "all processes share the cores"
    described = f"{_processor()}, {count} cores, {system}, {interpreter}"
    return described if is_pinned is None else f"{described}; {shared}"


def load_warning() -> str | None:
    """Say so when other work runs on the machine; to be asked before the benchmark begins."""
    if not hasattr(os, "getloadavg"):
        return None
    load = os.getloadavg()[0]
    if load < _BUSY_LOAD:
        return None
    return f"Other work runs on this machine (load {load:.1f}): read the ratios, and wide ranges with doubt."


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def resident_bytes() -> int | None:
    """The memory that this process holds now; None where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
