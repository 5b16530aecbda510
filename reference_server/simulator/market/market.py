"""The market: every symbol's quote, brought forward to the present moment tick by tick."""

from collections.abc import Callable, Iterable
from heapq import heapify, heapreplace

from reference_server.simulator.clock import Clock, ServerTime
from reference_server.simulator.market.quotes import Quote
from reference_server.simulator.market.symbols import SymbolProfile, by_name
from reference_server.simulator.prices.prices import PricePoint, PriceSource

BLOCK_MS = 60_000
FULL_DETAIL_MS = 120_000
CATCH_UP_LIMIT_MS = 7 * 86_400_000


class _Feed:
    """The ticks of one symbol that were fetched from the source and are still ahead."""

    __slots__ = ("horizon_ms", "points", "quote")

    def __init__(self, quote: Quote, horizon_ms: int) -> None:
        self.quote = quote
        self.horizon_ms = horizon_ms
        self.points: list[PricePoint] = []

    def due_ms(self) -> int:
        return self.points[-1].time_ms if self.points else self.horizon_ms

    def fetch(self, source: PriceSource, until_ms: int, *, every_ms: int = 0) -> None:
        self.points = source.points(self.quote.profile, self.horizon_ms, until_ms, every_ms=every_ms)[::-1]
        self.horizon_ms = until_ms


class Market:
    """All quotes of one broker. Nothing happens between calls: `advance` plays what the clock has passed.

    After a silence longer than two minutes the older part is played in less detail (one tick per symbol in about five
    seconds, or in five minutes after more than a day), and not more than the last seven days.
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
        self.on_tick: Callable[[Quote], None] | None = None
        self.utc_ms = self.started_ms = clock.now_ms()
        self.now_ms = server_time.server_ms(self.utc_ms)
        self.quotes: dict[str, Quote] = {}
        self.opening_bids: dict[str, float] = {}
        for symbol in self.symbols.values():
            opening = source.opening(symbol, self.utc_ms)
            self.quotes[symbol.name] = Quote(symbol, self.now_ms, opening.bid, opening.ask)
            self.opening_bids[symbol.name] = opening.bid
        self._held: set[str] = set()
        self._restart_feeds()

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
                self.quotes[name] = Quote(self.symbols[name], self.now_ms, bid, ask)
                self.opening_bids[name] = bid
        self._restart_feeds()

    def set_price(self, name: str, bid: float, ask: float) -> None:
        """Move a symbol by hand; from then on it moves in no other way. Raises KeyError, ValueError."""
        quote = self.quotes[name]
        if not 0 < bid <= ask:
            raise ValueError(f"bid {bid} and ask {ask} of {name} are no price")
        self.advance()
        self._held.add(name)
        self._tick(quote, self.utc_ms, bid, ask)

    def release(self, name: str) -> None:
        """Let a symbol that was moved by hand follow its price source again."""
        self._held.discard(name)

    def _tick(self, quote: Quote, utc_ms: int, bid: float, ask: float) -> None:
        self.now_ms = time_ms = utc_ms + self.server_time.offset_ms(utc_ms)
        quote.put(time_ms, bid, ask)
        if self.on_tick is not None:
            self.on_tick(quote)

    def _play(self, until_ms: int) -> None:
        heap, feeds = self._heap, self._feeds
        while heap and heap[0][0] <= until_ms:
            due_ms, index = heap[0]
            feed = feeds[index]
            name = feed.quote.profile.name
            if feed.points:
                point = feed.points.pop()
                if name not in self._held:
                    self._point(feed.quote, point)
            else:
                feed.fetch(self.source, max(due_ms, feed.horizon_ms) + BLOCK_MS)
            heapreplace(heap, (feed.due_ms(), index))

    def _point(self, quote: Quote, point: PricePoint) -> None:
        if not self.always_open:
            server_ms = self.server_time.server_ms(point.time_ms)
            if not quote.profile.is_open(server_ms):
                return
        self._tick(quote, point.time_ms, point.bid, point.ask)

    def _catch_up(self, until_ms: int) -> None:
        start_ms = max(self.utc_ms, until_ms - CATCH_UP_LIMIT_MS)
        every_ms = 5_000 if until_ms - start_ms <= 86_400_000 else 300_000
        for feed in self._feeds:
            feed.horizon_ms = start_ms
            feed.fetch(self.source, until_ms, every_ms=every_ms)
        self._heap = [(feed.due_ms(), index) for index, feed in enumerate(self._feeds)]
        heapify(self._heap)
        self._play(until_ms)
