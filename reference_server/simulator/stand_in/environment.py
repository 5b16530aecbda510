"""Which terminal a process gets that imports the stand-in: one of its own, or one that is served elsewhere."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from reference_server.simulator.broker import SimulatedBroker
from reference_server.simulator.module import SimulatedMetaTrader5

CONFIG: Final = "TONPO_SIMULATOR_CONFIG"
ADDRESS: Final = "TONPO_SIMULATOR_ADDRESS"
TOKEN: Final = "TONPO_SIMULATOR_TOKEN"  # noqa: S105 - a variable's name


class StandInMisconfigured(Exception):
    """The environment describes no simulator; the message says which variable is wrong."""


def terminal_from_environment(environment: Mapping[str, str]) -> SimulatedMetaTrader5:
    """The terminal of this process.

    TONPO_SIMULATOR_ADDRESS (with TONPO_SIMULATOR_TOKEN for a port) names a broker that `tonpo simulator serve` runs;
    TONPO_SIMULATOR_CONFIG a configuration file for a broker in this process; without either it is the default demo
    broker. Raises StandInMisconfigured.
    """
    address, config = environment.get(ADDRESS, ""), environment.get(CONFIG, "")
    if address and config:
        raise StandInMisconfigured(f"{ADDRESS} and {CONFIG} are both set: a served broker has its own configuration")
    if address:
        return _served(address, environment.get(TOKEN, ""))
    if config:
        return SimulatedMetaTrader5(_configured(Path(config)))
    return SimulatedMetaTrader5()


def _served(address: str, token: str) -> SimulatedMetaTrader5:
    from reference_server.simulator.pipe.address import AddressUnusable
    from reference_server.simulator.pipe.client import RemoteMetaTrader5

    try:
        return RemoteMetaTrader5(address, token=token)
    except AddressUnusable as unusable:
        raise StandInMisconfigured(f"{ADDRESS}: {unusable}") from None


def _configured(path: Path) -> SimulatedBroker:
    from reference_server.simulator.config import ConfigError, load_config

    try:
        return load_config(path).build()
    except ConfigError as unusable:
        raise StandInMisconfigured(f"{CONFIG}: {unusable}") from None
