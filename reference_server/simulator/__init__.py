"""A simulated MetaTrader 5 terminal and the broker behind it, usable in the place of the `MetaTrader5` package."""

from reference_server.simulator.book.settings import AccountSettings
from reference_server.simulator.broker import SimulatedBroker
from reference_server.simulator.clock import Clock, ManualClock, ScaledClock, ServerTime, SystemClock
from reference_server.simulator.listing.symbols import SymbolProfile, load_symbols
from reference_server.simulator.module import SimulatedMetaTrader5
from reference_server.simulator.prices.generated import GeneratedPrices
from reference_server.simulator.prices.manual import ManualPrices
from reference_server.simulator.prices.replayed import ReplayedPrices
from reference_server.simulator.prices.source import PricePoint, PriceSource
from reference_server.simulator.prices.tick_file import TickFileUnusable
from reference_server.simulator.stand_in import install

__all__ = [
    "AccountSettings",
    "Clock",
    "GeneratedPrices",
    "ManualClock",
    "ManualPrices",
    "PricePoint",
    "PriceSource",
    "ReplayedPrices",
    "ScaledClock",
    "ServerTime",
    "SimulatedBroker",
    "SimulatedMetaTrader5",
    "SymbolProfile",
    "SystemClock",
    "TickFileUnusable",
    "install",
    "load_symbols",
]
