"""The live price of one symbol: its last tick, its recent ticks, its minute bars since the start."""

from collections import deque
from typing import NamedTuple

from reference_server.simulator.listing.symbols import SymbolProfile
from reference_server.simulator.market.tail import TICKS_KEPT, Tail, TickRow
from reference_server.simulator.surface.constants import CONSTANTS
from reference_server.simulator.surface.structs import Struct, Tick
from reference_server.simulator.surface.tick_flags import (
    ASK,
    ASK_ONLY,
    BID,
    BID_ONLY,
    BOTH_SIDES,
    LAST,
    SAYS_CHANGES,
    VOLUME,
)

MINUTES_KEPT = 20_160  # two weeks
CHART_LAST = CONSTANTS["SYMBOL_CHART_MODE_LAST"]


class MinuteBar(NamedTuple):
    """One minute of bids, or of deals. `time_ms` is the open time by the server's clock, `spread` in points."""

    time_ms: int
    open: float
    high: float
    low: float
    close: float
    ticks: int
    spread: int
    volume: float


class Quote:
    """What a symbol costs now. Times are the server's clock.

    `minutes` and the minute that is forming hold every tick from `bars_from_ms` on, `recent` holds every tick from
    `ticks_from_ms` on as far as it reaches; what was before is known to the source of the prices.
    """

    __slots__ = (
        "ask", "ask_high", "ask_low", "bars_from_ms", "bid", "bid_high", "bid_low", "by_last", "day", "day_open",
        "last", "made", "minute", "minutes", "newest", "point", "profile", "recent", "tail", "ticks_from_ms",
        "time_ms",
    )  # fmt: skip

    def __init__(self, profile: SymbolProfile, time_ms: int, bid: float, ask: float, last: float = 0.0) -> None:
        self.profile = profile
        self.point = profile.point
        self.by_last = profile.chart_mode == CHART_LAST
        self.recent: deque[TickRow] = deque(maxlen=TICKS_KEPT)
        self.made: Struct | None = None
        self.tail = Tail()
        self.minutes: deque[MinuteBar] = deque(maxlen=MINUTES_KEPT)
        self.minute: list[float] = []
        self.bid = self.ask = self.last = 0.0
        self.day = -1
        self.day_open = self.bid_high = self.bid_low = self.ask_high = self.ask_low = 0.0
        self.ticks_from_ms = time_ms
        self.bars_from_ms = time_ms - time_ms % 60_000
        if self.by_last or last:
            self.put_deal(time_ms, bid, ask, last or bid)
        else:
            self.put(time_ms, bid, ask)

    @property
    def tick(self) -> Struct:
        """The newest tick, one object until the next one comes."""
        made = self.made
        if made is None:
            made = self.made = tuple.__new__(Tick, self.newest)
        return made

    def put(self, time_ms: int, bid: float, ask: float) -> None:
        """Add a tick without a deal. The bid must not be above the ask."""
        flags = BOTH_SIDES
        if bid == self.bid:
            flags = ASK_ONLY
        elif ask == self.ask:
            flags = BID_ONLY
        self.bid = bid
        self.ask = ask
        self.time_ms = time_ms
        self.made = None
        self.newest = (time_ms // 1000, bid, ask, 0.0, 0, time_ms, flags, 0.0)
        self.recent.append(self.newest)
        self._remember_day(time_ms // 86_400_000)
        self._remember_minute(time_ms - time_ms % 60_000, bid, 0.0)

    def put_deal(self, time_ms: int, bid: float, ask: float, last: float, volume: float = 0.0, flags: int = 0) -> None:
        """Add a tick of a symbol that has deals. `flags` may say what changed, or only the side of the deal."""
        if not flags & SAYS_CHANGES:
            flags |= BID * (bid != self.bid) | ASK * (ask != self.ask) | LAST * (last != self.last)
            flags |= VOLUME * (volume > 0)
        self.bid = bid
        self.ask = ask
        self.last = last
        self.time_ms = time_ms
        self.made = None
        self.newest = (time_ms // 1000, bid, ask, last, int(volume), time_ms, flags, volume)
        self.recent.append(self.newest)
        self._remember_day(time_ms // 86_400_000)
        self._remember_minute(time_ms - time_ms % 60_000, last if self.by_last else bid, volume)

    def start_over(self, time_ms: int) -> None:
        """Forget ticks and bars; from the tick after this moment on they are complete again."""
        self.recent.clear()
        self.minutes.clear()
        self.minute = []
        self.ticks_from_ms = time_ms + 1
        self.bars_from_ms = -(-(time_ms + 1) // 60_000) * 60_000

    def begin_day(self, day: int, opened: float, bids: tuple[float, float], asks: tuple[float, float]) -> None:
        """Start in the middle of a day (days since the epoch), with the lowest and highest bid and ask so far."""
        self.day = day
        self.day_open = opened
        self.bid_low, self.bid_high = bids
        self.ask_low, self.ask_high = asks

    def complete_from_ms(self) -> int:
        """The moment from which `recent` holds every tick."""
        recent = self.recent
        return recent[0][5] + 1 if len(recent) == TICKS_KEPT else self.ticks_from_ms

    def _remember_day(self, day: int) -> None:
        bid, ask = self.bid, self.ask
        if day != self.day:
            self.day = day
            self.day_open = self.bid_high = self.bid_low = bid
            self.ask_high = self.ask_low = ask
            return
        if bid > self.bid_high:
            self.bid_high = bid
        elif bid < self.bid_low:
            self.bid_low = bid
        if ask > self.ask_high:
            self.ask_high = ask
        elif ask < self.ask_low:
            self.ask_low = ask

    def _remember_minute(self, start_ms: int, price: float, volume: float) -> None:
        minute = self.minute
        spread = self.ask - self.bid
        if not minute or start_ms > minute[0]:
            if minute:
                if len(self.minutes) == MINUTES_KEPT:
                    self.bars_from_ms = max(self.bars_from_ms, self.minutes[0].time_ms + 60_000)
                self.minutes.append(self.forming())
            self.minute = [start_ms, price, price, price, price, 1, spread, volume]
            return
        if price > minute[2]:
            minute[2] = price
        elif price < minute[3]:
            minute[3] = price
        minute[4] = price
        minute[5] += 1
        if spread < minute[6]:
            minute[6] = spread
        if volume:
            minute[7] += volume

    def forming(self) -> MinuteBar:
        """The minute that is not finished."""
        start, opened, high, low, close, ticks, spread, volume = self.minute
        points = round(spread / self.point)
        return MinuteBar(int(start), opened, high, low, close, int(ticks), points, volume)
