"""The simulated `MetaTrader5` module."""

from typing import TYPE_CHECKING, Any

from reference_server.simulator.broker import SimulatedBroker
from reference_server.simulator.calls.history import HistoryCalls
from reference_server.simulator.surface.constants import CONSTANTS
from reference_server.simulator.surface.structs import STRUCTS


class SimulatedMetaTrader5(HistoryCalls):
    """An object with the shape of the `MetaTrader5` module: its functions, constants and result types.

    One instance is one terminal, attached to one account at a time; several may share a broker.
    """

    __version__ = "5.0.6231"
    __author__ = "Tonpo simulated broker"

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, broker: SimulatedBroker | None = None, **options: Any) -> None:
        """Attach to a broker, or to one of its own. `path` is where the terminal claims to be installed."""
        super().__init__(broker if broker is not None else SimulatedBroker(), **options)
        vars(self).update(CONSTANTS)
        vars(self).update({struct.__name__: struct for struct in STRUCTS})
        self.broker.faults.attach(self)
