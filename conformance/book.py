"""A trading account with its pending orders: place them far from the market, look at them, cancel them."""

from collections.abc import Callable
from typing import Any, Self

from conformance.desk import Desk, pauses
from conformance.errors import PrerequisiteFailed
from conformance.exchange import Exchange, Headers
from conformance.quote import Quote
from conformance.reading import Row, is_accepted, number, ticket_of, told

__all__ = ["DISTANCE_PERCENT", "Book", "terms", "wanted_terms"]

DISTANCE_PERCENT = 5.0
"""How far from the market pending orders rest: no symbol moves that far within a check."""

LEVELS_PERCENT = 3.0
STOP_LIMIT_PERCENT = 0.5

_PRICES = ("price", "stopLimitPrice", "sl", "tp")


def terms(row: Row) -> dict[str, Any]:
    """Return what nobody but its owner may change about a pending order; a level that is 0, null or absent is None."""
    found: dict[str, Any] = {name: row.get(name) for name in ("ticket", "symbol", "side", "orderType")}
    found |= {name: str(number(row.get(name)) or None) for name in ("volume", *_PRICES)}
    return found | {"expiration": row.get("expiration") or None}


def wanted_terms(row: Row, given: dict[str, Any]) -> dict[str, Any]:
    """Return the terms of an order after a modification with `given`."""
    return terms({**row, **given})


class Book(Desk):
    """A desk that also keeps pending orders; on leaving it cancels those it placed."""

    _strange_orders: frozenset[int] = frozenset()

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._strange_orders = frozenset(filter(None, map(ticket_of, await self._list_orders())))
        return self

    # -- looking -------------------------------------------------------------------------------------------------------

    async def orders(self) -> list[Row]:
        """List the pending orders that were placed since the book was entered. Raises PrerequisiteFailed."""
        return [row for row in await self._list_orders() if ticket_of(row) not in self._strange_orders]

    async def order(self, ticket: object) -> Row | None:
        """Look for one pending order in the list; None when it is not there."""
        return next((row for row in await self.orders() if ticket_of(row) == ticket), None)

    async def settle_orders(self, is_settled: Callable[[list[Row]], bool]) -> list[Row]:
        """Look until the pending orders are as wanted or the target's patience ends; return the last ones seen."""
        rows = await self.orders()
        for pause in pauses(self._run):
            if is_settled(rows):
                break
            await self._run.pause(pause)
            rows = await self.orders()
        return rows

    async def get(self, ticket: object) -> Exchange:
        """Ask for one order by its ticket."""
        return await self.call("getOrder", path={"ticket": ticket})

    # -- trading -------------------------------------------------------------------------------------------------------

    def resting(
        self, quote: Quote, side: str, kind: str, *, units: int = 1, percent: float = DISTANCE_PERCENT, **members: Any
    ) -> dict[str, Any]:
        """Return the body of a pending order that rests `percent` from the market. Raises CouldNotRun."""
        is_below = (kind == "limit") == (side == "buy")
        price = quote.below(percent) if is_below else quote.above(percent)
        if kind == "stopLimit":
            members = {"stopLimitPrice": _beside(quote, price, side, -STOP_LIMIT_PERCENT), **members}
        return self.body(side, kind, units=units, price=price, **members)

    @staticmethod
    def levels(quote: Quote, body: dict[str, Any], percent: float = LEVELS_PERCENT) -> dict[str, float]:
        """Return a stop loss and a take profit around the price of a pending order."""
        price, side = body["price"], body["side"]
        return {"sl": _beside(quote, price, side, -percent), "tp": _beside(quote, price, side, percent)}

    async def rest(self, body: dict[str, Any]) -> Row:
        """Place a pending order that a check starts from, and return it as listed. Raises PrerequisiteFailed."""
        answer = await self.place(body)
        if not is_accepted(answer):
            raise PrerequisiteFailed(f"the {body['orderType']} order that this starts from was not accepted: "
                                     f"{told(answer)}")  # fmt: skip
        wanted = ticket_of(answer.document)
        rows = await self.settle_orders(lambda rows: any(ticket_of(row) == wanted for row in rows))
        row = next((row for row in rows if ticket_of(row) == wanted), None)
        if row is None:
            raise PrerequisiteFailed(f"the pending order {wanted} that this starts from is not listed")
        return row

    async def cancel(self, ticket: object, *, headers: Headers = ()) -> Exchange:
        """Cancel a pending order."""
        return await self.call("cancelOrder", path={"ticket": ticket}, headers=headers)

    def unknown_order(self) -> int:
        """Return a ticket that no order has."""
        return max([self.unknown_ticket(), *(ticket + 1_000_000_000 for ticket in self._strange_orders)])

    # -- inside --------------------------------------------------------------------------------------------------------

    async def _list_orders(self) -> list[Row]:
        answer = await self.call("listOrders")
        if answer.status != 200 or not isinstance(answer.document.get("orders"), list):
            raise PrerequisiteFailed(f"the pending orders could not be listed: {told(answer)}")
        return answer.rows("orders")

    async def _tidy(self) -> None:
        """Cancel what is pending and close what is open. Outside a sandbox only what an answer named."""
        for row in await self.orders():
            ticket = ticket_of(row)
            if ticket is not None and (ticket in self._tickets or self._run.target.is_sandbox):
                await self.cancel(ticket)
        await super()._tidy()


def _beside(quote: Quote, price: float, side: str, percent: float) -> float:
    """Return a price that far from another: in the direction of gain when positive."""
    sign = 1 if side == "buy" else -1
    return round(price * (1 + sign * percent / 100), quote.digits)
