"""Ranges and pages of the history, and who may see it."""

import base64
import re

from conformance.catalogue import check
from conformance.checks.history_steps import (
    Query,
    closed,
    follow,
    listed,
    page,
    rows_of,
    settled,
    tickets,
    time_of,
    trip,
)
from conformance.context import CheckContext
from conformance.desk import Desk
from conformance.exchange import Exchange
from conformance.reading import Row, ticket_of

RANGE, PAGES, OTHERS = "TONPO-HIST-020", "TONPO-HIST-030", "TONPO-HIST-050"
REFUSED, BOUND = "TONPO-HIST-060", "TONPO-HIST-080"

LISTS = ("deals", "orders")
MOST_MARKS = 3


async def _history(run: CheckContext, what: str, position: Row) -> list[Row]:
    """Wait for the rows of a position that was opened and closed, and return them."""
    rows = await closed(run, what, position)
    if len(rows) < 2:
        run.could_not_run(f"the {what} of a position that was opened and closed are not in the history")
    return rows


def _stretch(rows: list[Row], what: str) -> tuple[int, int] | None:
    """Return a range in milliseconds that just holds the rows; None when they tell no time."""
    times = [time_of(row, what) for row in rows]
    known = [time for time in times if time is not None]
    return (min(known), max(known) + 1) if len(known) == len(times) and known else None


@check(
    id="history.ranges",
    title="Deals and orders are oldest first, from the start on and before the end",
    requirements=(RANGE,),
    effects="order",
    needs=("account", "history"),
    trades=1,
)
async def ranges(run: CheckContext) -> None:
    """Cut the history exactly at the times of its rows: at the start a row belongs to the range, at the end not."""
    async with Desk(run) as desk:
        position = await trip(run, desk, units=3)
    for what in LISTS:
        mine = await _history(run, what, position)
        stretch = _stretch(mine, what)
        if stretch is None:
            run.expect(what != "deals", RANGE, "a deal tells no time", found=mine)
            continue
        first, end = stretch
        open_end = await listed(run, what, {"from": first})
        _expect_rows(run, what, [one for one in open_end if ticket_of(one) in tickets(mine)], mine, "without an end")
        whole = await listed(run, what, {"from": first, "to": end})
        _expect_rows(run, what, [one for one in whole if ticket_of(one) in tickets(mine)], mine, f"before {end}")
        marks = sorted({time for row in whole if (time := time_of(row, what)) is not None})
        for mark in {*marks[: MOST_MARKS - 1], *marks[-1:]}:
            wanted = [row for row in whole if (time_of(row, what) or 0) >= mark]
            _expect_rows(run, what, await listed(run, what, {"from": mark, "to": end}), wanted, f"from {mark} on")
            wanted = [row for row in whole if (time_of(row, what) or 0) < mark]
            _expect_rows(run, what, await listed(run, what, {"from": first, "to": mark}), wanted, f"before {mark}")


def _expect_rows(run: CheckContext, what: str, found: list[Row], wanted: list[Row], where: str) -> None:
    run.expect(
        sorted(map(str, tickets(found))) == sorted(map(str, tickets(wanted))),
        RANGE,
        f"the {what} {where} are others than those of that time",
        expected=tickets(wanted),
        found=tickets(found),
    )
    times = [time_of(row, what) or 0 for row in found]
    run.expect(times == sorted(times), RANGE, f"the {what} are not oldest first", expected=sorted(times), found=times)


@check(
    id="history.pages",
    title="Pages give every row once, also when a deal is added meanwhile",
    requirements=(PAGES,),
    effects="order",
    needs=("account", "history"),
    trades=2,
)
async def pages(run: CheckContext) -> None:
    """Follow pages of one row and of two, and once more while a position is opened after the first page."""
    async with Desk(run) as desk:
        position = await trip(run, desk, units=3)
        for what in LISTS:
            mine = await _history(run, what, position)
            stretch = _stretch(mine, what)
            if stretch is None:
                # Without times only the position narrows the list down.
                await _expect_pages(run, what, mine, {"position": position["ticket"]})
                continue
            query = {"from": stretch[0], "to": stretch[1]}
            await _expect_pages(run, what, await listed(run, what, query), query)
            if what == "deals":
                await _expect_pages_while_trading(run, desk, stretch[0])


async def _expect_pages(run: CheckContext, what: str, whole: list[Row], query: Query) -> None:
    for limit in (1, 2):
        rows = await follow(run, what, query, limit, PAGES)
        _expect_each_once(run, what, tickets(rows), tickets(whole), f"pages of {limit}")
        run.expect(tickets(rows) == tickets(whole), PAGES, f"pages of {limit} {what} have another order than one page",
                   expected=tickets(whole), found=tickets(rows))  # fmt: skip


def _expect_each_once(
    run: CheckContext, what: str, found: list[int | None], wanted: list[int | None], where: str
) -> None:
    lost = [ticket for ticket in wanted if ticket not in found]
    run.expect(not lost, PAGES, f"{where} lose {what}", expected=wanted, found=found)
    twice = {ticket for ticket in found if found.count(ticket) > 1}
    run.expect(not twice, PAGES, f"{where} give {what} twice", expected=wanted, found=found)


async def _expect_pages_while_trading(run: CheckContext, desk: Desk, since: int) -> None:
    before = await listed(run, "deals", {"from": since})

    async def trade() -> None:
        row = await desk.open("buy")
        await settled(run, "deals", {"position": row["ticket"]}, bool)

    rows = await follow(run, "deals", {"from": since}, 2, PAGES, after_first=trade)
    found = tickets(rows)
    _expect_each_once(run, "deals", found, tickets(before), "pages that are read while a deal is added")


@check(
    id="history.refused",
    title="A range that ends before it starts and an invented cursor are 400",
    requirements=(REFUSED,),
    needs=("account", "history"),
)
async def refused(run: CheckContext) -> None:
    """Ask both lists for a reversed range, and with cursors that nobody gave out."""
    noon = 1_700_000_000_000
    invented = ("AAAAAAAA", f"eyJ0IjoxfQ{run.random.randrange(1000):03}", "0")
    for what in LISTS:
        _expect_400(
            run, await page(run, what, {"from": noon, "to": noon - 1}), REFUSED, "a range that ends before it starts"
        )
        for cursor in invented:
            answer = await page(run, what, {"from": noon, "cursor": cursor})
            _expect_400(run, answer, REFUSED, "a cursor that was never issued")


def _expect_400(run: CheckContext, answer: Exchange, requirement: str, what: str) -> None:
    run.expect_status(answer, 400, requirement=requirement, message=f"{what} was not answered 400")


@check(
    id="history.strangers",
    title="Another user sees nothing of the history, and a cursor continues only its own list",
    requirements=(OTHERS, REFUSED, BOUND),
    effects="order",
    needs=("account", "second_account", "history"),
    trades=1,
)
async def strangers(run: CheckContext) -> None:
    """Trade as one user, look as another; then use a cursor changed, as another user, and for other questions."""
    async with Desk(run) as desk:
        position = await trip(run, desk, units=3)
    starts = {}
    for what in LISTS:
        mine = await _history(run, what, position)
        since = starts[what] = (_stretch(mine, what) or (0, 0))[0]
        facts = [_facts(row, what) for row in mine]
        for query in ({"from": since}, {"position": position["ticket"]}):
            theirs = await listed(run, what, query, user=run.second_user)
            leaked = [row for row in theirs if _facts(row, what) in facts]
            run.expect(not leaked, OTHERS, f"another user is shown {what}", expected=[], found=leaked)
    since = starts["deals"]
    first = await page(run, "deals", {"from": since, "limit": 1})
    cursor = first.document.get("nextCursor")
    if not isinstance(cursor, str):
        run.could_not_run("a page of one deal has no cursor to a second one")
    query = {"from": since, "limit": 1}
    for changed in _changed(cursor):
        answer = await page(run, "deals", {**query, "cursor": changed})
        _expect_400(run, answer, REFUSED, "a cursor that was changed")
    await _expect_bound(run, cursor, since, position)
    again = await page(run, "deals", {**query, "cursor": cursor})
    run.expect(
        again.status == 200 and len(rows_of(again, "deals")) == 1,
        BOUND,
        "a cursor does not continue its own list after it was refused for others",
        found=again.json,
        at=again,
    )


async def _expect_bound(run: CheckContext, cursor: str, since: int, position: Row) -> None:
    own = {"from": since, "limit": 1, "cursor": cursor}
    other = await page(run, "deals", own, user=run.second_user)
    _expect_400(run, other, BOUND, "another user's cursor")
    for what, query in (
        ("orders", {}),
        ("deals", {"from": since + 1}),
        ("deals", {"position": position["ticket"]}),
    ):
        answer = await page(run, what, own | query)
        _expect_400(run, answer, BOUND, f"a cursor of another list of {what}")


def _facts(row: Row, what: str) -> tuple[object, ...]:
    """Return what two users' rows cannot have in common by chance, as tickets of two brokers can be the same."""
    return (ticket_of(row), time_of(row, what), row.get("symbol"), row.get("price"), row.get("position"))


def _changed(cursor: str) -> list[str]:
    """Return cursors of the same form that were changed: by a character, and by a digit of what they may hold inside.

    Not by the very last character: in base64 it may hold bits that mean nothing.
    """
    places = sorted({0, len(cursor) // 2, max(0, len(cursor) - 3)})
    changed = [cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :] for at in places]
    try:
        inside = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except ValueError:
        return changed
    numbers = list(re.finditer(rb"[0-9]+", inside))
    for one in numbers[:MOST_MARKS]:
        last = one.end() - 1
        forged = inside[:last] + (b"1" if inside[last : one.end()] != b"1" else b"2") + inside[one.end() :]
        text = base64.urlsafe_b64encode(forged).decode()
        changed.append(text if "=" in cursor else text.rstrip("="))
    return [one for one in changed if one != cursor]
