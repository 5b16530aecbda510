"""The official `MetaTrader5` package, where it is installed: a Windows Python, or one under Wine."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Final

from reference_server.terminals.adapter.module import MetaTrader5Module
from reference_server.usecases.ports import BrokerUnreachable

PACKAGE: Final = "MetaTrader5"


def is_package_installed() -> bool:
    """Whether this Python finds the package. It is not imported: that is for worker processes."""
    return importlib.util.find_spec(PACKAGE) is not None


def installed_module() -> MetaTrader5Module:
    """Import the package. Raises BrokerUnreachable when it cannot be imported."""
    try:
        module: MetaTrader5Module = importlib.import_module(PACKAGE)
    except Exception as failed:  # a binary package that does not fit raises what it likes
        raise BrokerUnreachable(f"The package {PACKAGE} cannot be imported here: {failed}") from failed
    return module
