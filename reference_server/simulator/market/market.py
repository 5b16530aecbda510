"""The market: every symbol's quote, brought forward to the present moment tick by tick."""

from collections.abc import Callable, Iterable, Iterator
from heapq import heapify, heapreplace
from itertools import chain
from typing import Any

from reference_server.simulator.clock import Clock, ServerTime
from reference_server.simulator.listing.calendar import Calendar
from reference_server.simulator.listing.symbols import SymbolProfile, by_name
from reference_server.simulator.market.quotes import Quote
from reference_server.simulator.prices.columns import PricePoint
from reference_server.simulator.prices.source import PriceSource

BLOCK_MS = 60_000
MS_PER_DAY = 86_400_000
STAGGER_MS = 7_919  # symbols fetch their next block at different moments, a prime number of ms apart
FULL_DETAIL_MS = 120_000
CATCH_UP_LIMIT_MS = 7 * 86_400_000
HIGHEST_PRICE = 1e12
EVERY_MINUTE_MS, EVERY_FIVE_MINUTES_MS = 60_000, 300_000

Row = tuple[Any, ...]
"""Time, bid, ask, and perhaps last, volume and flags: a `PricePoint` or as much of one."""


class _Feed:
    """The ticks of one symbol that were fetched from the source and are still ahead."""

    __slots__ = ("horizon_ms", "quote", "row", "rows")

    def __init__(self, quote: Quote, horizon_ms: int) -> None:
        self.quote = quote
        self.horizon_ms = horizon_ms
        self.rows: Iterator[Row] = iter(())
        self.row: Row | None = None

    def due_ms(self) -> int:
        return self.horizon_ms + 1 if self.row is None else int(self.row[0])

    def fetch(self, source: PriceSource, until_ms: int) -> None:
        self.rows = source.ticks(self.quote.profile, self.horizon_ms + 1, until_ms + 1).rows()
        self.row = next(self.rows, None)
        self.horizon_ms = until_ms

    def catch_up(self, source: PriceSource, until_ms: int, every_ms: int) -> None:
        profile, start_ms = self.quote.profile, self.horizon_ms
        ticks = source.ticks(profile, start_ms + 1, until_ms + 1, every_ms=every_ms)
        newest = source.opening(profile, until_ms)
        is_left_out = newest.time_ms > max(start_ms, *ticks.time_ms[-1:].tolist(), 0)
        self.rows = chain(ticks.rows(), (newest,) if is_left_out else ())
        self.row = next(self.rows, None)
        self.horizon_ms = until_ms


def _put(quote: Quote, time_ms: int, row: Row) -> None:
    if len(row) == 3:
        if quote.last:
            quote.put_deal(time_ms, row[1], row[2], quote.last)
        else:
            quote.put(time_ms, row[1], row[2])
    elif row[3] or quote.last:
        quote.put_deal(time_ms, row[1], row[2], row[3] or quote.last, row[4], row[5])
    else:
        quote.put(time_ms, row[1], row[2])


class Market:
    """All quotes of one broker. Nothing happens between calls: `advance` plays what the clock has passed.

    After a silence longer than two minutes the older part is played in less detail (the open, high, low and close of
    each minute, or after more than a day of five minutes), and not more than the last seven days.
    """

    def __init__(
        self,
        symbols: Iterable[SymbolProfile],
        source: PriceSource,
        clock: Clock,
        server_time: ServerTime,
        *,
        always_open: bool,
    ) -> None:
        self.symbols = by_name(symbols)
        self.source = source
        self.clock = clock
        self.server_time = server_time
        self.always_open = always_open
        self.calendar = Calendar(server_time, always_open=always_open)
        source.follow(self.symbols, self.calendar)
        self.on_tick: Callable[[Quote], None] | None = None
        self.ticks = 0  # played so far; prices stand still while it does
        self.utc_ms = self.started_ms = clock.now_ms()
        self.now_ms = server_time.server_ms(self.utc_ms)
        self.quotes: dict[str, Quote] = {}
        self.openings: dict[str, PricePoint] = {}
        self._held: set[str] = set()
        self._moved: set[str] = set()
        for symbol in self.symbols.values():
            self._open(symbol)
        self._restart_feeds()

    def _open(self, symbol: SymbolProfile, saved: tuple[float, float] | None = None) -> None:
        """Begin a quote with the minute that is forming, and with the price that was saved if it is another one."""
        source, server_ms = self.source, self.server_time.server_ms
        if source.repeats(symbol):
            before_ms = self.utc_ms - self.utc_ms % BLOCK_MS - 1
            point = source.opening(symbol, before_ms)
            quote = Quote(symbol, server_ms(point.time_ms), point.bid, point.ask, point.last)
            quote.start_over(server_ms(before_ms))
            self._begin_day(quote, before_ms + 1, point)
            for row in source.ticks(symbol, before_ms + 1, self.utc_ms + 1).rows():
                _put(quote, server_ms(row[0]), row)
            if saved is not None and saved != (quote.bid, quote.ask):
                _put(quote, self.now_ms, PricePoint(self.utc_ms, *saved))
        else:
            point = source.opening(symbol, self.utc_ms)
            point = point if saved is None else PricePoint(self.utc_ms, *saved)
            quote = Quote(symbol, self.now_ms, point.bid, point.ask, point.last)
        self.quotes[symbol.name] = quote
        self.openings[symbol.name] = point

    def _begin_day(self, quote: Quote, until_ms: int, anchor: PricePoint) -> None:
        """Take the prices of the day that is under way as they were up to a moment."""
        server_ms = self.server_time.server_ms(until_ms)
        begun_ms = until_ms - server_ms % MS_PER_DAY
        bars = self.source.history(quote.profile, begun_ms, until_ms, anchor=anchor)
        if len(bars.time_ms) and not quote.by_last:
            asks = bars.spread * quote.point
            lowest, highest = (bars.low + asks).min(), (bars.high + asks).max()
            digits = quote.profile.digits
            quote.begin_day(
                server_ms // MS_PER_DAY, float(bars.open[0]), (float(bars.low.min()), float(bars.high.max())),
                (round(float(lowest), digits), round(float(highest), digits)),
            )  # fmt: skip

    def _restart_feeds(self) -> None:
        self._feeds = [_Feed(quote, self.utc_ms) for quote in self.quotes.values()]
        self._heap = [(feed.due_ms(), index) for index, feed in enumerate(self._feeds)]
        heapify(self._heap)

    def is_open(self, symbol: SymbolProfile) -> bool:
        """Whether the symbol trades now."""
        return self.always_open or symbol.is_open(self.now_ms)

    def advance(self) -> int:
        """Play every tick up to the clock's present moment; returns the server's clock."""
        utc_ms = self.clock.now_ms()
        if utc_ms <= self.utc_ms:
            return self.now_ms
        heap = self._heap
        if heap and heap[0][0] <= utc_ms:
            if utc_ms - self.utc_ms > FULL_DETAIL_MS:
                self._catch_up(utc_ms - FULL_DETAIL_MS)
            self._play(utc_ms)
        self.utc_ms = utc_ms
        self.now_ms = self.server_time.server_ms(utc_ms)
        return self.now_ms

    def resume_from(self, utc_ms: int, prices: dict[str, tuple[float, float]]) -> None:
        """Continue at an earlier moment with the prices that stood then, so that what was missed is played."""
        self.utc_ms = min(utc_ms, self.utc_ms)
        self.now_ms = self.server_time.server_ms(self.utc_ms)
        for name, (bid, ask) in prices.items():
            if name in self.symbols:
                self._open(self.symbols[name], (bid, ask))
        self._restart_feeds()

    def set_price(
        self, name: str, bid: float, ask: float, *, last: float = 0.0, volume: float = 0.0, flags: int = 0
    ) -> None:
        """Move a symbol by hand; from then on it moves in no other way. Raises KeyError, ValueError.

        `last` is the price of a deal. Without one that of a symbol charted by deals is the old one, kept between bid
        and ask.
        """
        quote = self.quotes[name]
        if not 0 < bid <= ask <= HIGHEST_PRICE:
            raise ValueError(f"bid {bid} and ask {ask} of {name} are no price")
        if last < 0 or volume < 0:
            raise ValueError(f"last {last} and volume {volume} of {name} are no deal")
        self.advance()
        self._held.add(name)
        self._moved.add(name)
        if quote.by_last and not last:
            last = min(max(quote.last, bid), ask)
        self._tick(quote, PricePoint(self.utc_ms, bid, ask, last, volume, flags))

    def release(self, name: str) -> None:
        """Let a symbol that was moved by hand follow its price source again."""
        self._held.discard(name)

    def _tick(self, quote: Quote, row: Row) -> None:
        utc_ms = row[0]
        self.now_ms = time_ms = utc_ms + self.server_time.offset_ms(utc_ms)
        _put(quote, time_ms, row)
        self.ticks += 1
        if self.on_tick is not None:
            self.on_tick(quote)

    def _play(self, until_ms: int) -> None:
        heap, feeds, held = self._heap, self._feeds, self._held
        while heap and heap[0][0] <= until_ms:
            due_ms, index = heap[0]
            feed = feeds[index]
            row = feed.row
            if row is not None:
                feed.row = next(feed.rows, None)
                if feed.quote.profile.name not in held:
                    self._tick(feed.quote, row)
            else:
                feed.fetch(self.source, self._block_end(due_ms, index))
            heapreplace(heap, (feed.due_ms(), index))

    def _block_end(self, from_ms: int, index: int) -> int:
        """The end of the block that begins at a moment; not at the same moment for every symbol."""
        stagger = index * STAGGER_MS % BLOCK_MS
        return (from_ms - stagger) // BLOCK_MS * BLOCK_MS + BLOCK_MS - 1 + stagger

    def _catch_up(self, until_ms: int) -> None:
        start_ms = max(self.utc_ms, until_ms - CATCH_UP_LIMIT_MS)
        every_ms = EVERY_MINUTE_MS if until_ms - start_ms <= 86_400_000 else EVERY_FIVE_MINUTES_MS
        for feed in self._feeds:
            feed.horizon_ms = start_ms
            feed.catch_up(self.source, until_ms, every_ms)
        self._heap = [(feed.due_ms(), index) for index, feed in enumerate(self._feeds)]
        heapify(self._heap)
        self._play(until_ms)
        server_ms = self.server_time.server_ms(until_ms)
        for quote in self.quotes.values():
            if quote.profile.name not in self._moved and self.source.repeats(quote.profile):
                quote.start_over(server_ms)
