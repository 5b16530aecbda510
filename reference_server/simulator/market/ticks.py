"""Past ticks of one symbol: the newest from memory, older ones from the source of the prices once more."""

from collections.abc import Iterator
from itertools import takewhile

import numpy as np

from reference_server.simulator.market.market import Market
from reference_server.simulator.market.quotes import Quote
from reference_server.simulator.market.tail import TICKS, Array
from reference_server.simulator.prices.columns import PricePoint, TickColumns
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

FAR_MS = 2**62
TAIL_MS = 2_000
"""Whoever asks for so little asks again soon."""
HISTORY_MS = 730 * 86_400_000
FIRST_CHUNK_MS, LONGEST_CHUNK_MS = 3_600_000, 7 * 86_400_000


class Ticks:
    """Ticks of one symbol, oldest first. Times are the server's clock, in milliseconds.

    Ticks of a symbol that was moved by hand are known as far as memory reaches, which is 4096 of them.
    """

    def __init__(self, market: Market, quote: Quote) -> None:
        self._market = market
        self._quote = quote

    def since(self, from_ms: int, count: int, mask: int) -> Array:
        """At most `count` ticks from a moment on that have one of the flags of `mask`, or any if it is 0."""
        memory_ms = self._quote.complete_from_ms()
        if from_ms >= memory_ms:
            return self._remembered(from_ms, FAR_MS, mask)[:count]
        found: list[Array] = []
        missing = count
        for part in self._parts(from_ms, self._market.now_ms, memory_ms, mask):
            found.append(part[:missing])
            missing -= len(found[-1])
            if not missing:
                break
        return _joined(found)

    def between(self, from_ms: int, to_ms: int, mask: int) -> Array:
        """Ticks within two moments, both included, that have one of the flags of `mask`, or any if it is 0."""
        memory_ms = self._quote.complete_from_ms()
        if from_ms >= memory_ms:
            return self._remembered(from_ms, to_ms, mask)
        return _joined(list(self._parts(from_ms, min(to_ms, self._market.now_ms), memory_ms, mask)))

    def _parts(self, from_ms: int, to_ms: int, memory_ms: int, mask: int) -> Iterator[Array]:
        if self._market.source.repeats(self._quote.profile):
            yield from self._repeated(from_ms, min(to_ms + 1, memory_ms), mask)
            from_ms = memory_ms
        yield self._remembered(from_ms, to_ms, mask)

    def _remembered(self, from_ms: int, to_ms: int, mask: int) -> Array:
        """From memory, looked up from the end, since pollers ask for the newest few."""
        if to_ms == FAR_MS and not mask and from_ms > self._quote.time_ms - TAIL_MS:
            return self._quote.tail.since(self._quote.recent, from_ms)
        ticks = list(takewhile(lambda tick: tick[5] >= from_ms, reversed(self._quote.recent)))
        ticks.reverse()
        if to_ms < FAR_MS:
            ticks = [tick for tick in ticks if tick[5] <= to_ms]
        if mask:
            ticks = [tick for tick in ticks if tick[6] & mask]
        return np.array(ticks, dtype=TICKS)

    def _repeated(self, from_ms: int, until_ms: int, mask: int) -> Iterator[Array]:
        """Ticks in [from, until) from the source, a part at a time."""
        market, profile = self._market, self._quote.profile
        server_time, source = market.server_time, market.source
        from_ms = max(from_ms, market.now_ms - HISTORY_MS)
        at_ms, end_ms = server_time.utc_span(from_ms, until_ms)
        end_ms = min(end_ms, market.utc_ms + 1)
        before = source.opening(profile, at_ms - 1)
        length_ms = FIRST_CHUNK_MS
        while at_ms < end_ms:
            made = source.ticks(profile, at_ms, min(at_ms + length_ms, end_ms))
            at_ms += length_ms
            length_ms = min(length_ms * 2, LONGEST_CHUNK_MS)
            if not len(made.time_ms):
                continue
            rows = rows_of(made, before)
            before = made.cut(int(made.time_ms[-1]), end_ms).points()[-1]
            rows["time_msc"] += server_time.offsets_ms(made.time_ms)
            rows["time"] = rows["time_msc"] // 1000
            is_wanted = (rows["time_msc"] >= from_ms) & (rows["time_msc"] < until_ms)
            if mask:
                is_wanted &= (rows["flags"] & mask) != 0
            yield rows[is_wanted]


def rows_of(ticks: TickColumns, before: PricePoint) -> Array:
    """Tick records with the flags that they had when they came, after the price `before`; times are not changed."""
    rows = np.zeros(len(ticks.time_ms), dtype=TICKS)
    rows["time_msc"] = ticks.time_ms
    rows["bid"], rows["ask"] = ticks.bid, ticks.ask
    has_new_bid = ticks.bid != np.append(before.bid, ticks.bid[:-1])
    has_new_ask = ticks.ask != np.append(before.ask, ticks.ask[:-1])
    if ticks.last is None:
        rows["flags"] = np.where(has_new_bid, np.where(has_new_ask, BOTH_SIDES, BID_ONLY), ASK_ONLY)
        return rows
    rows["last"] = ticks.last
    given = np.zeros(len(rows), dtype=np.int64) if ticks.flags is None else ticks.flags
    if ticks.volume is not None:
        rows["volume"], rows["volume_real"] = ticks.volume.astype(np.uint64), ticks.volume
    has_new_last = ticks.last != np.append(before.last, ticks.last[:-1])
    seen = BID * has_new_bid | ASK * has_new_ask | LAST * has_new_last | VOLUME * (rows["volume_real"] > 0)
    rows["flags"] = np.where(given & SAYS_CHANGES, given, given | seen)
    return rows


def _joined(parts: list[Array]) -> Array:
    return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, dtype=TICKS), *parts])
