"""A worker process: `python -m reference_server.terminals`, started by the gateway and by nobody else."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys

from reference_server.clock import SystemClock
from reference_server.terminals.providers.seating import Seating
from reference_server.terminals.workers.child import serve_pipes


def main(seating: Seating | None = None) -> None:
    """Serve the gateway over standard input and output until it is gone. `seating` makes the terminals.

    Whatever else writes to standard output (the module, a library, the terminal) is led to standard error, which the
    gateway logs: no print can come between two messages.
    """
    reading, writing = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(reading, os.O_BINARY)
        msvcrt.setmode(writing, os.O_BINARY)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the gateway, which then stops its workers in order
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    seating = seating or Seating(SystemClock())
    asyncio.run(serve_pipes(reading, writing, seating.open, seating.close))


if __name__ == "__main__":
    main()
