"""The live price of one symbol: its last tick, its recent ticks, its minute bars since the start."""

from collections import deque
from typing import NamedTuple

from reference_server.simulator.market.symbols import SymbolProfile
from reference_server.simulator.surface.structs import Struct, Tick

TICKS_KEPT = 4096
MINUTES_KEPT = 20_160  # two weeks

BOTH_SIDES, BID_ONLY, ASK_ONLY = 134, 130, 132  # 0x80 and 2 (bid), 4 (ask): the values seen on real terminals


class MinuteBar(NamedTuple):
    """One minute of bids. `time_ms` is the open time by the server's clock, `spread` in points."""

    time_ms: int
    open: float
    high: float
    low: float
    close: float
    ticks: int
    spread: int


class Quote:
    """What a symbol costs now. Times are the server's clock."""

    __slots__ = (
        "ask", "ask_high", "ask_low", "bid", "bid_high", "bid_low", "day", "day_open", "minute", "minutes", "point",
        "profile", "recent", "tick", "time_ms",
    )  # fmt: skip

    def __init__(self, profile: SymbolProfile, time_ms: int, bid: float, ask: float) -> None:
        self.profile = profile
        self.point = profile.point
        self.recent: deque[Struct] = deque(maxlen=TICKS_KEPT)
        self.minutes: deque[MinuteBar] = deque(maxlen=MINUTES_KEPT)
        self.minute: list[float] = []
        self.bid = self.ask = 0.0
        self.day = -1
        self.day_open = self.bid_high = self.bid_low = self.ask_high = self.ask_low = 0.0
        self.put(time_ms, bid, ask)

    def put(self, time_ms: int, bid: float, ask: float) -> None:
        """Add a tick. The bid must not be above the ask."""
        flags = BOTH_SIDES
        if bid == self.bid:
            flags = ASK_ONLY
        elif ask == self.ask:
            flags = BID_ONLY
        self.bid = bid
        self.ask = ask
        self.time_ms = time_ms
        self.tick = tuple.__new__(Tick, (time_ms // 1000, bid, ask, 0.0, 0, time_ms, flags, 0.0))
        self.recent.append(self.tick)
        self._remember_day(time_ms // 86_400_000)
        self._remember_minute(time_ms - time_ms % 60_000)

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

    def _remember_minute(self, start_ms: int) -> None:
        bid, minute = self.bid, self.minute
        spread = round((self.ask - bid) / self.point)
        if not minute or start_ms > minute[0]:
            if minute:
                self.minutes.append(self.forming())
            self.minute = [start_ms, bid, bid, bid, bid, 1, spread]
            return
        if bid > minute[2]:
            minute[2] = bid
        elif bid < minute[3]:
            minute[3] = bid
        minute[4] = bid
        minute[5] += 1
        if spread < minute[6]:
            minute[6] = spread

    def forming(self) -> MinuteBar:
        """The minute that is not finished."""
        start, opened, high, low, close, ticks, spread = self.minute
        return MinuteBar(int(start), opened, high, low, close, int(ticks), int(spread))
