"""What a source of prices has to give."""

from collections.abc import Mapping
from typing import Protocol

from reference_server.simulator.listing.calendar import Calendar
from reference_server.simulator.listing.symbols import SymbolProfile
from reference_server.simulator.prices.columns import MinuteBars, TickColumns
from reference_server.simulator.prices.columns import PricePoint as PricePoint


class PriceSource(Protocol):
    """Where a symbol's prices come from. Times are UTC milliseconds.

    A source gives no tick and no bar where the calendar says that the symbol does not trade.
    """

    def follow(self, symbols: Mapping[str, SymbolProfile], calendar: Calendar) -> None:
        """Learn what is listed and when it trades; called once, before anything else."""
        ...

    def repeats(self, symbol: SymbolProfile) -> bool:
        """Whether the symbol's past ticks and bars can be asked for again at any time."""
        ...

    def opening(self, symbol: SymbolProfile, at_ms: int) -> PricePoint:
        """The last price up to that moment."""
        ...

    def ticks(self, symbol: SymbolProfile, from_ms: int, until_ms: int, *, every_ms: int = 0) -> TickColumns:
        """Ticks in [from, until); with `every_ms` only the first, last, highest and lowest of each such interval."""
        ...

    def history(self, symbol: SymbolProfile, from_ms: int, until_ms: int, *, anchor: PricePoint) -> MinuteBars:
        """Bars of the minutes that begin in [from, until); before all that is known, ones that lead to `anchor`."""
        ...
