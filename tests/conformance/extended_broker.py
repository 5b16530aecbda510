"""The books of the extended gateway: pending orders of all types, which end by the whole second."""

import time
from typing import Any

from tests.conformance.unusual_broker import Broker, Refused


class Declined(Exception):
    """The broker itself says no, after the gateway had nothing against it."""


class ExtendedBroker(Broker):
    """Its market swings by more than the spread, and fills what it reaches."""

    swing = 0

    def move(self) -> None:
        super().move()
        step = 25 if self.swing <= 0 else -25
        self.swing += step
        for symbol in self.bids:
            self.bids[symbol] += step
        for ticket in [ticket for ticket, one in self.living().items() if self.is_reached(one)]:
            order = self.pending.pop(ticket)
            self.open[ticket] = {"open": order["price"], **order}

    def is_reached(self, order: dict[str, Any]) -> bool:
        bid, ask = self.quote(order["symbol"])
        market = ask if order["side"] == "buy" else bid
        is_lower = (order["type"] == "limit") == (order["side"] == "buy")
        return bool(market <= order["price"] if is_lower else market >= order["price"])

    def place(self, body: dict[str, Any]) -> int:
        if body.get("orderType") in ("limit", "stop", "stopLimit"):
            return self.rest(body)
        return super().place(body)

    def rest(self, body: dict[str, Any]) -> int:
        if body.get("side") not in ("buy", "sell"):
            raise Refused(422, "side is wrong")
        order = {
            "symbol": body.get("symbol"),
            "side": body["side"],
            "type": body["orderType"],
            "volume": self.volume(body.get("volume")),
            "price": self.needed(body.get("price")),
            "stopLimitPrice": self.needed(body.get("stopLimitPrice")) if body["orderType"] == "stopLimit" else None,
            "sl": self.level(body.get("sl")),
            "tp": self.level(body.get("tp")),
            "expiration": self.end(body.get("expiration")),
        }
        self.quote(order["symbol"])
        self.check_order(order)
        ticket = next(self.numbers)
        self.pending[ticket] = order
        return ticket

    def needed(self, value: object) -> float:
        price = self.level(value)
        if price is None:
            raise Refused(422, "a price is missing")
        return price

    def end(self, value: object) -> int | None:
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            raise Refused(422, "expiration is wrong")
        if value <= self.now():
            raise Declined("that is in the past")
        return value // 1000 * 1000

    @staticmethod
    def now() -> float:
        return time.time() * 1000

    def check_order(self, order: dict[str, Any]) -> None:
        bid, ask = self.quote(order["symbol"])
        market = ask if order["side"] == "buy" else bid
        is_lower = order["price"] < market
        if is_lower != ((order["type"] == "limit") == (order["side"] == "buy")):
            raise Declined("the price is on the wrong side of the market")
        self.check_stops(order["side"], order["price"], {name: order[name] for name in ("sl", "tp")})

    @staticmethod
    def check_stops(side: str, price: float, stops: dict[str, float | None]) -> None:
        try:
            Broker.check_stops(side, price, stops)
        except Refused as refused:
            raise Declined(str(refused)) from None

    def living(self) -> dict[int, dict[str, Any]]:
        for ticket in [ticket for ticket, one in self.pending.items() if self.is_over(one)]:
            del self.pending[ticket]
        return self.pending

    def is_over(self, order: dict[str, Any]) -> bool:
        return order["expiration"] is not None and bool(order["expiration"] <= self.now())

    def waiting(self, ticket: object) -> dict[str, Any]:
        if not isinstance(ticket, int) or ticket not in self.living():
            raise Refused(404, "order_not_found: nothing waits under that ticket")
        return self.pending[ticket]

    def order_row(self, ticket: int) -> dict[str, Any]:
        one = self.waiting(ticket)
        row = {"state": "resting", "price": one["price"], "volume": float(one["volume"]), "orderType": one["type"],
               "side": one["side"], "symbol": one["symbol"], "ticket": ticket, "desk": "B"}  # fmt: skip
        return row | {name: one[name] for name in ("sl", "tp", "stopLimitPrice") if one[name]}

    def order_rows(self) -> list[dict[str, Any]]:
        return [self.order_row(ticket) for ticket in reversed(self.living())]

    def cancel(self, ticket: int) -> None:
        self.waiting(ticket)
        del self.pending[ticket]

    def modify(self, body: dict[str, Any]) -> None:
        ticket = body.get("ticket")
        if isinstance(ticket, int) and not isinstance(ticket, bool) and ticket in self.living():
            return self.modify_order(ticket, body)
        if "price" in body and "sl" not in body and "tp" not in body:
            self.position(ticket)
            raise Refused(422, "an open position has no price to move")
        return super().modify(body)

    def modify_order(self, ticket: int, body: dict[str, Any]) -> None:
        if not {"price", "sl", "tp"} & set(body):
            raise Refused(422, "nothing to modify")
        order = dict(self.pending[ticket])
        if "price" in body:
            order["price"] = self.needed(body["price"])
        order |= {name: self.level(body[name]) for name in ("sl", "tp") if name in body}
        self.check_order(order)
        self.pending[ticket] = order
