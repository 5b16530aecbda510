"""Pending orders that are listed, read and cancelled."""

import asyncio
from decimal import Decimal
from typing import Any

from conformance.book import Book, terms
from conformance.catalogue import check
from conformance.context import CheckContext
from conformance.desk import Desk
from conformance.exchange import Exchange
from conformance.quote import Quote
from conformance.reading import Row, is_accepted, is_refused, number, ticket_of, told

LISTED, ONE, CANCELS, CANCELS_NOTHING = (f"TONPO-PEND-0{row}0" for row in range(1, 5))
STOP_LIMIT, ISOLATED = "TONPO-PEND-060", "TONPO-PEND-080"

SIDES = ("buy", "sell")
LIVING_STATES = ("placed", "partial")


async def _placed(run: CheckContext, book: Book, body: dict[str, Any], requirement: str) -> int:
    """Place a pending order that has to be accepted, and return its ticket."""
    answer = await book.place(body)
    what = f"a {body['orderType']} {body['side']}"
    run.require(is_accepted(answer), requirement, f"{what} was not accepted", found=told(answer), at=answer)
    ticket = ticket_of(answer.document)
    run.require(ticket is not None and ticket > 0, requirement, f"{what} got no ticket", found=answer.json, at=answer)
    assert ticket is not None
    return ticket


def _expect_terms(
    run: CheckContext, quote: Quote, row: Row, body: dict[str, Any], requirement: str, at: Exchange | None = None
) -> None:
    """Compare an order as the gateway tells it with its placing; prices to half a point."""
    for name in ("symbol", "side", "orderType"):
        run.expect(row.get(name) == body[name], requirement, f"{name} of a pending order is not that of its placing",
                   expected=body[name], found=row, at=at)  # fmt: skip
    volumes = terms(row)["volume"], terms(body)["volume"]
    run.expect(volumes[0] == volumes[1], requirement, "volume of a pending order is not that of its placing",
               expected=body["volume"], found=row, at=at)  # fmt: skip
    for name in ("price", "stopLimitPrice", "sl", "tp"):
        run.expect(quote.is_at(row.get(name), body.get(name)), requirement,
                   f"{name} of a pending order is not that of its placing", expected=body.get(name), found=row,
                   at=at)  # fmt: skip


@check(
    id="pending.listed",
    title="Limit and stop orders of both sides are listed as they were placed, and nothing else is",
    requirements=(LISTED, ONE),
    effects="order",
    needs=("account",),
    trades=5,
)
async def listed(run: CheckContext) -> None:
    """Place four pending orders, two with levels, and a market order; look at the list, each order, and an unknown."""
    async with Book(run) as book:
        quote = await book.quote()
        bodies: dict[int, dict[str, Any]] = {}
        for number, (kind, side) in enumerate((kind, side) for kind in ("limit", "stop") for side in SIDES):
            body = book.resting(quote, side, kind, units=1 + number % 2)
            if kind == "limit":
                body |= book.levels(quote, body)
            bodies[await _placed(run, book, body, LISTED)] = body
        position = await book.open("buy")
        rows = await book.settle_orders(lambda rows: len(rows) == len(bodies))
        found = sorted(str(ticket_of(row)) for row in rows)
        run.expect(found == sorted(map(str, bodies)), LISTED, "the list is not that of the pending orders",
                   expected=sorted(bodies), found=rows)  # fmt: skip
        for row in rows:
            body = bodies.get(ticket_of(row) or 0, {})
            if body:
                _expect_terms(run, quote, row, body, LISTED)
        await _expect_found(run, book, quote, bodies)
        unknown = await book.get(book.unknown_order())
        run.expect(
            unknown.status == 404 and unknown.document.get("reason") == "order_not_found",
            ONE,
            "an unknown ticket was not answered 404 order_not_found",
            expected="404 order_not_found",
            found=told(unknown),
            at=unknown,
        )
        opened = await book.rows()
        run.expect([ticket_of(row) for row in opened] == [position["ticket"]], LISTED,
                   "a pending order is listed as a position", expected=[position], found=opened)  # fmt: skip


async def _expect_found(run: CheckContext, book: Book, quote: Quote, bodies: dict[int, dict[str, Any]]) -> None:
    for ticket, body in bodies.items():
        answer = await book.get(ticket)
        run.expect_status(answer, 200, requirement=ONE, message="a pending order is not readable by its ticket")
        if answer.status == 200:
            run.expect(ticket_of(answer.document) == ticket, ONE, "another order came back", expected=ticket,
                       found=answer.json, at=answer)  # fmt: skip
            _expect_terms(run, quote, answer.document, body, ONE, answer)


@check(
    id="pending.stop-limit",
    title="A stop-limit order rests with both of its prices, and is refused without either",
    requirements=(STOP_LIMIT, LISTED),
    effects="order",
    needs=("account",),
    trades=2,
)
async def stop_limit(run: CheckContext) -> None:
    """Place one on each side, then leave out one price after the other."""
    async with Book(run) as book:
        quote = await book.quote()
        placed = 0
        for side in SIDES:
            body = book.resting(quote, side, "stopLimit")
            ticket = await _placed(run, book, body, STOP_LIMIT)
            placed += 1
            rows = await book.settle_orders(lambda rows, ticket=ticket: any(ticket_of(row) == ticket for row in rows))  # type: ignore[misc]
            row = next((row for row in rows if ticket_of(row) == ticket), None)
            run.require(row is not None, LISTED, "an accepted stopLimit order is not listed", found=rows)
            assert row is not None
            _expect_terms(run, quote, row, body, STOP_LIMIT)
            for name in ("price", "stopLimitPrice"):
                lacking = {key: value for key, value in body.items() if key != name}
                answer = await book.place(lacking, valid=False)
                run.expect(is_refused(answer), STOP_LIMIT, f"a stopLimit order without {name} was accepted",
                           found=told(answer), at=answer)  # fmt: skip
        rows = await book.orders()
        run.expect(len(rows) == placed, STOP_LIMIT, "a refused stopLimit order rests", expected=f"{placed} orders",
                   found=rows)  # fmt: skip
        run.expect(not await book.rows(), STOP_LIMIT, "a stopLimit order far from the market opened a position")


@check(
    id="pending.cancelled",
    title="A cancelled order is gone for good, and no other is",
    requirements=(CANCELS, CANCELS_NOTHING, ONE),
    effects="order",
    needs=("account",),
    trades=4,
)
async def cancelled(run: CheckContext) -> None:
    """Cancel one of three orders, then again, then tickets that are not pending: unknown, and of a position."""
    async with Book(run) as book:
        quote = await book.quote()
        position = await book.open("buy")
        orders = [
            await book.rest(book.resting(quote, side, kind))
            for side, kind in (("buy", "limit"), ("sell", "limit"), ("buy", "stop"))
        ]
        gone, others = orders[1], [terms(orders[0]), terms(orders[2])]
        answer = await book.cancel(gone["ticket"])
        run.require(is_accepted(answer), CANCELS, "cancelling a pending order was refused", found=told(answer),
                    at=answer)  # fmt: skip
        rows = await book.settle_orders(lambda rows: all(ticket_of(row) != gone["ticket"] for row in rows))
        run.require(
            gone["ticket"] not in map(ticket_of, rows), CANCELS, "a cancelled order is still listed", found=rows
        )
        _expect_same(run, rows, others, CANCELS, "cancelling one order touched another")
        await _expect_not_pending(run, book, gone["ticket"])
        steps = (
            (gone["ticket"], "an order that was cancelled before"),
            (book.unknown_order(), "an unknown ticket"),
            (position["ticket"], "the ticket of a position"),
        )
        for ticket, what in steps:
            answer = await book.cancel(ticket)
            run.expect(
                is_refused(answer)
                and (answer.status != 404 or answer.document.get("reason", "order_not_found") == "order_not_found"),
                CANCELS_NOTHING,
                f"cancelling {what} was not refused as order_not_found",
                expected="404 order_not_found, or another refusal",
                found=told(answer),
                at=answer,
            )
            _expect_same(run, await book.orders(), others, CANCELS_NOTHING, f"cancelling {what} touched an order")
        opened = await book.rows()
        run.expect([ticket_of(row) for row in opened] == [position["ticket"]], CANCELS_NOTHING,
                   "cancelling closed or opened a position", expected=[position], found=opened)  # fmt: skip


async def _expect_not_pending(run: CheckContext, book: Book, ticket: int) -> None:
    """Ask for a cancelled order: not found, or found in a state that is no longer a living one."""
    answer = await book.get(ticket)
    is_past = answer.status == 200 and answer.document.get("state") not in LIVING_STATES
    run.expect(answer.status == 404 or is_past, ONE, "a cancelled order is given as pending",
               expected="404, or the order as cancelled", found=told(answer), at=answer)  # fmt: skip


def _expect_same(run: CheckContext, rows: list[Row], wanted: list[dict[str, Any]], requirement: str, what: str) -> None:
    found = sorted((terms(row) for row in rows), key=lambda one: str(one["ticket"]))
    wanted = sorted(wanted, key=lambda one: str(one["ticket"]))
    run.expect(found == wanted, requirement, what, expected=wanted, found=found)


@check(
    id="pending.cancelled-never-fills",
    title="An order that is cancelled close to the market does not fill when the market reaches it",
    requirements=(CANCELS,),
    effects="order",
    needs=("account",),
    trades=6,
)
async def cancelled_never_fills(run: CheckContext) -> None:
    """Rest orders a spread from the market on both sides, cancel them at once, and wait until the market passed one.

    Where the market was faster than the cancelling, or stands still, nothing is said.
    """
    async with Book(run) as book:
        for _ in range(3):
            quote = await book.quote()
            buy = book.body("buy", "limit", price=quote.bid)
            sell = book.body("sell", "limit", price=quote.ask)
            answers = [await book.place(body) for body in (buy, sell)]
            tickets = [ticket_of(answer.document) for answer in answers if is_accepted(answer)]
            cancels = await asyncio.gather(*(book.cancel(ticket) for ticket in tickets))
            if len(tickets) == 2 and all(is_accepted(one) for one in cancels):
                break
        else:
            run.not_applicable("no order close to the market was accepted and cancelled before it filled")
        before = sorted(map(str, map(ticket_of, await book.rows())))
        async with run.stream() as stream:
            await stream.send({"type": "subscribe", "symbols": [run.symbol]})
            passed = await stream.wait_any(
                where=lambda message: _has_passed(message, buy, sell), within=run.target.timeouts.stream_message
            )
        if passed is None:
            run.not_applicable("the market did not reach the price of a cancelled order")
        await run.pause(0.2)
        rows = await book.rows()
        run.expect(sorted(map(str, map(ticket_of, rows))) == before, CANCELS, "a cancelled order filled",
                   expected=before, found=rows)  # fmt: skip


def _has_passed(message: Row, buy: Row, sell: Row) -> bool:
    """Say whether a tick or quote would have filled the buy or the sell."""
    bid, ask = number(message.get("bid")), number(message.get("ask"))
    if bid is None or ask is None:
        return False
    return ask <= Decimal(str(buy["price"])) or bid >= Decimal(str(sell["price"]))


@check(
    id="pending.isolation",
    title="A user neither sees nor changes another user's pending order",
    requirements=(ISOLATED,),
    effects="order",
    needs=("account", "second_account"),
    trades=1,
)
async def isolation(run: CheckContext) -> None:
    """Rest an order as one user; list, read, modify and cancel it as another."""
    async with Book(run) as book, Desk(run, user=run.second_user) as theirs:
        quote = await book.quote()
        body = book.resting(quote, "buy", "limit")
        row = await book.rest({**body, **book.levels(quote, body)})
        ticket = row["ticket"]
        seen = await theirs.call("listOrders")
        foreign = [one for one in seen.rows("orders") if terms(one) == terms(row)]
        run.expect(not foreign, ISOLATED, "another user's pending order is listed", found=foreign, at=seen)
        if any(ticket_of(one) == ticket for one in seen.rows("orders")) and not foreign:
            run.could_not_run(f"both users have an order {ticket}: tickets count per broker")
        read = await theirs.call("getOrder", path={"ticket": ticket})
        run.expect_status(read, 404, requirement=ISOLATED, message="another user's pending order is readable")
        changes: tuple[tuple[str, dict[str, Any]], ...] = (
            ("modifyPosition", {"body": {"ticket": ticket, "price": quote.below(6)}}),
            ("modifyPosition", {"body": {"ticket": ticket, "sl": None}}),
            ("cancelOrder", {"path": {"ticket": ticket}}),
        )
        for operation, members in changes:
            answer = await theirs.call(operation, **members)
            run.expect(is_refused(answer), ISOLATED, f"{operation} with another user's pending order is not refused",
                       found=told(answer), at=answer)  # fmt: skip
            now = await book.order(ticket)
            run.expect(
                now is not None and terms(now) == terms(row),
                ISOLATED,
                f"{operation} of one user changed another's pending order",
                expected=terms(row),
                found=now,
                at=answer,
            )
