"""Open positions: `GET /api/positions`."""

from conformance.catalogue import check
from conformance.context import CheckContext
from conformance.desk import Desk
from conformance.quote import Quote
from conformance.reading import Row, is_accepted, is_same_number, number, ticket_of, told

LIST, MEMBERS, LISTED, PENDING, CLOSED, STOPS, MORE, TAGS, ONE = (f"TONPO-POS-0{row}0" for row in range(1, 10))


@check(
    id="positions.empty",
    title="Positions are a list, empty when nothing is open",
    requirements=(LIST,),
    needs=("account",),
)
async def empty(run: CheckContext) -> None:
    """List the positions. Only of a login that the suite made up is it certain that nothing is open."""
    answer = await run.call("listPositions")
    run.require_status(answer, 200, requirement=LIST)
    positions = answer.document.get("positions")
    run.require(isinstance(positions, list), LIST, "the answer has no list called positions", found=answer.json)
    is_fresh = run.target.is_sandbox and not run.target.accounts and run.account.is_created_by_run
    if is_fresh and not run.user.trades_used:
        run.expect(positions == [], LIST, "a new account has positions", expected=[], found=positions)


@check(
    id="positions.as-ordered",
    title="A position is listed as it was ordered",
    requirements=(MEMBERS, LISTED, STOPS, MORE, TAGS, ONE),
    effects="order",
    needs=("account",),
    trades=2,
)
async def as_ordered(run: CheckContext) -> None:
    """Open a buy with everything, close it, and open a larger sell with other tags and no stops."""
    async with Desk(run) as desk:
        quote = await desk.quote()
        stops = quote.stops("buy")
        bought = await desk.open("buy", **stops, magic=20_231, comment="bought")
        _judge(run, quote, bought, "buy", 1, stops, ("bought", 20_231))
        await _judge_alone(run, bought)
        await desk.close({"ticket": bought["ticket"]})
        await desk.settle_gone(ticket_of(bought))
        sold = await desk.open("sell", units=2, magic=777, comment="sold")
        _judge(run, quote, sold, "sell", 2, {}, ("sold", 777))


async def _judge_alone(run: CheckContext, row: Row) -> None:
    """Judge `GET /api/positions/{ticket}`, where the gateway offers it."""
    alone = await run.call("getPosition", path={"ticket": row["ticket"]})
    if alone.status == 200:
        run.expect(
            all(alone.document.get(name) == row[name] for name in ("ticket", "symbol", "side", "volume")),
            ONE,
            "GET /api/positions/{ticket} answers another position than the list has",
            expected=row,
            found=alone.json,
        )


@check(
    id="positions.side-by-side",
    title="Two positions are listed side by side, and nothing of one shows on the other",
    requirements=(MEMBERS, LISTED, STOPS, MORE, TAGS),
    effects="order",
    needs=("account",),
    trades=2,
)
async def side_by_side(run: CheckContext) -> None:
    """Open a buy with everything and a larger sell with other tags and no stops, and read both in one list."""
    async with Desk(run) as desk:
        quote = await desk.quote()
        stops = quote.stops("buy")
        first = await desk.open("buy", **stops, magic=20_232, comment="bought")
        second = await desk.open("sell", units=2, magic=778, comment="sold")
        rows = {ticket_of(row): row for row in await desk.rows()}
        bought, sold = rows.get(first["ticket"]), rows.get(second["ticket"])
        run.require(
            bought is not None and sold is not None,
            LISTED,
            "one of two open positions is not listed",
            expected=[first["ticket"], second["ticket"]],
            found=list(rows),
        )
        assert bought is not None
        assert sold is not None
        _judge(run, quote, bought, "buy", 1, stops, ("bought", 20_232))
        _judge(run, quote, sold, "sell", 2, {}, ("sold", 778))


def _judge(
    run: CheckContext,
    quote: Quote,
    row: Row,
    side: str,
    units: int,
    stops: dict[str, float],
    tags: tuple[str, int],
) -> None:
    volume = run.volumes(units)
    run.expect(
        row.get("symbol") == run.symbol, LISTED, f"the {side} has another symbol", expected=run.symbol, found=row
    )
    run.expect(row.get("side") == side, LISTED, f"the {side} has another side", expected=side, found=row)
    run.expect(
        is_same_number(row.get("volume"), volume), LISTED, f"the {side} has another volume", expected=volume, found=row
    )
    for name in ("openPrice", "currentPrice"):
        run.expect(
            quote.is_near(row.get(name)),
            MEMBERS,
            f"the {name} of the {side} is no price of {run.symbol}",
            expected=[quote.bid, quote.ask],
            found=row.get(name),
        )
    run.expect(number(row.get("profit")) is not None, MEMBERS, f"the {side} has no profit", found=row)
    for name in ("sl", "tp"):
        run.expect(
            quote.is_at(row.get(name), stops.get(name)),
            STOPS,
            f"the {name} of the {side} is not that of its order",
            expected=stops.get(name),
            found=row.get(name),
        )
        if name not in stops:
            run.expect(name in row and row[name] is None, MORE, f"{name} is not null where there is none", found=row)
    for name in ("openTime", "swap", "commission"):
        run.expect(number(row.get(name)) is not None, MORE, f"the {side} has no {name}", found=row)
    found = (row.get("comment"), row.get("magic"))
    run.expect(found == tags, TAGS, f"the {side} lacks the comment or magic of its order", expected=tags, found=found)


@check(
    id="positions.pending-is-none",
    title="Pending orders are accepted, and are no positions",
    requirements=(PENDING, "TONPO-ORD-050", "TONPO-ORD-020"),
    effects="order",
    needs=("account",),
    trades=4,
)
async def pending_is_none(run: CheckContext) -> None:
    """Place limits and stops of both sides 5 % from the market, and look that nothing opens.

    Only where the orders can be removed again: deprovisioning an account leaves its pending orders at the broker.
    """
    if not run.target.is_sandbox and "cancelOrder" not in run.contract.operations:
        run.could_not_run("core has no operation to cancel a pending order; they are placed on a sandbox only")
    async with Desk(run) as desk:
        quote = await desk.quote()
        low, high = quote.below(5), quote.above(5)
        tickets = []
        for side, kind, price in (
            ("buy", "limit", low),
            ("sell", "limit", high),
            ("buy", "stop", high),
            ("sell", "stop", low),
        ):
            answer = await desk.place(desk.body(side, kind, price=price))
            run.expect(
                is_accepted(answer),
                "TONPO-ORD-050",
                f"a {side} {kind} 5 % from the market was not accepted",
                found=told(answer),
                at=answer,
            )
            if is_accepted(answer):
                ticket = ticket_of(answer.document)
                has_ticket = ticket is not None and ticket > 0 and answer.document.get("success") is True
                run.expect(has_ticket, "TONPO-ORD-020", "no ticket, or success is not true", found=answer.json)
                tickets.append(ticket)
        run.expect(len(set(tickets)) == len(tickets), "TONPO-ORD-020", "two orders have one ticket", found=tickets)
        await run.pause(0.2)
        rows = await desk.rows()
        run.expect(
            not rows, "TONPO-ORD-050", "a pending order opened a position before its price was reached", found=rows
        )
        pending = [row for row in rows if ticket_of(row) in tickets]
        run.expect(not pending, PENDING, "a pending order is listed as a position", found=pending)


@check(
    id="positions.closed-is-none",
    title="A closed position is listed no longer, and the others still are",
    requirements=(CLOSED, LISTED),
    effects="order",
    needs=("account",),
    trades=2,
)
async def closed_is_none(run: CheckContext) -> None:
    """Open two, close the second, and look at the list until it is gone."""
    async with Desk(run) as desk:
        stays = await desk.open("sell")
        goes = await desk.open("sell")
        answer = await desk.close({"ticket": goes["ticket"]})
        run.require(is_accepted(answer), CLOSED, "the close was refused", found=told(answer), at=answer)
        rows = await desk.settle_gone(ticket_of(goes))
        tickets = [ticket_of(row) for row in rows]
        run.expect(goes["ticket"] not in tickets, CLOSED, "a closed position is still listed", found=rows)
        run.expect(stays["ticket"] in tickets, LISTED, "an open position is no longer listed", found=rows)
