"""What a worker is started with, and how its end is noticed."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Final

import reference_server

_LINE_BYTES: Final = 2**16


class Ending(asyncio.subprocess.SubprocessStreamProtocol):
    """Tells the end of the process itself: `Process.wait` waits for the pipes too, which its own children may hold."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit=_LINE_BYTES, loop=loop)
        self.exited = asyncio.Event()

    def process_exited(self) -> None:
        """Note it."""
        super().process_exited()
        self.exited.set()


def environment() -> dict[str, str]:
    """The gateway's environment without its own settings, among which are keys; and where this package lies."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("TONPO_") or name.startswith("TONPO_SIMULATOR_")
    }
    package = str(Path(reference_server.__file__).parent.parent)
    paths = (package, kept.get("PYTHONPATH", ""))
    kept["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    return kept
