"""The books of a gateway that knows the past: deals, past orders, bars, and what symbols are like.

Its history shows a little late and fills larger closes in two parts at one time; its bars follow a clock of UTC+3.
"""

import copy
import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from tests.conformance.unusual_broker import Broker, Refused

MINUTES = {"M": 1, "H": 60, "D": 1440, "W": 10080}
TIMEFRAMES = "M1 M2 M3 M4 M5 M6 M10 M12 M15 M20 M30 H1 H2 H3 H4 H6 H8 H12 D1 W1 MN1".split()  # noqa: SIM905
ZONE_SECONDS = 3 * 3600
SUNDAY_SECONDS = 3 * 86400
"""The first Sunday after the epoch."""


@dataclass
class Entry:
    """A row of the history. `key` sorts rows of one time."""

    time_ms: int
    key: int
    row: dict[str, Any]
    shown_at: float = field(default_factory=lambda: time.monotonic() + 0.12)


class KnowingBroker(Broker):
    DIGITS: ClassVar[dict[str, int]] = {"XAUUSD": 3}
    step, least, most = Decimal("0.001"), Decimal("0.002"), Decimal(50)
    margin_of_a_lot = 1000

    def __init__(self) -> None:
        super().__init__()
        self.deals: list[Entry] = []
        self.orders: list[Entry] = []
        self.deal(None, "balance", self.balance, milliseconds())

    # -- the past ------------------------------------------------------------------------------------------------------

    def deal(self, position: int | None, kind: str, profit: float, now: int, **facts: Any) -> None:
        ticket = next(self.numbers)
        row = {"profit": profit, "type": kind, "ticket": ticket, **facts}
        if position is not None:
            row["position"] = position
        self.deals.append(Entry(now, ticket, {"time": now, **row}))

    def order(self, ticket: int, position: int | None, body: dict[str, Any], state: str) -> None:
        now = milliseconds()
        names = ("symbol", "side", "orderType", "volume")
        row = {"doneTime": now, "state": state, "price": body.get("price") or 0.0, "ticket": ticket}
        row |= {name: body[name] for name in names} | ({} if position is None else {"position": position})
        self.orders.append(Entry(now, ticket, row))

    def past(self, what: str) -> list[Entry]:
        entries = self.deals if what == "deals" else self.orders
        return [one for one in entries if one.shown_at <= time.monotonic()]

    # -- trading -------------------------------------------------------------------------------------------------------

    def quote(self, symbol: object) -> tuple[float, float]:
        bid, ask = super().quote(symbol)
        digits = self.DIGITS.get(str(symbol), 5)
        return round(bid, digits), round(ask, digits)

    def volume(self, value: object) -> Decimal:  # type: ignore[override]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Refused(422, "volume is wrong")
        volume = Decimal(str(value))
        if not self.least <= volume <= self.most or volume % self.step:
            raise Refused(422, "volume is wrong")
        return volume

    def place(self, body: dict[str, Any]) -> int:
        volume = float(self.volume(body.get("volume")))
        if (
            body.get("orderType") == "market"
            and self.figures()["margin"] + volume * self.margin_of_a_lot > self.balance
        ):
            raise Refused(422, "that needs too much margin")
        ticket = super().place(body)
        if body["orderType"] == "market":
            position = self.open[ticket]
            self.pay(ticket, body["side"], position["volume"], position["open"], 0.0, milliseconds())
            self.order(ticket, ticket, body, "filled")
        else:
            self.pending[ticket]["body"] = body
        return ticket

    def close(self, body: dict[str, Any]) -> None:
        position = self.position(body.get("ticket"))
        volume = self.volume(body["volume"]) if body.get("volume") is not None else position["volume"]
        if volume > position["volume"]:
            raise Refused(422, "that is more than is open")
        side = "sell" if position["side"] == "buy" else "buy"
        bid, ask = self.quote(position["symbol"])
        half, now = volume / 2 // self.step * self.step, milliseconds()
        for part in (half, volume - half) if volume >= Decimal("0.02") else (volume,):
            profit = round(self.profit(position) * float(part / position["volume"]), 2)
            self.pay(body["ticket"], side, part, bid if side == "sell" else ask, profit, now)
            position["volume"] -= part
        order = {"symbol": position["symbol"], "side": side, "orderType": "market", "volume": float(volume)}
        self.order(next(self.numbers), body["ticket"], order, "filled")
        if not position["volume"]:
            del self.open[body["ticket"]]

    def pay(self, position: int, side: str, volume: Decimal, price: float, profit: float, now: int) -> None:
        """Book a deal and its commission, 7 a lot."""
        commission = -round(float(volume) * 7, 2)
        self.balance = round(self.balance + profit + commission, 2)
        facts = {"symbol": self.open[position]["symbol"], "volume": float(volume), "price": price}
        self.deal(position, side, profit, now, commission=commission, **facts)

    def cancel(self, ticket: int) -> None:
        if ticket not in self.pending:
            raise Refused(404, f"{ticket} is not pending")
        self.order(ticket, None, self.pending.pop(ticket)["body"], "cancelled")

    def tried(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the figures after an order. Raises Refused."""
        other = copy.deepcopy(self)
        other.place(body)
        return other.figures()

    # -- symbols -------------------------------------------------------------------------------------------------------

    def specification(self, symbol: str) -> dict[str, Any]:
        self.quote(symbol)
        return {
            "sessions": [{"to": 7200, "from": 1500}, {"to": 8000, "from": 7300}],
            "currencyMargin": "EUR",
            "currencyProfit": "USD",
            "currencyBase": "EUR",
            "fillingModes": ["boc"],
            "stopsLevel": 0,
            "volumeStep": float(self.step),
            "volumeMax": float(self.most),
            "volumeMin": float(self.least),
            "contractSize": 100_000.0,
            "digits": self.DIGITS.get(symbol, 5),
        }

    def bars(
        self, symbol: str, timeframe: str, since: float | None, until: float | None, limit: int
    ) -> list[dict[str, Any]]:
        """Return the newest bars that open in a range of seconds, oldest first."""
        self.quote(symbol)
        now = time.time()
        end = now + 1 if until is None else min(until, now + 1)
        found: list[dict[str, Any]] = []
        start = bar_start(timeframe, min(now, end))
        while len(found) < limit and start > 1_500_000_000 and (since is None or start >= since):
            if start < end:
                found.insert(0, self.bar(symbol, timeframe, start, now))
            start = bar_start(timeframe, start - 1)
        return found

    def bar(self, symbol: str, timeframe: str, start: int, now: float) -> dict[str, Any]:
        dice = random.Random(f"{symbol} {timeframe} {start}")
        points = [self.PRICES[symbol] + dice.randrange(-50, 50) for _ in range(2)]
        prices = (points[0], max(points) + dice.randrange(9), min(points) - dice.randrange(9), points[1])
        digits = self.DIGITS.get(symbol, 5)
        bar = {
            name: round(one / 100_000, digits)
            for name, one in zip(("open", "high", "low", "close"), prices, strict=True)
        }
        is_complete = bar_end(timeframe, start) <= now
        return {
            "timeframe": timeframe,
            "time": start * 1000,
            "volume": dice.randrange(1, 99),
            "complete": is_complete,
            **bar,
        }


def milliseconds() -> int:
    return int(time.time() * 1000)


def bar_start(timeframe: str, second: float) -> int:
    """Return when the bar opened that holds a second, in seconds since the epoch."""
    local = int(second) + ZONE_SECONDS
    if timeframe == "MN1":
        first = datetime.fromtimestamp(local, UTC).replace(day=1, hour=0, minute=0, second=0)
        return int(first.timestamp()) - ZONE_SECONDS
    length = MINUTES[timeframe[0]] * int(timeframe[1:]) * 60
    shift = SUNDAY_SECONDS if timeframe == "W1" else 0
    return (local - shift) // length * length + shift - ZONE_SECONDS


def bar_end(timeframe: str, start: int) -> int:
    if timeframe == "MN1":
        inside = datetime.fromtimestamp(start, UTC) + timedelta(days=40)
        return bar_start(timeframe, inside.timestamp())
    return start + MINUTES[timeframe[0]] * int(timeframe[1:]) * 60
