"""The module object named `MetaTrader5`: a real one, filled with the functions of one terminal."""

import os
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from reference_server.simulator.calls.shortcuts import DEVIATION
from reference_server.simulator.module import SimulatedMetaTrader5
from reference_server.simulator.pipe.client import FORWARDED
from reference_server.simulator.stand_in.environment import terminal_from_environment
from reference_server.simulator.surface.constants import CONSTANTS
from reference_server.simulator.surface.structs import STRUCTS

NAME: Final = "MetaTrader5"
CORE: Final = "_core"
FUNCTIONS: Final = (*FORWARDED, "last_error")
SHORTCUTS: Final = ("Buy", "Sell", "Close")
_SITE: Final = Path(__file__).with_name("site")


class GenuinePackageImported(Exception):
    """Another package named `MetaTrader5` is already imported in this process."""


def site_folder() -> Path:
    """The folder to put on PYTHONPATH: it holds a package `MetaTrader5` and its metadata."""
    return _SITE


def install(terminal: SimulatedMetaTrader5 | None = None) -> ModuleType:
    """Make `import MetaTrader5` find a simulated terminal in this process from now on, and return that module.

    Without a `terminal` the environment says which (see `terminal_from_environment`). A second call gives the module
    another terminal: what was imported from it by name before keeps the old one. Raises GenuinePackageImported,
    StandInMisconfigured.
    """
    present = sys.modules.get(NAME)
    if present is not None and not _is_stand_in(present):
        raise GenuinePackageImported(
            f"{NAME} is already imported from {getattr(present, '__file__', None) or 'elsewhere'}: "
            "call install() before anything imports it"
        )
    if terminal is None:
        terminal = terminal_from_environment(os.environ)
    module = present if present is not None else _empty_module()
    fill(module, terminal)
    sys.modules[NAME] = module
    if str(_SITE) not in sys.path:
        sys.path.insert(0, str(_SITE))  # for its metadata, and for the processes that this one starts
    return module


def _is_stand_in(module: ModuleType) -> bool:
    return str(getattr(module, "__file__", "")).startswith(str(_SITE))


def _empty_module() -> ModuleType:
    package = _SITE / NAME
    spec = spec_from_file_location(NAME, package / "__init__.py", submodule_search_locations=[str(package)])
    assert spec is not None
    return module_from_spec(spec)


class Function:
    """A function of the module, as the terminal has it at the moment of the call: faults come and go there.

    Like a built-in of the genuine package, and unlike a Python function, it takes no `self` as a class's attribute.
    """

    def __init__(self, terminal: SimulatedMetaTrader5, name: str) -> None:
        self.__name__ = self.__qualname__ = name
        self.__module__ = f"{NAME}.{CORE}"
        self.__doc__ = getattr(terminal, name).__doc__
        self._terminal = terminal

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        return getattr(self._terminal, self.__name__)(*args, **keywords)

    def __repr__(self) -> str:
        return f"<simulated function {self.__name__}>"


def fill(module: ModuleType, terminal: SimulatedMetaTrader5) -> None:
    """Give a module the genuine package's names; its functions are the terminal's."""
    structs = {struct.__name__: struct for struct in STRUCTS}
    names = {**structs, **{name: Function(terminal, name) for name in FUNCTIONS}}
    core = ModuleType(f"{NAME}.{CORE}", "The functions and record types of the package.")
    vars(core).update(names)
    vars(module).update({**names, **CONSTANTS, CORE: core, "_RawOrder": _raw_order(terminal)})
    vars(module).update({name: getattr(terminal, name) for name in SHORTCUTS})
    vars(module).update(
        __doc__=type(terminal).__doc__, __version__=terminal.__version__, __author__=terminal.__author__
    )
    sys.modules[core.__name__] = core


def _raw_order(terminal: SimulatedMetaTrader5) -> Callable[..., Any]:
    """A market order at a price; not for users, and yet published programs take it from the genuine package."""

    def _RawOrder(  # noqa: N802 - the package's name
        order_type: Any, symbol: Any, volume: Any, price: Any, comment: Any = None, ticket: Any = None
    ) -> Any:
        request = {
            "action": CONSTANTS["TRADE_ACTION_DEAL"], "symbol": symbol, "volume": volume, "type": order_type,
            "price": price, "deviation": DEVIATION,
        }  # fmt: skip
        extra = {"comment": comment, "position": ticket}
        return terminal.order_send(request | {name: value for name, value in extra.items() if value is not None})

    return _RawOrder
