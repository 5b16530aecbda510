"""The simulated `MetaTrader5` module."""

from typing import TYPE_CHECKING, Any

from reference_server.simulator.broker import SimulatedBroker
from reference_server.simulator.calls.shortcuts import ShortcutCalls
from reference_server.simulator.surface.constants import CONSTANTS, FUNCTIONS
from reference_server.simulator.surface.structs import STRUCTS

_TYPES = {struct.__name__: struct for struct in STRUCTS}
_NAMES = (*CONSTANTS, *_TYPES, *FUNCTIONS, "__author__", "__doc__", "__name__", "__package__", "__version__")


class SimulatedMetaTrader5(ShortcutCalls):
    """An object with the shape of the `MetaTrader5` module: its functions, constants and result types.

    One instance is one terminal, attached to one account at a time; several may share a broker.
    """

    __name__ = __package__ = "MetaTrader5"
    __version__ = "5.0.6231"
    __author__ = "Tonpo simulated broker"

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...  # at run time it would slow every attribute down

    def __init__(self, broker: SimulatedBroker | None = None, **options: Any) -> None:
        """Attach to a broker, or to one of its own. `path` is where the terminal claims to be installed.

        `installed` limits the paths at which `initialize` finds a terminal; empty, there is none. `watched` names the
        symbols that Market Watch shows at first, where it shall not be all.
        """
        super().__init__(broker if broker is not None else SimulatedBroker(), **options)
        vars(self).update(CONSTANTS)
        vars(self).update(_TYPES)
        self.broker.faults.attach(self)

    def __dir__(self) -> list[str]:
        """The names that the genuine module has."""
        return sorted(_NAMES)
