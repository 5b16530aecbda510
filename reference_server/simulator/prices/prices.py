"""Price sources: generated from a seed, replayed from a file of ticks, or moved by hand."""

import csv
from bisect import bisect_right
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from reference_server.simulator.clock import ServerTime
from reference_server.simulator.market.symbols import SymbolProfile
from reference_server.simulator.prices.path import Floats, Integers, PricePath

MS_PER_MINUTE = 60_000
NIGHT_FROM, NIGHT_UNTIL = 23 * 60 + 55, 15  # minutes of the server's day
BAR_SAMPLES_MS = np.array([0, 15_000, 30_000, 45_000, 59_750])


class PricePoint(NamedTuple):
    """Bid and ask from a moment on (UTC ms)."""

    time_ms: int
    bid: float
    ask: float


class PriceSource(Protocol):
    """Where a symbol's prices come from. Times are UTC milliseconds."""

    def opening(self, symbol: SymbolProfile, at_ms: int) -> PricePoint:
        """The price that stands when the broker starts."""
        ...

    def points(self, symbol: SymbolProfile, after_ms: int, until_ms: int, *, every_ms: int = 0) -> list[PricePoint]:
        """Price changes in (after, until], oldest first; with `every_ms` a source may leave some out."""
        ...

    def history(self, symbol: SymbolProfile, from_ms: int, until_ms: int, *, until_price: float) -> "MinuteBars":
        """Plausible minute bars in [from, until), which lead to `until_price`."""
        ...


class MinuteBars(NamedTuple):
    """Bars of one minute as columns: open time (UTC ms), prices, and number of ticks."""

    time_ms: Integers
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    ticks: Integers


def _bars(path: PricePath, symbol: SymbolProfile, from_ms: int, until_ms: int, factor: float) -> MinuteBars:
    minutes = np.arange(-(-from_ms // MS_PER_MINUTE), -(-until_ms // MS_PER_MINUTE), dtype=np.int64) * MS_PER_MINUTE
    times = (minutes[:, None] + BAR_SAMPLES_MS[None, :]).ravel()
    half_spread = symbol.spread_points * symbol.point / 2
    sampled = np.round(path.mid(times) * factor - half_spread, symbol.digits).reshape(-1, len(BAR_SAMPLES_MS))
    typical = MS_PER_MINUTE / symbol.tick_interval_ms
    ticks = (typical * (0.6 + 0.4 * path.chance(0, minutes // MS_PER_MINUTE))).astype(np.int64) + 1
    return MinuteBars(minutes, sampled[:, 0], sampled.max(axis=1), sampled.min(axis=1), sampled[:, -1], ticks)


class _Paths:
    """One path per symbol of a seed, made when first needed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._paths: dict[str, PricePath] = {}

    def of(self, symbol: SymbolProfile) -> PricePath:
        path = self._paths.get(symbol.name)
        if path is None:
            path = self._paths[symbol.name] = PricePath(
                self._seed,
                symbol.name,
                mid_price=symbol.mid_price,
                daily_volatility=symbol.daily_volatility,
                price_range=symbol.price_range,
            )
        return path

    def history(self, symbol: SymbolProfile, from_ms: int, until_ms: int, until_price: float) -> MinuteBars:
        path = self.of(symbol)
        end = float(path.mid(np.array([until_ms], dtype=np.int64))[0])
        factor = (until_price + symbol.spread_points * symbol.point / 2) / end
        return _bars(path, symbol, from_ms, until_ms, factor)


class GeneratedPrices:
    """Prices that move on their own, the same ones for the same seed and moment.

    The spread varies around the profile's; it is the night's from 23:55 to 00:15 of the server's clock.
    """

    def __init__(self, seed: int = 1, *, server_time: ServerTime | None = None) -> None:
        self._paths = _Paths(seed)
        self._server_time = server_time if server_time is not None else ServerTime()

    def opening(self, symbol: SymbolProfile, at_ms: int) -> PricePoint:
        """The generated price of that moment."""
        return self._quote(symbol, np.array([at_ms], dtype=np.int64))[0]

    def points(self, symbol: SymbolProfile, after_ms: int, until_ms: int, *, every_ms: int = 0) -> list[PricePoint]:
        """About one change per `tick_interval_ms`, at irregular moments; `every_ms` thins them out."""
        interval = max(symbol.tick_interval_ms, every_ms)
        slots = np.arange(after_ms // interval, until_ms // interval + 1, dtype=np.int64)
        path = self._paths.of(symbol)
        times = slots * interval + (path.chance(0, slots) * interval).astype(np.int64)
        chosen = (times > after_ms) & (times <= until_ms) & (path.chance(1, slots) < 0.9)
        return self._quote(symbol, times[chosen])

    def history(
        self,
        symbol: SymbolProfile,
        from_ms: int,
        until_ms: int,
        *,
        until_price: float,  # noqa: ARG002 - the path leads there by itself
    ) -> MinuteBars:
        """The same path, earlier."""
        return _bars(self._paths.of(symbol), symbol, from_ms, until_ms, 1.0)

    def _quote(self, symbol: SymbolProfile, times: Integers) -> list[PricePoint]:
        path = self._paths.of(symbol)
        point = symbol.point
        offset = self._server_time.offset_ms(int(times[0])) if len(times) else 0
        minutes = (times + offset) // MS_PER_MINUTE % 1440
        night = (minutes >= NIGHT_FROM) | (minutes < NIGHT_UNTIL)
        widening = 0.8 + 0.6 * path.chance(1, times)
        usual = np.where(night, symbol.night_spread_points, symbol.spread_points)
        spreads = np.maximum(np.round(usual * widening), 1) * point
        bids = np.round(path.mid(times) - symbol.spread_points * point / 2, symbol.digits)
        asks = np.round(bids + spreads, symbol.digits)
        return list(map(PricePoint, times.tolist(), bids.tolist(), asks.tolist()))


class ManualPrices:
    """Prices that stand still until the broker's `set_price` moves them."""

    def __init__(self, seed: int = 1) -> None:
        self._paths = _Paths(seed)

    def opening(self, symbol: SymbolProfile, at_ms: int) -> PricePoint:
        """The profile's mid price with its usual spread."""
        point = symbol.point
        bid = round(symbol.mid_price - symbol.spread_points // 2 * point, symbol.digits)
        return PricePoint(at_ms, bid, round(bid + symbol.spread_points * point, symbol.digits))

    def points(
        self,
        symbol: SymbolProfile,  # noqa: ARG002
        after_ms: int,  # noqa: ARG002
        until_ms: int,  # noqa: ARG002
        *,
        every_ms: int = 0,  # noqa: ARG002
    ) -> list[PricePoint]:
        """Never any."""
        return []

    def history(self, symbol: SymbolProfile, from_ms: int, until_ms: int, *, until_price: float) -> MinuteBars:
        """A generated path that ends at the present price."""
        return self._paths.history(symbol, from_ms, until_ms, until_price)


class ReplayedPrices:
    """Ticks of a CSV file with the columns time_ms (UTC), symbol, bid, ask. Symbols that are not in it stand still.

    `starting_ms` moves the file in time so that its first tick falls on that moment. Raises ValueError, naming the
    line, for a row that is malformed, out of order, or has a bid above its ask.
    """

    def __init__(self, path: Path, *, starting_ms: int | None = None, seed: int = 1) -> None:
        self._still = ManualPrices(seed)
        self._points: dict[str, list[PricePoint]] = {}
        shift: int | None = None if starting_ms is not None else 0
        with path.open(newline="", encoding="utf-8") as file:
            for line, row in enumerate(csv.DictReader(file), start=2):
                try:
                    time_ms, bid, ask = int(row["time_ms"]), float(row["bid"]), float(row["ask"])
                    name = row["symbol"]
                except (KeyError, TypeError, ValueError) as error:
                    raise ValueError(f"{path}, line {line}: not a tick (time_ms, symbol, bid, ask): {error}") from None
                if shift is None:
                    shift = (starting_ms or 0) - time_ms
                points = self._points.setdefault(name, [])
                if not 0 < bid <= ask:
                    raise ValueError(f"{path}, line {line}: bid {bid} and ask {ask} are no price")
                if points and points[-1].time_ms > time_ms + shift:
                    raise ValueError(f"{path}, line {line}: earlier than the tick of {name} before it")
                points.append(PricePoint(time_ms + shift, bid, ask))

    def opening(self, symbol: SymbolProfile, at_ms: int) -> PricePoint:
        """The last tick up to that moment, else the first of the file, else the profile's price."""
        points = self._points.get(symbol.name)
        if not points:
            return self._still.opening(symbol, at_ms)
        index = bisect_right(points, at_ms, key=lambda point: point.time_ms)
        return points[max(index - 1, 0)]._replace(time_ms=at_ms)

    def points(
        self,
        symbol: SymbolProfile,
        after_ms: int,
        until_ms: int,
        *,
        every_ms: int = 0,  # noqa: ARG002 - a replay leaves nothing out
    ) -> list[PricePoint]:
        """Every tick of the file in the interval."""
        points = self._points.get(symbol.name, [])
        first = bisect_right(points, after_ms, key=lambda point: point.time_ms)
        return points[first : bisect_right(points, until_ms, key=lambda point: point.time_ms)]

    def history(self, symbol: SymbolProfile, from_ms: int, until_ms: int, *, until_price: float) -> MinuteBars:
        """A generated path that ends at the file's first price."""
        return self._still.history(symbol, from_ms, until_ms, until_price=until_price)
