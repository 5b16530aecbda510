"""Prices that move on their own, the same ones for the same seed and moment."""

from collections.abc import Mapping
from random import Random

import numpy as np

from reference_server.simulator.listing.calendar import Calendar
from reference_server.simulator.listing.symbols import SymbolProfile
from reference_server.simulator.prices.columns import (
    MS_PER_MINUTE,
    MinuteBars,
    PricePoint,
    TickColumns,
    joined,
    picked,
    thinned,
)
from reference_server.simulator.prices.minutes import MidPrices, MinuteMaker, Minutes
from reference_server.simulator.prices.path import PricePath
from reference_server.simulator.prices.rhythm import Rhythm
from reference_server.simulator.prices.tape import ticks_of

CHUNK_MINUTES = 1440
LOOK_BACK_MINUTES = (2, 60, 5 * 1440, 30 * 1440)


class _Maker:
    """What is kept of one symbol: how to make its minutes, and the ticks of the newest one."""

    __slots__ = ("made", "mids", "minutes", "newest", "path", "symbol")

    def __init__(self, symbol: SymbolProfile, mids: MidPrices) -> None:
        self.symbol = symbol
        self.mids = mids
        self.path = mids.path
        self.minutes = MinuteMaker(symbol, mids)
        self.newest = -1
        self.made: TickColumns | None = None

    def ticks(self, made: Minutes, *, only_corners: bool = False) -> TickColumns:
        """The ticks of some minutes."""
        maker = self.minutes
        return ticks_of(made, self.path, maker.grid, has_deals=maker.has_deals, only_corners=only_corners)

    def minute(self, minute: int) -> TickColumns:
        """The ticks of one minute; those of the last one asked for are kept."""
        if self.made is None or self.newest != minute:
            self.made = self.ticks(self.minutes.make(minute, minute + 1))
            self.newest = minute
        return self.made

    def bars(self, from_ms: int, until_ms: int, factor: float = 1.0) -> MinuteBars:
        """Bars of the minutes that begin in [from, until)."""
        maker = self.minutes
        grid = maker.grid
        made = maker.make(-(-from_ms // MS_PER_MINUTE), -(-until_ms // MS_PER_MINUTE), factor)
        return MinuteBars(
            made.minute * MS_PER_MINUTE,
            grid.prices(made.open),
            grid.prices(made.high),
            grid.prices(made.low),
            grid.prices(made.close),
            made.ticks,
            (made.spread * grid.points_per_step).astype(np.int64),
            (made.ticks * made.lot).astype(np.float64) if maker.has_deals else None,
        )


class GeneratedPrices:
    """A market from a seed, which needs no memory: every minute is a function of the seed and its time.

    Bars are made first, minute by minute, and ticks to fit them, so that both agree at any depth and a year of bars
    costs no ticks. A symbol that is the cross of two others follows their prices, if both are listed.

    Where markets close, prices stand still while they do, weeks begin with a gap, the day has busy and quiet hours, and
    news widen the spread for some minutes. A market that never closes keeps one pace. In both, the spread is the
    profile's for the night from 23:55 to 00:15 of the server's clock.
    """

    def __init__(self, seed: int = 1) -> None:
        self._seed = seed
        self._symbols: Mapping[str, SymbolProfile] = {}
        self._calendar = Calendar()
        self._makers: dict[str, _Maker] = {}
        random = Random(seed)  # noqa: S311 - prices, not secrets
        self._news_key, self._gap_key = random.getrandbits(64), random.getrandbits(64)

    def follow(self, symbols: Mapping[str, SymbolProfile], calendar: Calendar) -> None:
        """Learn what is listed and when it trades. Raises ValueError for a cross that is made of itself."""
        for symbol in symbols.values():
            _refuse_circle(symbols, symbol)
        self._symbols = symbols
        self._calendar = calendar
        self._makers.clear()

    def repeats(self, symbol: SymbolProfile) -> bool:  # noqa: ARG002 - of any symbol
        """Always: nothing is forgotten."""
        return True

    def opening(self, symbol: SymbolProfile, at_ms: int) -> PricePoint:
        """The last tick up to that moment."""
        maker = self._maker(symbol)
        minute = at_ms // MS_PER_MINUTE
        for back in LOOK_BACK_MINUTES:
            made = maker.minutes.make(minute - back + 1, minute + 1)
            for place in range(len(made.minute) - 1, -1, -1):
                one = picked(made, slice(place, place + 1))
                ticks = maker.ticks(one).cut(0, at_ms + 1)
                if len(ticks.time_ms):
                    return picked(ticks, slice(-1, None)).points()[0]
        price = symbol.mid_price
        return PricePoint(at_ms, price, round(price + symbol.spread_points * symbol.point, symbol.digits))

    def ticks(self, symbol: SymbolProfile, from_ms: int, until_ms: int, *, every_ms: int = 0) -> TickColumns:
        """Every tick in [from, until), or with `every_ms` those where bars of so many minutes open, turn and close."""
        if every_ms:
            return self._thinned(symbol, from_ms, until_ms, every_ms)
        maker = self._maker(symbol)
        first, end = from_ms // MS_PER_MINUTE, -(-until_ms // MS_PER_MINUTE)
        if 1 <= end - first <= 2:
            return joined([maker.minute(minute).cut(from_ms, until_ms) for minute in range(first, end)])
        return maker.ticks(maker.minutes.make(first, end)).cut(from_ms, until_ms)

    def history(
        self,
        symbol: SymbolProfile,
        from_ms: int,
        until_ms: int,
        *,
        anchor: PricePoint,  # noqa: ARG002 - what is generated leads there by itself
    ) -> MinuteBars:
        """The bars that the ticks of that time make."""
        return self._maker(symbol).bars(from_ms, until_ms)

    def leading_to(self, symbol: SymbolProfile, from_ms: int, until_ms: int, anchor: PricePoint) -> MinuteBars:
        """Bars of a past that ends at `anchor`, which this source knows nothing of."""
        maker = self._maker(symbol)
        at_minute = anchor.time_ms // MS_PER_MINUTE
        middle = (anchor.bid + anchor.ask) / 2
        return maker.bars(from_ms, min(until_ms, at_minute * MS_PER_MINUTE), middle / maker.minutes.mid(at_minute))

    def _thinned(self, symbol: SymbolProfile, from_ms: int, until_ms: int, every_ms: int) -> TickColumns:
        first, last = -(-from_ms // MS_PER_MINUTE), until_ms // MS_PER_MINUTE
        if last <= first:
            return self.ticks(symbol, from_ms, until_ms)
        maker = self._maker(symbol)
        corners = maker.ticks(maker.minutes.make(first, last), only_corners=True)
        if every_ms > MS_PER_MINUTE:
            corners = thinned(corners, every_ms)
        begun = self.ticks(symbol, from_ms, first * MS_PER_MINUTE)
        unfinished = self.ticks(symbol, last * MS_PER_MINUTE, until_ms)
        return joined([begun, corners, unfinished])

    def _maker(self, symbol: SymbolProfile) -> _Maker:
        maker = self._makers.get(symbol.name)
        if maker is None or maker.symbol is not symbol:
            maker = self._makers[symbol.name] = _Maker(symbol, self._mids(symbol))
        return maker

    def _mids(self, symbol: SymbolProfile) -> MidPrices:
        volatility, width = symbol.daily_volatility, symbol.price_range
        path = PricePath(self._seed, symbol.name, daily_volatility=volatility, price_range=width)
        mids = MidPrices(symbol, path, Rhythm(symbol, self._calendar, self._news_key, self._gap_key))
        legs = symbol.cross_of
        if legs is not None and all(name in self._symbols for name in legs):
            one, other = (self._symbols[name] for name in legs)
            power = 1.0 if one.currency_profit == other.currency_base else -1.0
            mids.cross(self._maker(one).mids, self._maker(other).mids, power)
        return mids


def _refuse_circle(symbols: Mapping[str, SymbolProfile], symbol: SymbolProfile) -> None:
    legs = list(symbol.cross_of or ())
    seen = set()
    while legs:
        name = legs.pop()
        if name == symbol.name:
            raise ValueError(f"symbol {name!r}: cross_of leads back to itself")
        if name in symbols and name not in seen:
            seen.add(name)
            legs += symbols[name].cross_of or ()
