"""The worker of the tests: the real one, on a clock that is moved by hand, and killed where a test says so.

Arguments: the clock's file; `--kill N` dies at the N-th point of the first trade; `--count FILE` writes how many there
were; `--host SOCKET` hosts a broker with hand-made prices, and takes its price changes from there.
"""

from __future__ import annotations

import argparse
import logging
import sys
import threading
from multiprocessing.connection import Listener
from pathlib import Path

import rpyc  # noqa: F401 - imported before forking

from reference_server.simulator import ManualPrices, SimulatedBroker
from reference_server.simulator.faults.parsing import fault_from_dict
from reference_server.simulator.pipe import client  # noqa: F401 - imported before forking
from reference_server.terminals.__main__ import main
from reference_server.terminals.providers import bridge  # noqa: F401 - imported before forking
from reference_server.terminals.providers.seating import Seating
from reference_server.terminals.providers.simulated import SimulatedTerminals
from tests.terminals.hand_clock import PolledClock


def serve(arguments: list[str]) -> None:
    """Be a worker."""
    parser = argparse.ArgumentParser()
    parser.add_argument("clock", type=Path)
    parser.add_argument("--kill", type=int)
    parser.add_argument("--count", type=Path)
    parser.add_argument("--host")
    parser.add_argument("--state", type=Path)
    chosen = parser.parse_args(arguments)
    logging.getLogger().handlers.clear()
    clock = PolledClock(chosen.clock)
    hosted = None
    if chosen.host:
        broker = SimulatedBroker(clock=clock, prices=ManualPrices())
        hosted = SimulatedTerminals(clock, broker=broker, poll_interval_seconds=0.002, state_directory=chosen.state)
        threading.Thread(target=_obey, args=(broker, chosen.host), daemon=True).start()
    if chosen.kill is not None or chosen.count is not None:
        from tests.terminals.points import arm

        arm(chosen.kill, chosen.count)
    main(Seating(clock, hosted))


def _obey(broker: SimulatedBroker, path: str) -> None:
    Path(path).unlink(missing_ok=True)
    with Listener(path) as listener, listener.accept() as line:
        while True:
            name, arguments = line.recv()
            if name == "fault":
                broker.faults.add(fault_from_dict(arguments[0]))
            else:
                getattr(broker, name)(*arguments)
            line.send(None)


if __name__ == "__main__":
    serve(sys.argv[1:])
