"""Making `import MetaTrader5` find the simulated terminal, for code that was written for the genuine package."""

from reference_server.simulator.stand_in.environment import StandInMisconfigured, terminal_from_environment
from reference_server.simulator.stand_in.module import GenuinePackageImported, install, site_folder

__all__ = [
    "GenuinePackageImported",
    "StandInMisconfigured",
    "install",
    "site_folder",
    "terminal_from_environment",
]
