"""What must be true at the end: each order once in the history, positions that add up, streams without gaps."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.gateway import call
from benchmarks.soaking.ground import TradingAccount
from benchmarks.soaking.listeners import Heard
from benchmarks.soaking.orders import OrderBook

_PAGE: Final = 1_000
_SHOWN: Final = 3


@dataclass(slots=True)
class Account:
    """The outcome of the checks: figures to show, and what is wrong by check."""

    deals: int = 0
    ticks_due: int = 0
    ticks_missing: int = 0
    events: int = 0
    wrong: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, check: str, what: str) -> None:
        """Note something that is wrong."""
        self.counts[check] += 1
        if len(self.wrong[check]) < _SHOWN:
            self.wrong[check].append(what)


def read_deals(port: int, account: TradingAccount) -> list[dict[str, Any]]:
    """Read the whole history of an account, page by page. Raises BenchmarkFailed."""
    deals: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        query = f"?limit={_PAGE}" + (f"&cursor={cursor}" if cursor else "")
        page = call(
            port, "GET", f"/api/history/deals{query}", account.key, headers={"X-Account-ID": account.account_id}
        )
        deals += page["deals"]
        cursor = page["nextCursor"]
        if cursor is None:
            return deals


def check_orders(book: OrderBook, result: Account) -> None:
    """Every order was answered, once, and none refused."""
    for what in book.wrong:
        result.add("answers", what)
    for magic in book.unanswered:
        result.add("answers", f"order {magic} was not answered")
    for magic, error in book.refused.items():
        result.add("answers", f"order {magic} was refused: {error}")
    known = len(book.accepted) + len(book.refused) + len(book.unanswered)
    if known != book.sent and not book.wrong:
        result.add("answers", f"{book.sent} orders were sent and {known} have an outcome")


def check_deals(
    book: OrderBook, deals: Sequence[Mapping[str, Any]], positions: Sequence[Mapping[str, Any]], result: Account
) -> None:
    """Each accepted order has one deal, nothing else has any, and what is open is what was dealt."""
    found = Counter(deal["magic"] for deal in deals if deal["type"] in ("buy", "sell"))
    result.deals += sum(found.values())
    for magic in book.accepted:
        if found[magic] != 1:
            result.add("deals", f"order {magic} has {found[magic]} deals")
    maybe = set(book.unanswered)
    for magic, count in found.items():
        if magic not in book.accepted and (magic not in maybe or count != 1):
            result.add("deals", f"{count} deals of an order that was not accepted: {magic}")
    if len({deal["ticket"] for deal in deals}) != len(deals):
        result.add("deals", "a deal stands twice in the pages")
    dealt: dict[str, float] = defaultdict(float)
    for deal in deals:
        if deal["type"] in ("buy", "sell"):
            dealt[deal["symbol"]] += deal["volume"] if deal["type"] == "buy" else -deal["volume"]
    for position in positions:
        dealt[position["symbol"]] -= position["volume"] if position["side"] == "buy" else -position["volume"]
    for symbol, rest in dealt.items():
        if abs(rest) > 1e-6:
            result.add("positions", f"{symbol}: deals and positions differ by {rest:.2f} lots")


def check_events(sockets: Sequence[Heard], book: OrderBook, result: Account) -> None:
    """The sockets of one account heard the same numbers without a gap, and an orderResult of each order."""
    for heard in sockets:
        for what in heard.wrong:
            result.add("events", what)
        result.events += heard.events
        if heard.first_seq is None:
            result.add("events", "a socket got no snapshot")
        if heard.kinds["orderResult"] < len(book.accepted):
            result.add(
                "events", f"{heard.kinds['orderResult']} results of {len(book.accepted)} accepted orders were told"
            )
    if len({heard.last_seq for heard in sockets}) > 1:
        result.add("events", f"the sockets ended at different numbers: {sorted(str(one.last_seq) for one in sockets)}")


def check_ticks(sockets: Sequence[Heard], from_second: int, until_second: int, result: Account) -> None:
    """Compare what the sockets of one account heard of each symbol, second by second of the ticks' own time.

    What any of them heard was pushed to all; a socket that is slow may miss ticks, never the newest.
    """
    most: dict[tuple[str, int], int] = defaultdict(int)
    newest: dict[str, tuple[int, float, float]] = {}
    for heard in sockets:
        for symbol, seconds in heard.ticks.items():
            newest[symbol] = max(newest.get(symbol, (0, 0.0, 0.0)), heard.last_tick[symbol])
            for second, count in seconds.items():
                if from_second <= second < until_second:
                    most[symbol, second] = max(most[symbol, second], count)
    for heard in sockets:
        for what in heard.wrong:
            result.add("ticks", what)
        for symbol in heard.ticks:
            if heard.last_tick[symbol] != newest[symbol] and symbol not in heard.later:
                result.add("ticks", f"a socket ended with an older tick of {symbol}")
        for (symbol, second), count in most.items():
            if symbol in heard.ticks:
                result.ticks_due += count
                result.ticks_missing += count - heard.ticks[symbol].get(second, 0)
