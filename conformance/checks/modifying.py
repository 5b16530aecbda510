"""Stop levels of open positions: `POST /api/orders/modify`."""

from typing import Any

from conformance.catalogue import check
from conformance.context import CheckContext
from conformance.desk import Desk
from conformance.exchange import Exchange
from conformance.quote import Quote
from conformance.reading import Row, is_accepted, is_refused, number, ticket_of, told

BOTH, SL_ALONE, TP_ALONE, REST, UNKNOWN = (f"TONPO-MOD-0{row}0" for row in range(1, 6))
NO_TICKET, KEPT, REMOVED, INVALID, NOT_FOUND = (*(f"TONPO-MOD-0{row}0" for row in range(6, 10)), "TONPO-CLOSE-070")
LEVELS = ("sl", "tp")


def _identity(row: Row) -> dict[str, Any]:
    """Return what no modification may change."""
    names = ("ticket", "symbol", "side")
    return {name: row.get(name) for name in names} | {"volume": str(number(row.get("volume")))}


def _levels(row: Row) -> dict[str, str | None]:
    """Return both levels, none as None, whether it is given as null, 0 or not at all."""
    return {name: str(level) if (level := number(row.get(name))) else None for name in LEVELS}


def _are_at(quote: Quote, row: Row | None, wanted: dict[str, float | None]) -> bool:
    return row is not None and all(quote.is_at(row.get(name), wanted[name]) for name in LEVELS)


async def _modified(run: CheckContext, desk: Desk, quote: Quote, row: Row, wanted: dict[str, float | None]) -> Row:
    """Look until the levels are as wanted, and return the position as it is then."""
    rows = await desk.settle(lambda rows: any(_are_at(quote, one, wanted) for one in rows if _is(one, row)))
    now = next((one for one in rows if _is(one, row)), None)
    run.require(now is not None, REST, "a modified position is not open any more under its ticket", expected=row,
                found=rows)  # fmt: skip
    assert now is not None
    return now


def _is(one: Row, other: Row) -> bool:
    return ticket_of(one) == ticket_of(other)


@check(
    id="modifying.levels",
    title="A modification sets the levels it names, keeps the other, and touches nothing else",
    requirements=(BOTH, SL_ALONE, TP_ALONE, REST),
    effects="order",
    needs=("account",),
    trades=2,
)
async def levels(run: CheckContext) -> None:
    """With two positions open, set both levels of one, then sl alone, then tp alone; losing a stop costs money."""
    async with Desk(run) as desk:
        quote = await desk.quote()
        other = await desk.open("buy", **quote.stops("buy", 6, 7))
        row = await desk.open("buy", units=2)
        sl, tp = quote.below(3), quote.above(4)
        next_sl, next_tp = quote.below(2), quote.above(5)
        steps: tuple[tuple[str, dict[str, float], dict[str, float | None]], ...] = (
            (BOTH, {"sl": sl, "tp": tp}, {"sl": sl, "tp": tp}),
            (SL_ALONE, {"sl": next_sl}, {"sl": next_sl, "tp": tp}),
            (TP_ALONE, {"tp": next_tp}, {"sl": next_sl, "tp": next_tp}),
        )
        for requirement, given, wanted in steps:
            what = f"a modification with {' and '.join(given)}"
            answer = await desk.modify({"ticket": row["ticket"], **given})
            run.require(is_accepted(answer), requirement, f"{what} was refused", found=told(answer), at=answer)
            now = await _modified(run, desk, quote, row, wanted)
            for name in LEVELS:
                run.expect(
                    quote.is_at(now.get(name), wanted[name]),
                    requirement,
                    f"{what} {'did not set' if name in given else 'did not keep'} {name}",
                    expected=wanted[name],
                    found=now.get(name),
                    at=answer,
                )
            _expect_rest(run, await desk.rows(), row, other, what)


def _expect_rest(run: CheckContext, rows: list[Row], row: Row, other: Row, what: str) -> None:
    tickets = sorted(str(ticket_of(one)) for one in rows)
    run.expect(tickets == sorted(str(one["ticket"]) for one in (row, other)), REST,
               f"{what} opened or closed a position", found=rows)  # fmt: skip
    for one in rows:
        if _is(one, row):
            run.expect(_identity(one) == _identity(row), REST, f"{what} changed more than the levels",
                       expected=_identity(row), found=_identity(one))  # fmt: skip
        elif _is(one, other):
            untouched = _identity(other) | _levels(other)
            found = _identity(one) | _levels(one)
            run.expect(found == untouched, REST, f"{what} touched another position", expected=untouched, found=found)


@check(
    id="modifying.sell-levels",
    title="The levels of a sell are set the right way round",
    requirements=(BOTH, REST),
    effects="order",
    needs=("account",),
    trades=1,
)
async def sell_levels(run: CheckContext) -> None:
    """Set sl above and tp below the market on a sell."""
    async with Desk(run) as desk:
        quote = await desk.quote()
        row = await desk.open("sell")
        wanted: dict[str, float | None] = {**quote.stops("sell")}
        answer = await desk.modify({"ticket": row["ticket"], **wanted})
        run.require(is_accepted(answer), BOTH, "the levels of a sell were refused", found=told(answer), at=answer)
        now = await _modified(run, desk, quote, row, wanted)
        run.expect(_are_at(quote, now, wanted), BOTH, "the levels of a sell are others", expected=wanted,
                   found=_levels(now))  # fmt: skip
        run.expect(_identity(now) == _identity(row), REST, "the modification changed more than the levels",
                   expected=_identity(row), found=_identity(now))  # fmt: skip


@check(
    id="modifying.remove",
    title="Null removes a level and keeps the other",
    requirements=(REMOVED, SL_ALONE, TP_ALONE, REST),
    effects="order",
    needs=("account",),
    trades=1,
)
async def remove(run: CheckContext) -> None:
    """Open with both levels, remove tp, set it again, and remove sl."""
    async with Desk(run) as desk:
        quote = await desk.quote()
        stops = quote.stops("buy")
        row = await desk.open("buy", **stops)
        steps: tuple[tuple[dict[str, float | None], str], ...] = (
            ({"tp": None}, TP_ALONE),
            ({"tp": stops["tp"]}, TP_ALONE),
            ({"sl": None}, SL_ALONE),
        )
        wanted: dict[str, float | None] = {**stops}
        for given, keeps in steps:
            answer = await desk.modify({"ticket": row["ticket"], **given})
            if not run.expect(
                is_accepted(answer), REMOVED, f"{given} was refused", found=told(answer), at=answer
            ):  # fmt: skip
                continue
            wanted |= given
            now = await _modified(run, desk, quote, row, wanted)
            for name in LEVELS:
                requirement = REMOVED if name in given else keeps
                run.expect(quote.is_at(now.get(name), wanted[name]), requirement, f"{name} after {given}",
                           expected=wanted[name], found=now.get(name), at=answer)  # fmt: skip


@check(
    id="modifying.refused",
    title="A modification that is refused leaves the stops where they were",
    requirements=(UNKNOWN, NO_TICKET, KEPT, REST, INVALID, NOT_FOUND),
    effects="order",
    needs=("account",),
    trades=1,
)
async def refused(run: CheckContext) -> None:
    """Send an unknown ticket, none, no level, a negative one, and levels on the wrong side of the market."""
    async with Desk(run) as desk:
        quote = await desk.quote()
        row = await desk.open("buy", **quote.stops("buy"))
        ticket = row["ticket"]
        low, high = quote.below(2), quote.above(2)
        answer = await desk.modify({"ticket": desk.unknown_ticket(), "sl": low, "tp": high})
        run.expect(is_refused(answer), UNKNOWN, "a modification of a ticket that is not open was not refused",
                   found=told(answer), at=answer)  # fmt: skip
        run.expect(
            answer.status == 404 and answer.document.get("reason") == "position_not_found",
            NOT_FOUND,
            "a modification of an unknown ticket was not answered 404 position_not_found",
            found=told(answer),
            at=answer,
        )
        answer = await desk.modify({"sl": low, "tp": high}, valid=False)
        run.expect(400 <= answer.status < 500, NO_TICKET, "a modification without ticket was not refused with 4xx",
                   expected="4xx", found=told(answer), at=answer)  # fmt: skip
        now = await desk.row(ticket)
        run.require(now is not None and _levels(now) == _levels(row), REST, "a position that was not named is modified",
                    expected=_levels(row), found=now)  # fmt: skip
        invalid: tuple[dict[str, float], ...] = ({}, {"sl": -low}, {"tp": -high, "sl": low})
        for given in invalid:
            answer = await desk.modify({"ticket": ticket, **given}, valid=False)
            run.expect(answer.status == 400, INVALID, f"levels {given} were not answered 400", expected=400,
                       found=told(answer), at=answer)  # fmt: skip
            await _expect_kept(run, desk, row, answer, given)
        for given in ({"sl": high}, {"tp": low}, {"sl": low, "tp": low}):
            answer = await desk.modify({"ticket": ticket, **given})
            await _expect_kept(run, desk, row, answer, given)


async def _expect_kept(run: CheckContext, desk: Desk, row: Row, answer: Exchange, given: dict[str, float]) -> None:
    """Judge the levels after a refusal; nothing is said where the gateway accepted the levels."""
    if not is_refused(answer):
        return
    now = await desk.row(row["ticket"])
    run.expect(
        now is not None and _levels(now) == _levels(row),
        KEPT,
        f"a refused modification with {given} changed the levels",
        expected=_levels(row),
        found=_levels(now) if now is not None else None,
        at=answer,
    )
