"""When symbols trade: the server's clock and the sessions, for single moments and for whole columns of minutes."""

import numpy as np

from reference_server.simulator.arrays import Floats, Integers
from reference_server.simulator.clock import MS_PER_MINUTE, ServerTime
from reference_server.simulator.listing.symbols import MINUTES_PER_DAY, SymbolProfile

MINUTES_PER_WEEK = 7 * MINUTES_PER_DAY
EPOCH_MINUTE = 3 * MINUTES_PER_DAY  # minutes from Monday to the epoch, which was a Thursday


class Calendar:
    """The trading hours of a broker. With `always_open` nothing ever closes."""

    def __init__(self, server_time: ServerTime | None = None, *, always_open: bool = True) -> None:
        self.server_time = server_time if server_time is not None else ServerTime()
        self.always_open = always_open

    def week_minutes(self, minutes: Integers) -> Integers:
        """Minutes since the Monday of the week of the epoch by the server's clock, from minutes of UTC."""
        offsets = self.server_time.offsets_ms(minutes * MS_PER_MINUTE)
        counted: Integers = minutes + offsets // MS_PER_MINUTE + EPOCH_MINUTE
        return counted

    def is_trading(self, symbol: SymbolProfile, week_minutes: Integers) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """For each minute given by `week_minutes`, whether the symbol trades."""
        if self.always_open:
            return np.ones(len(week_minutes), dtype=np.bool_)
        return open_minutes(symbol)[week_minutes % MINUTES_PER_WEEK]


def open_minutes(symbol: SymbolProfile) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """One flag for each minute of the server's week, which begins on Monday."""
    flags = np.zeros(MINUTES_PER_WEEK, dtype=np.bool_)
    for day, spans in symbol.sessions.items():
        for start, end in spans:
            flags[day * MINUTES_PER_DAY + start : day * MINUTES_PER_DAY + end] = True
    return flags


def rests_on_weekends(symbol: SymbolProfile) -> bool:
    """Whether the symbol trades neither on Saturdays nor on Sundays."""
    return not (symbol.sessions.get(5) or symbol.sessions.get(6))


def running_total(weights: Floats) -> Floats:
    """What has passed before each element, and at the end all of it."""
    return np.concatenate((np.zeros(1), np.cumsum(weights)))
