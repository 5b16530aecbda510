"""The terminals of a served broker, which outlive the connections to them."""

from collections import defaultdict
from threading import Lock
from typing import Any

from reference_server.simulator.broker import SimulatedBroker
from reference_server.simulator.module import SimulatedMetaTrader5


class Terminals:
    """Terminals by the path that `initialize` names.

    A terminal has one connection at a time and keeps its last account and its Market Watch for the next one; while it
    has one, another connection with that path gets another terminal. (A genuine terminal takes several at once, which
    then share its account.)
    """

    def __init__(self, broker: SimulatedBroker) -> None:
        self._broker = broker
        self._idle: dict[str, list[SimulatedMetaTrader5]] = defaultdict(list)
        self._lock = Lock()

    def take(self, path: str) -> SimulatedMetaTrader5:
        """The terminal of that path that was used last and is free, or a new one."""
        with self._lock:
            if self._idle[path]:
                return self._idle[path].pop()
        return SimulatedMetaTrader5(self._broker, **({"path": path} if path else {}))

    def give_back(self, path: str, terminal: SimulatedMetaTrader5) -> None:
        """Its connection is over."""
        with self._lock:
            self._idle[path].append(terminal)


def path_of(args: tuple[Any, ...], keywords: dict[str, Any]) -> str:
    """The path in the arguments of `initialize`, empty when there is none."""
    path = keywords.get("path", args[0] if args else "")
    return path.partition("\0")[0] if isinstance(path, str) else ""  # C reads no further
