"""Steps that checks of the history take: trade there and back, list what became of it, follow pages."""

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any

from conformance.context import CheckContext
from conformance.desk import Desk, pauses
from conformance.errors import PrerequisiteFailed
from conformance.exchange import Exchange
from conformance.holdings import User
from conformance.reading import Row, is_accepted, number, other_side, ticket_of, told

__all__ = [
    "TIME_OF",
    "Query",
    "closed",
    "follow",
    "listed",
    "page",
    "rows_of",
    "settled",
    "tickets",
    "time_of",
    "traded_volume",
    "trip",
]

Query = Mapping[str, object]
"""The parameters of a list, by their names."""

OPERATIONS = {"deals": "listDeals", "orders": "listHistoryOrders"}
TIME_OF = {"deals": "time", "orders": "doneTime"}
"""By which time the rows of a list are chosen and sorted."""

MOST_ROWS = 1000
MOST_PAGES = 1000
IDLE_PAGES = 20
"""Pages in a row without anything new, after which it is clear that there is no last one. On a busy account rows may go
on coming while they are read, one to a page."""


async def page(run: CheckContext, what: str, query: Query, *, user: User | None = None) -> Exchange:
    """Ask for one page of `deals` or `orders`; parameters that are None are left out."""
    asked = {name: value for name, value in query.items() if value is not None}
    return await run.call(OPERATIONS[what], user=user, query=asked)


def rows_of(answer: Exchange, what: str) -> list[Row]:
    """Return the rows of a page."""
    return answer.rows(what)


async def listed(run: CheckContext, what: str, query: Query, *, user: User | None = None) -> list[Row]:
    """Return all rows that fit into one page of the largest size. Raises PrerequisiteFailed, CouldNotRun for more."""
    answer = await page(run, what, {**query, "limit": MOST_ROWS}, user=user)
    if answer.status != 200 or not isinstance(answer.document.get(what), list):
        raise PrerequisiteFailed(f"the {what} of the past could not be listed: {told(answer)}")
    if answer.document.get("nextCursor") is not None:
        run.could_not_run(f"the account has more than {MOST_ROWS} {what} in the time that is looked at")
    return rows_of(answer, what)


async def settled(run: CheckContext, what: str, query: Query, is_complete: Callable[[list[Row]], bool]) -> list[Row]:
    """List until the rows are as wanted or the target's patience ends: brokers show the past a little late."""
    rows = await listed(run, what, query)
    for pause in pauses(run):
        if is_complete(rows):
            break
        await run.pause(pause)
        rows = await listed(run, what, query)
    return rows


async def closed(run: CheckContext, what: str, position: Row) -> list[Row]:
    """List the rows of a position until its whole volume was closed by them, and return them."""
    side, volume = other_side(str(position.get("side"))), number(position.get("volume"))
    name = "type" if what == "deals" else "side"
    query = {"position": position["ticket"]}
    return await settled(run, what, query, lambda rows: traded_volume(rows, side, name) == volume)


async def trip(run: CheckContext, desk: Desk, side: str = "buy", units: int = 2) -> Row:
    """Open a position, close one unit of it and then the rest, and return it as it was.

    The rest needs no fewer than one unit. Raises PrerequisiteFailed when the gateway does not trade.
    """
    row = await desk.open(side, units=units)
    bodies: tuple[dict[str, Any], ...] = ({"ticket": row["ticket"], "volume": run.volume}, {"ticket": row["ticket"]})
    for body in bodies:
        answer = await desk.close(body)
        if not is_accepted(answer):
            raise PrerequisiteFailed(f"the close that this starts from was not accepted: {told(answer)}")
        await desk.settle(lambda rows: all(one != row for one in rows))
    await desk.settle_gone(ticket_of(row))
    return row


def traded_volume(rows: list[Row], side: str, name: str = "type") -> Decimal:
    """Return the lots of the rows on one side, which deals tell as `type` and orders as `side`."""
    return sum((number(row.get("volume")) or Decimal(0) for row in rows if row.get(name) == side), Decimal(0))


def tickets(rows: list[Row]) -> list[int | None]:
    """Return the tickets of rows, in their order."""
    return [ticket_of(row) for row in rows]


def time_of(row: Row, what: str) -> int | None:
    """Return the time of a row in milliseconds, or None when it tells none."""
    found = row.get(TIME_OF[what])
    return found if isinstance(found, int) and not isinstance(found, bool) else None


async def follow(
    run: CheckContext,
    what: str,
    query: Query,
    limit: int,
    requirement: str,
    *,
    after_first: Callable[[], Awaitable[None]] | None = None,
) -> list[Row]:
    """Follow the pages from the first to the last and return all rows; each page is judged by `requirement`.

    `after_first` is awaited between the first page and the second.
    """
    rows: list[Row] = []
    seen: set[int | None] = set()
    cursor: object = None
    idle = 0
    for number_ in range(MOST_PAGES):
        answer = await page(run, what, {**query, "limit": limit, "cursor": cursor})
        run.require_status(answer, 200, requirement=requirement, message=f"page {number_ + 1} of {what}")
        got = rows_of(answer, what)
        run.expect(
            len(got) <= limit, requirement, f"a page of at most {limit} {what} is longer", found=len(got), at=answer
        )
        rows += got
        cursor = answer.document.get("nextCursor")
        if cursor is None:
            return rows
        idle = 0 if {*tickets(got)} - seen else idle + 1
        if idle == IDLE_PAGES:
            break
        seen.update(tickets(got))
        if after_first is not None and number_ == 0:
            await after_first()
    run.require(
        False,
        requirement,
        f"the pages of {what} do not end",
        found=f"{number_ + 1} pages of {limit}, {len(seen)} {what}",
    )
    return rows
