"""Gateways that start in a second: `tonpo serve`, forked from a process that has everything imported.

`python -m tests.trials.nursery SOCKET` is that process; `tests/terminals/warm.py` says how. A gateway is a process of
its own as if it had been started by hand, and writes down its number so that it can be killed.
"""

from __future__ import annotations

import gc
import os
import sys
import traceback
import warnings
from pathlib import Path

from tests.terminals.warm import Nursery


def serve(arguments: list[str]) -> None:
    """Become a gateway: the first argument is the file for the process's number, the others are those of `tonpo`."""
    from tests.trials.stages import install
    from tonpo_spec.cli import tonpo

    install()
    number_file, *words = arguments
    unfinished = Path(f"{number_file}.unfinished")
    unfinished.write_text(str(os.getpid()))
    unfinished.rename(number_file)
    try:
        tonpo(words, prog_name="tonpo")
    except BaseException:
        traceback.print_exc()  # the nursery ends the process at once
        raise


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what connexion imports
        import uvloop  # noqa: F401

        import tonpo_spec.cli  # noqa: F401

    nursery = Nursery(sys.argv[1], serve)
    gc.freeze()
    print("ready", flush=True)
    nursery.run()
