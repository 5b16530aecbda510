"""What the numbers were measured on, in a line that holds no names."""

from __future__ import annotations

import os
import platform
from pathlib import Path

_BUSY_LOAD = 0.5


def machine_line(*, is_pinned: bool) -> str:
    """Describe processor, system, interpreter, and who had which core."""
    count = os.cpu_count() or 1
    system = f"{platform.system()} {platform.machine()}"
    interpreter = f"{platform.python_implementation()} {platform.python_version()}"
    shared = "servers on one core, load generator on another" if is_pinned else "all processes share the cores"
    return f"{_processor()}, {count} cores, {system}, {interpreter}; {shared}"


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
