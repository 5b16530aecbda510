"""The books of the unusual gateway: one hedging account with a handful of symbols, in plain dictionaries."""

import itertools
import random
from decimal import Decimal
from typing import Any, ClassVar


class Refused(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Broker:
    PRICES: ClassVar[dict[str, int]] = {"EURUSD": 108_500, "EURUSD.r": 108_500, "GBPUSD": 127_000, "XAUUSD": 23_500_000}
    """Bids in points of 0.00001."""

    def __init__(self) -> None:
        self.bids = dict(self.PRICES)
        self.open: dict[int, dict[str, Any]] = {}
        self.pending: dict[int, dict[str, Any]] = {}
        self.balance = 10_000.0
        self.numbers = itertools.count(7_000_000_001, 3)
        self.dice = random.Random(7)

    def symbols(self) -> list[str]:
        return sorted(self.bids, reverse=True)

    def move(self) -> None:
        for symbol in self.bids:
            self.bids[symbol] += self.dice.choice((-2, -1, 1, 2))

    def quote(self, symbol: object) -> tuple[float, float]:
        if not isinstance(symbol, str) or symbol not in self.bids:
            raise Refused(404, f"there is no {symbol}")
        bid = self.bids[str(symbol)]
        return bid / 100_000, (bid + 12) / 100_000

    def place(self, body: dict[str, Any]) -> int:
        if body.get("side") not in ("buy", "sell") or body.get("orderType") not in ("market", "limit", "stop"):
            raise Refused(422, "side or orderType is wrong")
        volume = self.volume(body.get("volume"))
        bid, ask = self.quote(body.get("symbol"))
        if not isinstance(body.get("symbol"), str):
            raise Refused(422, "symbol is wrong")
        if body["orderType"] != "market":
            self.level(body.get("price"))
            if body.get("price") is None:
                raise Refused(422, "price is missing")
        stops = {name: self.level(body.get(name)) for name in ("sl", "tp")}
        market = ask if body["side"] == "buy" else bid
        self.check_stops(body["side"], market if body["orderType"] == "market" else body["price"], stops)
        ticket = next(self.numbers)
        entry = {"symbol": body["symbol"], "side": body["side"], "volume": volume, "open": market, **stops}
        (self.open if body["orderType"] == "market" else self.pending)[ticket] = entry
        return ticket

    def close(self, body: dict[str, Any]) -> None:
        position = self.position(body.get("ticket"))
        volume = self.volume(body["volume"]) if body.get("volume") is not None else position["volume"]
        if volume > position["volume"]:
            raise Refused(422, "that is more than is open")
        self.balance += self.profit(position) * float(volume / position["volume"])
        position["volume"] -= volume
        if not position["volume"]:
            del self.open[body["ticket"]]

    def modify(self, body: dict[str, Any]) -> None:
        position = self.position(body.get("ticket"))
        if "sl" not in body and "tp" not in body:
            raise Refused(422, "nothing to modify")
        stops = {name: self.level(body[name]) if name in body else position[name] for name in ("sl", "tp")}
        bid, ask = self.quote(position["symbol"])
        self.check_stops(position["side"], bid if position["side"] == "buy" else ask, stops)
        position.update(stops)

    def rows(self) -> list[dict[str, Any]]:
        rows = []
        for ticket, one in reversed(self.open.items()):
            bid, ask = self.quote(one["symbol"])
            row = {
                "profit": round(self.profit(one), 2),
                "currentPrice": bid if one["side"] == "buy" else ask,
                "openPrice": one["open"],
                "volume": float(one["volume"]),
                "side": one["side"],
                "symbol": one["symbol"],
                "ticket": ticket,
                "desk": "B",
            }
            rows.append(row | {name: one[name] for name in ("sl", "tp") if one[name]})
        return rows

    def figures(self) -> dict[str, Any]:
        profit = sum(self.profit(one) for one in self.open.values())
        margin = sum(float(one["volume"]) * 1000 for one in self.open.values())
        return {
            "currency": "USD",
            "leverage": 100,
            "margin": round(margin, 2),
            "equity": round(self.balance + profit, 2),
            "balance": round(self.balance, 2),
        }

    def profit(self, position: dict[str, Any]) -> float:
        bid, ask = self.quote(position["symbol"])
        gain = bid - position["open"] if position["side"] == "buy" else position["open"] - ask
        return float(gain) * float(position["volume"]) * 100_000

    def position(self, ticket: object) -> dict[str, Any]:
        if not isinstance(ticket, int) or isinstance(ticket, bool):
            raise Refused(422, "ticket is wrong")
        if ticket not in self.open:
            raise Refused(404, f"{ticket} is not open")
        return self.open[ticket]

    @staticmethod
    def volume(value: object) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Refused(422, "volume is wrong")
        volume = Decimal(str(value))
        if volume <= 0 or volume > 100 or volume % Decimal("0.01"):
            raise Refused(422, "volume is wrong")
        return volume

    @staticmethod
    def level(value: object) -> float | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise Refused(422, "a price is wrong")
        return float(value) or None

    @staticmethod
    def check_stops(side: str, price: float, stops: dict[str, float | None]) -> None:
        sign = 1 if side == "buy" else -1
        if stops["sl"] and sign * (price - stops["sl"]) <= 0:
            raise Refused(422, "sl is on the wrong side")
        if stops["tp"] and sign * (stops["tp"] - price) <= 0:
            raise Refused(422, "tp is on the wrong side")
