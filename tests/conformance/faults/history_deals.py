"""Gateways whose past deals and orders are not what happened."""

from typing import Any

from tests.conformance.faults.history_rows import Choosing, Row, Telling
from tests.conformance.faults.registering import fault, faults_of
from tests.conformance.knowing_broker import KnowingBroker
from tests.conformance.knowing_gateway import CancellingGateway, KnowingGateway, Query

DEALS, ORDERS = "history.deals", "history.orders"


@fault(DEALS, "HIST-010", KnowingGateway)
class AllPositions(Choosing):
    def changed(self, asked: Query) -> Query:
        return (*asked[:4], None)


@fault(DEALS, "HIST-010", KnowingGateway)
class NoClosingDeals(Telling):
    def told(self, what: str, row: Row) -> Row | None:
        return None if row.get("profit") else row


@fault(DEALS, "HIST-010", KnowingGateway)
class NoOpeningDeals(Telling):
    def told(self, what: str, row: Row) -> Row | None:
        return row if row.get("profit") else None


@fault(DEALS, "HIST-010", KnowingGateway)
class VolumesOfAPosition(Telling):
    def told(self, what: str, row: Row) -> Row | None:
        return row | {"volume": 0.03}


@fault(DEALS, "HIST-010", KnowingGateway)
class PricesAreZero(Telling):
    def told(self, what: str, row: Row) -> Row | None:
        return row | {"price": 0.0}


@fault(DEALS, "HIST-010", KnowingGateway)
class AnotherOpeningPrice(Telling):
    def told(self, what: str, row: Row) -> Row | None:
        return row if row.get("profit") or "price" not in row else row | {"price": round(row["price"] + 0.0001, 5)}


@fault(DEALS, "HIST-010", KnowingGateway)
class NoPosition(Telling):
    def told(self, what: str, row: Row) -> Row | None:
        return {name: one for name, one in row.items() if name != "position"}


@fault(DEALS, "HIST-010", KnowingGateway)
class TicketsOfPositions(Telling):
    def told(self, what: str, row: Row) -> Row | None:
        return row | {"ticket": row.get("position", 1)}


@fault(DEALS, "HIST-010", KnowingGateway)
class EveryEntryIsIn(Telling):
    def told(self, what: str, row: Row) -> Row | None:
        return row | {"entry": "in"}


@fault(DEALS, "HIST-010", KnowingGateway)
class SidesOfThePosition(Telling):
    def told(self, what: str, row: Row) -> Row | None:
        return row | {"type": "buy"} if row["type"] == "sell" else row


class FirstPartBookedWithTheRest(KnowingBroker):
    def close(self, body: dict[str, Any]) -> None:
        if body.get("volume") is None:
            return super().close(body)
        position = self.position(body.get("ticket"))
        position["volume"] -= self.volume(body["volume"])
        position["hidden"] = position.get("hidden", 0) + self.volume(body["volume"])
        return None

    def pay(self, position: int, side: str, volume: Any, price: float, profit: float, now: int) -> None:
        super().pay(position, side, volume + self.open[position].pop("hidden", 0), price, profit, now)


@fault(DEALS, "HIST-010", KnowingGateway)
class PartsAreOneDeal(KnowingGateway):
    broker_class = FirstPartBookedWithTheRest


@fault(DEALS, "HIST-070", KnowingGateway)
class ProfitsAreLosses(Telling):
    def told(self, what: str, row: Row) -> Row | None:
        return row | {"profit": -row["profit"]} if row["type"] in ("buy", "sell") else row


@fault(DEALS, "HIST-070", KnowingGateway)
class NoCommission(Telling):
    def told(self, what: str, row: Row) -> Row | None:
        return {name: one for name, one in row.items() if name != "commission"}


class ForgetsTheCancelled(KnowingBroker):
    def cancel(self, ticket: int) -> None:
        self.pending.pop(ticket)


class CallsCancelledFilled(KnowingBroker):
    def order(self, ticket: int, position: int | None, body: dict[str, Any], state: str) -> None:
        super().order(ticket, position, body, "filled")


class BooksPendingOrders(KnowingBroker):
    def place(self, body: dict[str, Any]) -> int:
        ticket = super().place(body)
        if body["orderType"] != "market":
            self.order(ticket, None, body, "placed")
        return ticket


class OnlyOpeningOrders(KnowingBroker):
    def order(self, ticket: int, position: int | None, body: dict[str, Any], state: str) -> None:
        if position in (None, ticket):
            super().order(ticket, position, body, state)


@fault(ORDERS, "HIST-040", CancellingGateway)
class CancelledOrdersAreLost(CancellingGateway):
    broker_class = ForgetsTheCancelled


@fault(ORDERS, "HIST-040", CancellingGateway)
class CancelledOrdersAreFilled(CancellingGateway):
    broker_class = CallsCancelledFilled


@fault(ORDERS, "HIST-040", CancellingGateway)
class PendingOrdersArePast(CancellingGateway):
    broker_class = BooksPendingOrders


@fault(ORDERS, "HIST-040", KnowingGateway)
class ClosingOrdersAreLost(KnowingGateway):
    broker_class = OnlyOpeningOrders


FAULTS = faults_of(globals())
