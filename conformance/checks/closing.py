"""Closing positions: `POST /api/orders/close`."""

from typing import Any

from conformance.catalogue import check
from conformance.context import CheckContext
from conformance.desk import Desk
from conformance.exchange import Exchange
from conformance.reading import Row, is_accepted, is_refused, is_same_number, number, other_side, ticket_of, told

FULL, PARTIAL, NO_HEDGE, OTHERS = "TONPO-CLOSE-010", "TONPO-CLOSE-020", "TONPO-CLOSE-030", "TONPO-CLOSE-040"
UNKNOWN, NO_TICKET, NOT_FOUND, VOLUME = "TONPO-CLOSE-050", "TONPO-CLOSE-060", "TONPO-CLOSE-070", "TONPO-CLOSE-080"
STOPS, GONE = "TONPO-POS-060", "TONPO-POS-050"


def _facts(row: Row) -> dict[str, Any]:
    """Return what nobody but its owner may change about a position."""
    volume = number(row.get("volume"))
    facts = {"ticket": row.get("ticket"), "symbol": row.get("symbol"), "side": row.get("side"), "volume": str(volume)}
    return facts | {name: str(number(row.get(name)) or None) for name in ("sl", "tp")}


@check(
    id="closing.full",
    title="A close without volume closes the whole position, once",
    requirements=(FULL, GONE, NO_HEDGE, UNKNOWN, NOT_FOUND),
    effects="order",
    needs=("account",),
    trades=2,
)
async def full(run: CheckContext) -> None:
    """Open and close a buy and a larger sell, and close each a second time: nothing may be open after that."""
    async with Desk(run) as desk:
        for side, units in (("buy", 1), ("sell", 2)):
            row = await desk.open(side, units=units)
            body = {"ticket": row["ticket"]}
            answer = await desk.close(body)
            run.require(is_accepted(answer), FULL, f"the close of a {side} was refused", found=told(answer), at=answer)
            rows = await desk.settle_gone(ticket_of(row))
            run.expect(
                row["ticket"] not in map(ticket_of, rows),
                FULL,
                f"the {side} is still open after a full close",
                expected=[],
                found=rows,
            )
            run.expect(row["ticket"] not in map(ticket_of, rows), GONE, "a closed position is listed", found=rows)
            _expect_no_hedge(run, rows, row, f"the close of a {side} opened a position")
            again = await desk.close(body)
            run.expect(is_refused(again), UNKNOWN, "the second of two full closes was not refused", found=told(again),
                       at=again)  # fmt: skip
            _expect_not_found(run, again, "a second close")
            await run.pause(0.1)
            rows = await desk.rows()
            _expect_no_hedge(run, rows, row, f"the second close of a {side} opened a position")


def _expect_no_hedge(run: CheckContext, rows: list[Row], closed: Row, message: str) -> None:
    new = [row for row in rows if ticket_of(row) != closed["ticket"]]
    run.expect(not new, NO_HEDGE, message, expected=[], found=new)


def _expect_not_found(run: CheckContext, answer: Exchange, what: str) -> None:
    run.expect(
        answer.status == 404 and answer.document.get("reason") == "position_not_found",
        NOT_FOUND,
        f"{what} was not answered 404 position_not_found",
        expected="404 position_not_found",
        found=told(answer),
        at=answer,
    )


@check(
    id="closing.partial",
    title="A partial close leaves exactly the rest, with its stops, and opens nothing",
    requirements=(PARTIAL, NO_HEDGE, STOPS, FULL),
    effects="order",
    needs=("account",),
    trades=2,
)
async def partial(run: CheckContext) -> None:
    """Close a third of a position, buy and then sell, look at the rest, and close that."""
    async with Desk(run) as desk:
        quote = await desk.quote()
        for side in ("buy", "sell"):
            stops = quote.stops(side)
            row = await desk.open(side, units=3, **stops)
            answer = await desk.close({"ticket": row["ticket"], "volume": run.volume})
            run.require(
                is_accepted(answer), PARTIAL, f"the partial close of a {side} was refused", found=told(answer),
                at=answer,
            )  # fmt: skip
            rows = await desk.settle(lambda rows, row=row: _volume_of(rows, row) != number(row.get("volume")))  # type: ignore[misc]
            rest = next((one for one in rows if ticket_of(one) == row["ticket"]), None)
            run.require(
                rest is not None,
                PARTIAL,
                "the position is not open any more under its ticket",
                expected=row,
                found=rows,
            )
            assert rest is not None
            run.expect(
                is_same_number(rest.get("volume"), run.volumes(2)),
                PARTIAL,
                "the rest has another volume",
                expected=run.volumes(2),
                found=rest.get("volume"),
            )
            run.expect(rest.get("side") == side, NO_HEDGE, "the rest is on the other side", expected=side, found=rest)
            _expect_no_hedge(run, rows, row, f"a partial close of a {side} opened a {other_side(side)} or another")
            for name, wanted in stops.items():
                run.expect(quote.is_at(rest.get(name), wanted), STOPS, f"a partial close changed {name}",
                           expected=wanted, found=rest.get(name))  # fmt: skip
            await desk.close({"ticket": row["ticket"]})
            rows = await desk.settle_gone(ticket_of(row))
            run.expect(not rows, FULL, "the rest is still open after its full close", expected=[], found=rows)


def _volume_of(rows: list[Row], wanted: Row) -> object:
    return next((number(row.get("volume")) for row in rows if ticket_of(row) == wanted["ticket"]), None)


@check(
    id="closing.others-stay",
    title="Closing one position touches no other",
    requirements=(OTHERS, FULL),
    effects="order",
    needs=("account",),
    trades=3,
)
async def others_stay(run: CheckContext) -> None:
    """Open three in one symbol, close the second in part and then fully; the first and the third must stay whole."""
    async with Desk(run) as desk:
        quote = await desk.quote()
        first = await desk.open("buy", **quote.stops("buy"))
        second = await desk.open("buy", units=2)
        third = await desk.open("sell", **quote.stops("sell"))
        for body in ({"ticket": second["ticket"], "volume": run.volume}, {"ticket": second["ticket"]}):
            answer = await desk.close(body)
            what = "a partial close" if "volume" in body else "a full close"
            run.require(is_accepted(answer), FULL, f"{what} was refused", found=told(answer), at=answer)
            if "volume" in body:
                rows = await desk.settle(lambda rows: _volume_of(rows, second) != number(second.get("volume")))
            else:
                rows = await desk.settle_gone(ticket_of(second))
            for other in (first, third):
                now = next((row for row in rows if ticket_of(row) == other["ticket"]), None)
                run.expect(
                    now is not None and _facts(now) == _facts(other),
                    OTHERS,
                    f"{what} touched another position of the symbol",
                    expected=_facts(other),
                    found=_facts(now) if now is not None else rows,
                )


@check(
    id="closing.refused",
    title="A close of nothing, or of too much, is refused and changes nothing",
    requirements=(UNKNOWN, NO_TICKET, NOT_FOUND, VOLUME, OTHERS, NO_HEDGE),
    effects="order",
    needs=("account",),
    trades=1,
)
async def refused(run: CheckContext) -> None:
    """With one position open, close tickets that are not open, none at all, and volumes that cannot be closed."""
    async with Desk(run) as desk:
        row = await desk.open("buy", units=2)
        await _refuse_tickets(run, desk)
        left = await desk.row(row["ticket"])
        run.require(
            left is not None and _facts(left) == _facts(row),
            OTHERS,
            "a close without a ticket that is open touched a position",
            expected=_facts(row),
            found=left,
        )
        for volume in (0, -run.volume, run.volumes(3)):
            answer = await desk.close({"ticket": row["ticket"], "volume": volume}, valid=False)
            run.expect(is_refused(answer), VOLUME, f"a close of {volume} lots out of {run.volumes(2)} was accepted",
                       found=told(answer), at=answer)  # fmt: skip
            rows = await desk.rows()
            _expect_no_hedge(run, rows, row, f"a close of {volume} lots out of {run.volumes(2)} opened a position")
            left = next((one for one in rows if ticket_of(one) == row["ticket"]), None)
            run.expect(
                left is not None and _facts(left) == _facts(row),
                VOLUME,
                f"a close of {volume} lots out of {run.volumes(2)} changed the position",
                expected=_facts(row),
                found=left,
            )
            if left is None:
                break


async def _refuse_tickets(run: CheckContext, desk: Desk) -> None:
    unknown = desk.unknown_ticket()
    for body in ({"ticket": unknown}, {"ticket": unknown, "volume": run.volume}):
        answer = await desk.close(body)
        run.expect(is_refused(answer), UNKNOWN, "a close of a ticket that is not open was not refused",
                   found=told(answer), at=answer)  # fmt: skip
        _expect_not_found(run, answer, "a close of an unknown ticket")
    for body in ({}, {"volume": run.volume}):
        answer = await desk.close(body, valid=False)
        run.expect(400 <= answer.status < 500, NO_TICKET, "a close without ticket was not refused with a 4xx status",
                   expected="4xx", found=told(answer), at=answer)  # fmt: skip
