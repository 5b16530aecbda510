"""Gateways and brokers that change or end pending orders wrongly."""

from typing import Any

from aiohttp import web

from tests.conformance.extended_broker import Declined, ExtendedBroker
from tests.conformance.extended_gateway import ExtendedGateway
from tests.conformance.faults.registering import broker_fault, faults_of
from tests.conformance.faults.registering import extended_fault as fault
from tests.conformance.unusual_broker import Refused
from tests.conformance.unusual_gateway import Owner, Problem

Row = dict[str, Any]

# -- modifying ---------------------------------------------------------------------------------------------------------


@broker_fault("pending.modified", "PEND-050")
class PendingOrdersAreNotModified(ExtendedBroker):
    def modify_order(self, ticket: int, body: Row) -> None:
        raise Refused(404, "position_not_found: not open")


@broker_fault("pending.modified", "PEND-050")
class ModifiedInWordsOnly(ExtendedBroker):
    def modify_order(self, ticket: int, body: Row) -> None:
        return


@broker_fault("pending.modified", "PEND-050")
class AbsentLevelsAreRemoved(ExtendedBroker):
    def modify_order(self, ticket: int, body: Row) -> None:
        super().modify_order(ticket, {"sl": None, "tp": None, **body})


@broker_fault("pending.modified", "PEND-050")
class PriceIsOnlyMovedAlone(ExtendedBroker):
    def modify_order(self, ticket: int, body: Row) -> None:
        super().modify_order(ticket, body if len(body) < 3 else {**body, "price": self.pending[ticket]["price"]})


@broker_fault("pending.modified", "PEND-050")
class LevelsOfAllOrders(ExtendedBroker):
    def modify_order(self, ticket: int, body: Row) -> None:
        super().modify_order(ticket, body)
        for one in self.pending.values():
            one["tp"] = self.pending[ticket]["tp"]


@broker_fault("pending.modified", "PEND-050")
class NullKeepsALevel(ExtendedBroker):
    def modify_order(self, ticket: int, body: Row) -> None:
        super().modify_order(ticket, {name: value for name, value in body.items() if value is not None})


@broker_fault("pending.modified", "PEND-050")
class PlacedAgain(ExtendedBroker):
    def modify_order(self, ticket: int, body: Row) -> None:
        super().modify_order(ticket, body)
        self.pending[next(self.numbers)] = self.pending.pop(ticket)


class _TellsItsEnd(ExtendedBroker):
    def order_row(self, ticket: int) -> Row:
        return super().order_row(ticket) | {"expiration": self.waiting(ticket)["expiration"]}


@broker_fault("pending.modified", "PEND-050")
class ExpirationIsLost(_TellsItsEnd):
    def modify_order(self, ticket: int, body: Row) -> None:
        super().modify_order(ticket, body)
        self.pending[ticket]["expiration"] = None


@broker_fault("pending.modified-stop-limit", "PEND-050")
class StopLimitPriceIsLost(ExtendedBroker):
    def modify_order(self, ticket: int, body: Row) -> None:
        super().modify_order(ticket, body)
        self.pending[ticket]["stopLimitPrice"] = None


@broker_fault("pending.modified-stop-limit", "PEND-050")
class StopsAreNotMoved(ExtendedBroker):
    def modify_order(self, ticket: int, body: Row) -> None:
        if self.pending[ticket]["type"] == "stop":
            body = {"sl": self.pending[ticket]["sl"], **{k: v for k, v in body.items() if k != "price"}}
        super().modify_order(ticket, body)


@broker_fault("pending.modification-refused", "PEND-100")
class HalfOfAModification(ExtendedBroker):
    """Moves the price before it looks at the levels."""

    def modify_order(self, ticket: int, body: Row) -> None:
        if "price" in body and "sl" in body:
            super().modify_order(ticket, {"price": body["price"]})
        super().modify_order(ticket, body)


@broker_fault("pending.modification-refused", "PEND-100")
class RefusedModificationsCancel(ExtendedBroker):
    def modify_order(self, ticket: int, body: Row) -> None:
        try:
            super().modify_order(ticket, body)
        except Declined:
            del self.pending[ticket]
            raise


@broker_fault("pending.modification-refused", "PEND-100")
class UnknownTicketsModifyTheOldest(ExtendedBroker):
    def modify(self, body: Row) -> None:
        if body.get("ticket") not in self.living() and body.get("ticket") not in self.open and self.pending:
            body = {**body, "ticket": min(self.pending)}
        super().modify(body)


# -- the end -----------------------------------------------------------------------------------------------------------


@broker_fault("pending.expires", "PEND-070")
class NothingExpires(ExtendedBroker):
    def is_over(self, order: Row) -> bool:
        return False


@broker_fault("pending.expires", "PEND-070")
class ExpirationsAreRefused(ExtendedBroker):
    def end(self, value: object) -> int | None:
        if value is not None and super().end(value) < self.now() + 3_600_000:  # type: ignore[operator]
            raise Declined("that is too soon")
        return super().end(value)


@broker_fault("pending.expires", "PEND-070")
class ExpiresAtTheEndOfTheHour(ExtendedBroker):
    """Its clock is an hour behind, as a broker's in another time zone."""

    def is_over(self, order: Row) -> bool:
        return order["expiration"] is not None and bool(order["expiration"] + 3_600_000 <= self.now())


@broker_fault("pending.expires", "PEND-070")
class AllEndWithTheFirst(ExtendedBroker):
    def living(self) -> dict[int, Row]:
        if any(self.is_over(one) for one in self.pending.values()):
            self.pending.clear()
        return self.pending


@broker_fault("pending.expires", "PEND-070")
class AnotherEndIsTold(_TellsItsEnd):
    def order_row(self, ticket: int) -> Row:
        row = super().order_row(ticket)
        return row | {"expiration": row["expiration"] + 7_200_000 if row["expiration"] else None}


@fault("pending.cancel-while-paused", "PEND-090")
class NoCancellingWhilePaused(ExtendedGateway):
    async def cancel(self, owner: Owner, request: web.Request) -> Any:
        if self.desk(owner).is_paused:
            raise Problem(409, "account_paused: trading is paused")
        return await super().cancel(owner, request)


@fault("pending.cancel-without-trades", "PEND-090")
class NoCancellingWithoutTrades(ExtendedGateway):
    async def cancel(self, owner: Owner, request: web.Request) -> Any:
        if owner.trades >= self.trades_per_day:
            raise Problem(429, "enough for today", {"Retry-After": "3600"})
        return await super().cancel(owner, request)


FAULTS = faults_of(globals())
