"""Orders that are accepted: `POST /api/orders`."""

import asyncio
from typing import Any

from conformance.catalogue import check
from conformance.context import CheckContext
from conformance.desk import Desk
from conformance.exchange import Exchange
from conformance.quote import Quote
from conformance.reading import Row, is_accepted, is_same_number, net_volume, number, ticket_of, told

FORM, TICKET, ONCE, SIDES = "TONPO-ORD-010", "TONPO-ORD-020", "TONPO-ORD-030", "TONPO-ORD-040"
PRICE, OPTIONAL, ANSWER, SAME_TICKET = "TONPO-ORD-090", "TONPO-ORD-110", "TONPO-ORD-190", "TONPO-ORD-210"
UNKNOWN_MEMBERS, LISTED, STOPS = "TONPO-ORD-220", "TONPO-POS-030", "TONPO-POS-060"


def _require_accepted(run: CheckContext, answer: Exchange, requirement: str, what: str) -> None:
    run.require(is_accepted(answer), requirement, f"{what} was not accepted", found=told(answer), at=answer)


def _expect_ticket(run: CheckContext, answer: Exchange) -> None:
    ticket = ticket_of(answer.document)
    run.expect(
        ticket is not None and ticket > 0, TICKET, "the answer has no positive integer ticket", found=answer.json,
        at=answer,
    )  # fmt: skip
    run.expect(answer.document.get("success") is True, TICKET, "success is not true", found=answer.json, at=answer)


def _volumes(rows: list[Row]) -> list[str]:
    return sorted(str(number(row.get("volume"))) for row in rows)


@check(
    id="orders.market-both-sides",
    title="A market order opens exactly its volume on its side, once",
    requirements=(FORM, TICKET, ONCE, SIDES, ANSWER, SAME_TICKET, LISTED),
    effects="order",
    needs=("account",),
    trades=2,
)
async def market_both_sides(run: CheckContext) -> None:
    """Buy and close, then sell twice as much and close; after each order exactly one position may be there."""
    async with Desk(run) as desk:
        quote = await desk.quote()
        for side, units in (("buy", 1), ("sell", 2)):
            answer = await desk.place(desk.body(side, units=units))
            _require_accepted(run, answer, FORM if side == "buy" else SIDES, f"a market {side}")
            run.expect_status(answer, 200, 201, requirement=FORM)
            _expect_ticket(run, answer)
            rows = await desk.opened(answer)
            run.require(
                bool(rows), LISTED, f"the position of an accepted {side} is not listed", found=answer.json, at=answer
            )
            await run.pause(0.1)
            rows = await desk.rows()
            _expect_exactly(run, rows, side, run.volumes(units))
            _judge_answer(run, quote, answer, rows, run.volumes(units))
            for row in rows:
                await desk.close({"ticket": row.get("ticket")}, valid=False)
            await desk.settle(lambda rows: not rows)


def _expect_exactly(run: CheckContext, rows: list[Row], side: str, volume: float) -> None:
    run.expect(
        _volumes(rows) == [str(number(volume))],
        ONCE,
        f"one {side} of {volume} lots opened something else",
        expected=[volume],
        found=rows,
    )
    for row in rows:
        run.expect(row.get("side") == side, SIDES, f"a {side} opened another side", expected=side, found=row)
        run.expect(row.get("symbol") == run.symbol, LISTED, "another symbol was opened", expected=run.symbol, found=row)


def _judge_answer(run: CheckContext, quote: Quote, answer: Exchange, rows: list[Row], volume: float) -> None:
    body = answer.document
    run.expect(not body.get("error"), ANSWER, "an accepted order's answer holds an error", found=body, at=answer)
    run.expect(is_same_number(body.get("volume"), volume), ANSWER, "volume is not the one that was filled",
               expected=volume, found=body, at=answer)  # fmt: skip
    run.expect(quote.is_near(body.get("price")), ANSWER, "price is not the one that was filled",
               expected=[quote.bid, quote.ask], found=body, at=answer)  # fmt: skip
    tickets = [ticket_of(row) for row in rows]
    run.expect(body.get("ticket") in tickets, SAME_TICKET, "the answer's ticket is not that of the position",
               expected=tickets, found=body.get("ticket"), at=answer)  # fmt: skip


@check(
    id="orders.all-members-or-none",
    title="A market order is accepted with every optional member and with none",
    requirements=(PRICE, OPTIONAL, STOPS),
    effects="order",
    needs=("account",),
    trades=2,
)
async def all_members_or_none(run: CheckContext) -> None:
    """Send the docs' own example with prices of the moment, then only what is required; look at the stops of both."""
    async with Desk(run) as desk:
        quote = await desk.quote()
        full = desk.body("sell", price=quote.bid, **quote.stops("sell"), comment="my-bot", magic=12_345)
        for body in (full, desk.body("sell")):
            answer = await desk.place(body)
            has_price = "price" in body
            _require_accepted(run, answer, PRICE, f"a market order {'with' if has_price else 'without'} price")
            rows = await desk.opened(answer)
            run.require(len(rows) == 1, OPTIONAL, "an accepted order did not open one position", found=rows, at=answer)
            for name in ("sl", "tp"):
                run.expect(
                    quote.is_at(rows[0].get(name), body.get(name)),
                    STOPS,
                    f"the position's {name} is not that of the order",
                    expected=body.get(name),
                    found=rows[0].get(name),
                )
            await desk.close({"ticket": rows[0].get("ticket")}, valid=False)
            await desk.settle_gone(ticket_of(rows[0]))


@check(
    id="orders.single-optional-members",
    title="Each optional member of an order can be sent alone",
    requirements=(OPTIONAL, STOPS),
    effects="order",
    needs=("account",),
    trades=4,
)
async def single_optional_members(run: CheckContext) -> None:
    """Place four market orders: one with sl, one with tp, one with a comment, one with a magic number."""
    async with Desk(run) as desk:
        quote = await desk.quote()
        stops = quote.stops("buy")
        members: tuple[dict[str, Any], ...] = (
            {"sl": stops["sl"]},
            {"tp": stops["tp"]},
            {"comment": "alone"},
            {"magic": 4_242},
        )
        for member in members:
            answer = await desk.place(desk.body("buy", **member))
            name = next(iter(member))
            _require_accepted(run, answer, OPTIONAL, f"a market order with {name} alone")
            rows = await desk.opened(answer)
            run.require(len(rows) == 1, OPTIONAL, "an accepted order did not open one position", found=rows, at=answer)
            for level in ("sl", "tp"):
                wanted = member.get(level)
                run.expect(quote.is_at(rows[0].get(level), wanted), STOPS, f"{level} after an order with {name} alone",
                           expected=wanted, found=rows[0].get(level))  # fmt: skip
            await desk.close({"ticket": rows[0].get("ticket")}, valid=False)
            await desk.settle_gone(ticket_of(rows[0]))


@check(
    id="orders.at-once",
    title="Two orders sent at once open two positions, and each answer belongs to its own",
    requirements=(ONCE, TICKET, LISTED, "TONPO-POS-080"),
    effects="order",
    needs=("account",),
    trades=2,
)
async def at_once(run: CheckContext) -> None:
    """Buy one and two volumes with different tags at the same moment, and follow each ticket to its position."""
    async with Desk(run) as desk:
        asked = [(1, 501, "one"), (2, 502, "two")]
        answers = await asyncio.gather(
            *(desk.place(desk.body("buy", units=units, magic=magic, comment=text)) for units, magic, text in asked)
        )
        for answer in answers:
            _require_accepted(run, answer, ONCE, "one of two orders sent at once")
            _expect_ticket(run, answer)
        rows = await desk.settle(lambda rows: is_same_number(float(net_volume(rows)), run.volumes(3)))
        if len(rows) == 1 and is_same_number(rows[0].get("volume"), run.volumes(3)):
            run.not_applicable("the account nets the positions of a symbol, and this needs two at once")
        wanted = sorted(str(number(run.volumes(units))) for units, _, _ in asked)
        run.expect(_volumes(rows) == wanted, ONCE, "two orders opened something else", expected=wanted, found=rows)
        tickets = [ticket_of(answer.document) for answer in answers]
        run.expect(len(set(tickets)) == len(tickets), TICKET, "two orders got one ticket", found=tickets)
        by_ticket = {ticket_of(row): row for row in rows}
        for answer, (units, magic, text) in zip(answers, asked, strict=True):
            row = by_ticket.get(ticket_of(answer.document))
            if row is None:
                continue
            volume = run.volumes(units)
            run.expect(is_same_number(row.get("volume"), volume), LISTED, "the answer has the ticket of another order",
                       expected=volume, found=row, at=answer)  # fmt: skip
            tags = (row.get("magic", magic), row.get("comment", text))
            run.expect(tags == (magic, text), "TONPO-POS-080", "the tags belong to another order",
                       expected=(magic, text), found=tags, at=answer)  # fmt: skip


@check(
    id="orders.unknown-members",
    title="Members that the contract does not name are ignored",
    requirements=(UNKNOWN_MEMBERS, ONCE),
    effects="order",
    needs=("account",),
    trades=1,
)
async def unknown_members(run: CheckContext) -> None:
    """Send an order with members of some other API, one of which would be a larger volume there."""
    async with Desk(run) as desk:
        strange: dict[str, Any] = {"lots": run.volumes(2), "clientTag": {"a": [1]}, "timeInForce": None}
        answer = await desk.place(desk.body("buy", **strange))
        if not run.expect(
            is_accepted(answer), UNKNOWN_MEMBERS, "an order with unknown members was refused", found=told(answer),
            at=answer,
        ):  # fmt: skip
            return
        rows = await desk.opened(answer)
        wanted = [str(number(run.volume))]
        run.expect(_volumes(rows) == wanted, ONCE, "the order opened something else", expected=wanted, found=rows)
