"""Gateways and brokers that list, read and cancel pending orders wrongly."""

from typing import Any

from aiohttp import web

from tests.conformance.extended_broker import ExtendedBroker
from tests.conformance.extended_gateway import ExtendedGateway
from tests.conformance.faults.registering import broker_fault, faults_of
from tests.conformance.faults.registering import extended_fault as fault
from tests.conformance.unusual_broker import Refused
from tests.conformance.unusual_gateway import Owner, Problem

Row = dict[str, Any]

# -- the list and the single order -------------------------------------------------------------------------------------


class _OtherRows(ExtendedBroker):
    """Tells its orders otherwise."""

    def other(self, row: Row) -> Row:
        return row

    def order_row(self, ticket: int) -> Row:
        return self.other(super().order_row(ticket))


@broker_fault("pending.listed", "PEND-010")
class SidesExchanged(_OtherRows):
    def other(self, row: Row) -> Row:
        return row | {"side": "sell" if row["side"] == "buy" else "buy"}


@broker_fault("pending.listed", "PEND-010")
class PricesOfTheMarket(_OtherRows):
    def other(self, row: Row) -> Row:
        return row | {"price": self.quote(row["symbol"])[0]}


@broker_fault("pending.listed", "PEND-010")
class AllAreLimits(_OtherRows):
    def other(self, row: Row) -> Row:
        return row | {"orderType": "limit"}


@broker_fault("pending.listed", "PEND-010")
class VolumesInUnits(_OtherRows):
    def other(self, row: Row) -> Row:
        return row | {"volume": row["volume"] * 100_000}


@broker_fault("pending.listed", "PEND-010")
class WithoutLevels(_OtherRows):
    def other(self, row: Row) -> Row:
        return {name: value for name, value in row.items() if name not in ("sl", "tp")}


@broker_fault("pending.listed", "PEND-010")
class LevelsAreNotPlaced(ExtendedBroker):
    def rest(self, body: Row) -> int:
        return super().rest({**body, "sl": None, "tp": None})


@broker_fault("pending.listed", "PEND-010")
class NewestOnly(ExtendedBroker):
    def order_rows(self) -> list[Row]:
        return super().order_rows()[:1]


@broker_fault("pending.listed", "PEND-010")
class PositionsAmongOrders(ExtendedBroker):
    def order_rows(self) -> list[Row]:
        found = [{"state": "filled", "orderType": "market", "price": one["openPrice"], **one} for one in self.rows()]
        return super().order_rows() + found


@broker_fault("pending.listed", "PEND-010")
class OrdersAmongPositions(ExtendedBroker):
    def rows(self) -> list[Row]:
        waiting = [{"profit": 0, "openPrice": one["price"], "currentPrice": one["price"], **one}
                   for one in self.order_rows()]  # fmt: skip
        return super().rows() + waiting


@fault("pending.listed", "PEND-020")
class SingleOrdersAreLost(ExtendedGateway):
    async def one_order(self, owner: Owner, request: web.Request) -> Any:
        raise Refused(404, "order_not_found: nothing waits under that ticket")


@fault("pending.listed", "PEND-020")
class AnyTicketIsTheNewest(ExtendedGateway):
    async def one_order(self, owner: Owner, request: web.Request) -> Any:
        rows = self.book(owner).order_rows()
        return rows[0] if rows else await super().one_order(owner, request)


@fault("pending.listed", "PEND-020")
class UnknownTicketsAre400(ExtendedGateway):
    async def one_order(self, owner: Owner, request: web.Request) -> Any:
        try:
            return await super().one_order(owner, request)
        except Refused as refused:
            raise Problem(400, str(refused)) from None


# -- stop-limit --------------------------------------------------------------------------------------------------------


@broker_fault("pending.stop-limit", "PEND-060")
class StopLimitIsUnknown(ExtendedBroker):
    def rest(self, body: Row) -> int:
        if body["orderType"] == "stopLimit":
            raise Refused(422, "orderType is wrong")
        return super().rest(body)


@broker_fault("pending.stop-limit", "PEND-060")
class StopLimitIsAStop(ExtendedBroker):
    def rest(self, body: Row) -> int:
        return super().rest({**body, "orderType": "stop" if body["orderType"] == "stopLimit" else body["orderType"]})


@broker_fault("pending.stop-limit", "PEND-060")
class StopLimitWithOnePrice(ExtendedBroker):
    def rest(self, body: Row) -> int:
        return super().rest({"stopLimitPrice": body.get("price"), **body})


@broker_fault("pending.stop-limit", "PEND-060")
class LimitPriceIsThePrice(ExtendedBroker):
    def rest(self, body: Row) -> int:
        return super().rest({**body, "price": body.get("stopLimitPrice", body.get("price"))})


@broker_fault("pending.stop-limit", "PEND-010")
class StopLimitIsNotListed(ExtendedBroker):
    def order_rows(self) -> list[Row]:
        return [row for row in super().order_rows() if row["orderType"] != "stopLimit"]


# -- cancelling --------------------------------------------------------------------------------------------------------


@broker_fault("pending.cancelled", "PEND-030")
class CancelledInWordsOnly(ExtendedBroker):
    def cancel(self, ticket: int) -> None:
        self.waiting(ticket)


@broker_fault("pending.cancelled", "PEND-030")
class CancelsAll(ExtendedBroker):
    def cancel(self, ticket: int) -> None:
        super().cancel(ticket)
        self.pending.clear()


@broker_fault("pending.cancelled", "PEND-030")
class CancelsTheOldest(ExtendedBroker):
    def cancel(self, ticket: int) -> None:
        self.waiting(ticket)
        del self.pending[min(self.pending)]


class _Ghosts(ExtendedBroker):
    def __init__(self) -> None:
        super().__init__()
        self.ghosts: dict[int, Row] = {}

    def cancel(self, ticket: int) -> None:
        row = self.order_row(ticket)
        one = self.pending[ticket]
        super().cancel(ticket)
        self.remember(ticket, row, one)

    def remember(self, ticket: int, row: Row, one: Row) -> None:
        self.ghosts[ticket] = row


@broker_fault("pending.cancelled", "PEND-020")
class CancelledIsStillPlaced(_Ghosts):
    def order_row(self, ticket: int) -> Row:
        if ticket in self.ghosts:
            return self.ghosts[ticket] | {"state": "placed"}
        return super().order_row(ticket)


@broker_fault("pending.cancelled-never-fills", "PEND-030")
class FillsWhatIsCancelled(_Ghosts):
    def remember(self, ticket: int, row: Row, one: Row) -> None:
        self.ghosts[ticket] = one

    def move(self) -> None:
        super().move()
        for ticket in [ticket for ticket, one in self.ghosts.items() if self.is_reached(one)]:
            self.open[ticket] = {"open": self.ghosts[ticket]["price"], **self.ghosts.pop(ticket)}


@broker_fault("pending.cancelled", "PEND-040")
class UnknownIsCancelled(ExtendedBroker):
    def cancel(self, ticket: int) -> None:
        self.living().pop(ticket, None)


@broker_fault("pending.cancelled", "PEND-040")
class UnknownCancelsTheNewest(ExtendedBroker):
    def cancel(self, ticket: int) -> None:
        if ticket not in self.living() and self.pending:
            del self.pending[max(self.pending)]
        super().cancel(ticket)


@broker_fault("pending.cancelled", "PEND-040")
class CancellingClosesPositions(ExtendedBroker):
    def cancel(self, ticket: int) -> None:
        self.open.pop(ticket, None)
        super().cancel(ticket)


@fault("pending.cancelled", "PEND-040")
class AnotherReasonForUnknown(ExtendedGateway):
    async def cancel(self, owner: Owner, request: web.Request) -> Any:
        try:
            return await super().cancel(owner, request)
        except Refused:
            raise Problem(404, "account_not_found: what?") from None


@fault("pending.isolation", "PEND-080")
class OrdersOfAll(ExtendedGateway):
    async def orders(self, owner: Owner, request: web.Request) -> Any:
        return {"orders": [row for one in self.owners.values() for terminal in one.living()
                           if isinstance(terminal.broker, ExtendedBroker)
                           for row in terminal.broker.order_rows()]}  # fmt: skip


class _OfAnyone(ExtendedGateway):
    """Looks for a ticket among the orders of all users."""

    def holder(self, owner: Owner, ticket: object) -> Owner:
        for one in (owner, *self.owners.values()):
            if any(ticket in terminal.broker.pending for terminal in one.living()):
                return one
        return owner


@fault("pending.isolation", "PEND-080")
class OrderOfAnyone(_OfAnyone):
    async def one_order(self, owner: Owner, request: web.Request) -> Any:
        return await super().one_order(self.holder(owner, self.ticket(request)), request)


@fault("pending.isolation", "PEND-080")
class CancelsOfAnyone(_OfAnyone):
    async def cancel(self, owner: Owner, request: web.Request) -> Any:
        return await super().cancel(self.holder(owner, self.ticket(request)), request)


@fault("pending.isolation", "PEND-080")
class ModifiesOfAnyoneAndRefuses(_OfAnyone):
    async def modify(self, owner: Owner, request: web.Request) -> Any:
        holder = self.holder(owner, (await self.body(request)).get("ticket"))
        answer = await super().modify(holder, request)
        if holder is not owner:
            raise Problem(404, "position_not_found: no such position")
        return answer


FAULTS = faults_of(globals())
