"""The simulated terminal under the name of the official package, as a module."""  # noqa: N999 - the package's own name

from typing import Any

from reference_server.simulator import SimulatedMetaTrader5

_TERMINAL = SimulatedMetaTrader5()
globals().update({name: getattr(_TERMINAL, name) for name in dir(_TERMINAL) if not name.startswith("_")})


def __getattr__(name: str) -> Any:
    return getattr(_TERMINAL, name)
