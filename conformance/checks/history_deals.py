"""What became of trades: `GET /api/history/deals` and `GET /api/history/orders`."""

from decimal import Decimal
from typing import Any

from conformance.catalogue import check
from conformance.checks.history_steps import closed, listed, settled, tickets, time_of, traded_volume, trip
from conformance.context import CheckContext
from conformance.desk import Desk, pauses
from conformance.quote import Quote
from conformance.reading import Row, is_accepted, is_same_number, number, other_side, ticket_of, told

DEALS, ORDERS, SUMS = "TONPO-HIST-010", "TONPO-HIST-040", "TONPO-HIST-070"

PENDING_STATES = ("placed", "partial")
MONEY = ("profit", "swap", "commission", "fee")
SMALLEST_COIN = Decimal("0.02")
"""How far sums of rounded amounts may be off, in the account's currency."""


@check(
    id="history.deals",
    title="The deals of a position are those that opened and closed it, and they add up",
    requirements=(DEALS, SUMS),
    effects="order",
    needs=("account", "history"),
    trades=2,
)
async def deals(run: CheckContext) -> None:
    """Open a buy, close it in two parts, do the same with a sell, and look for the deals of each."""
    async with Desk(run) as desk:
        before = await _balance(run)
        quote = await desk.quote()
        found: list[Row] = []
        for side, units in (("buy", 3), ("sell", 2)):
            position = await trip(run, desk, side, units)
            mine = await closed(run, "deals", position)
            _judge_deals(run, quote, position, mine)
            found += mine
        run.expect(
            len(set(tickets(found))) == len(found), DEALS, "two deals have one ticket", found=sorted(map(str, found))
        )
        nobodys = await listed(run, "deals", {"position": desk.unknown_ticket()})
        run.expect(not nobodys, DEALS, "a position that never was has deals", expected=[], found=nobodys)
        await _judge_sums(run, before, found)


def _judge_deals(run: CheckContext, quote: Quote, position: Row, rows: list[Row]) -> None:
    ticket, side, volume = position["ticket"], str(position.get("side")), number(position.get("volume"))
    for deal in rows:
        told_ = {name: deal.get(name) for name in ("position", "symbol")}
        wanted = {"position": ticket, "symbol": run.symbol}
        run.expect(told_ == wanted, DEALS, "a deal is of another position or symbol", expected=wanted, found=deal)
        run.expect((ticket_of(deal) or 0) > 0, DEALS, "a deal has no ticket", found=deal)
        run.expect(quote.is_near(deal.get("price")), DEALS, f"the price of a deal is none of {run.symbol}", found=deal)
        is_opening = deal.get("type") == side
        entry = deal.get("entry")
        run.expect(
            entry is None or (entry == "in") is is_opening,
            DEALS,
            f"a {deal.get('type')} of a {side} has the wrong entry",
            expected="in" if is_opening else "out",
            found=deal,
        )
    for kind, verb in ((side, "opened"), (other_side(side), "closed")):
        total = traded_volume(rows, kind)
        run.expect(total == volume, DEALS, f"the deals that {verb} a {side} have another volume",
                   expected=str(volume), found=rows)  # fmt: skip
    _judge_parts(run, position, rows)


def _judge_parts(run: CheckContext, position: Row, rows: list[Row]) -> None:
    """Look that the opening deals cost the position's price, and that the first part closed is one unit."""
    side = str(position.get("side"))
    opening = [row for row in rows if row.get("type") == side]
    if len(opening) == 1:
        run.expect(
            is_same_number(opening[0].get("price"), position.get("openPrice")),
            DEALS,
            "the deal that opened a position has another price than it",
            expected=position.get("openPrice"),
            found=opening[0],
        )
    sums, total = [], Decimal(0)
    for row in rows:
        if row.get("type") == other_side(side):
            total += number(row.get("volume")) or Decimal(0)
            sums.append(total)
    run.expect(
        number(run.volume) in sums,
        DEALS,
        f"no deals closed {run.volume} lots first, as was asked for",
        expected=run.volume,
        found=rows,
    )


async def _balance(run: CheckContext) -> Decimal | None:
    return number((await run.call("getAccountInfo")).document.get("balance"))


async def _judge_sums(run: CheckContext, before: Decimal | None, mine: list[Row]) -> None:
    """Compare the balance's change with the money of all deals since the first of the run's, others' included."""
    times = [time for row in mine if (time := time_of(row, "deals")) is not None]
    if before is None or not times:
        return
    sums = Decimal(0)
    change = None
    for pause in (*pauses(run), 0.0):
        sums = sum((_money(row) for row in await listed(run, "deals", {"from": min(times)})), Decimal(0))
        after = await _balance(run)
        change = None if after is None else after - before
        if change is None or abs(change - sums) <= SMALLEST_COIN:
            break
        await run.pause(pause)
    run.expect(
        change is not None and abs(change - sums) <= SMALLEST_COIN,
        SUMS,
        "the profit, swap, commission and fee of the deals are not the change of the balance",
        expected=str(change),
        found=str(sums),
    )


def _money(row: Row) -> Decimal:
    return sum((number(row.get(name)) or Decimal(0) for name in MONEY), Decimal(0))


@check(
    id="history.orders",
    title="Orders that were filled or cancelled are in the history, and none that is pending",
    requirements=(ORDERS,),
    effects="order",
    needs=("account", "history"),
    trades=2,
)
async def orders(run: CheckContext) -> None:
    """Look for the orders of a position; then place one far from the market, look, cancel it, and look again.

    Without the capability `pending-orders` nothing can be cancelled, so nothing is left pending either.
    """
    async with Desk(run) as desk:
        position = await trip(run, desk)
        side, volume = str(position.get("side")), number(position.get("volume"))
        rows = await closed(run, "orders", position)
        for kind, verb in ((side, "opened"), (other_side(side), "closed")):
            total = traded_volume([row for row in rows if row.get("state") == "filled"], kind, "side")
            run.expect(total == volume, ORDERS, f"the filled orders that {verb} a {side} have another volume",
                       expected=str(volume), found=rows)  # fmt: skip
        known = set(tickets(rows))
        run.expect(len(known) == len(rows), ORDERS, "an order is listed twice", found=rows)
        for deal in await listed(run, "deals", {"position": position["ticket"]}):
            order = deal.get("order")
            run.expect(not order or order in known, ORDERS, "the order of a deal is not in the history", found=deal)
        if "cancelOrder" in run.contract.operations:
            done = [time for row in rows if (time := time_of(row, "orders")) is not None]
            await _judge_cancelled(run, desk, min(done) if done else None)


async def _judge_cancelled(run: CheckContext, desk: Desk, since: int | None) -> None:
    quote = await desk.quote()
    placed = await desk.place(desk.body("buy", "limit", price=quote.below(10)))
    ticket = ticket_of(placed.document)
    if not is_accepted(placed) or ticket is None:
        run.could_not_run(f"no pending order is accepted to start from: {told(placed)}")
    try:
        await run.pause(0.2)
        rows = await listed(run, "orders", {"from": since})
        run.expect(ticket not in tickets(rows), ORDERS, "a pending order is in the history", found=_of(rows, ticket))
        pending = [row for row in rows if row.get("state") in PENDING_STATES]
        run.expect(not pending, ORDERS, "the history has an order that is pending", expected=[], found=pending)
    finally:
        gone = await run.call("cancelOrder", path={"ticket": ticket})
    if not is_accepted(gone):
        run.could_not_run(f"the pending order cannot be cancelled: {told(gone)}")
    rows = await settled(run, "orders", {"from": since}, lambda rows: ticket in tickets(rows))
    found = _of(rows, ticket)
    run.expect(
        len(found) == 1 and found[0].get("state") == "cancelled",
        ORDERS,
        "a cancelled order is not in the history, once and as cancelled",
        expected={"ticket": ticket, "state": "cancelled"},
        found=found,
    )


def _of(rows: list[Row], ticket: int) -> list[dict[str, Any]]:
    return [row for row in rows if ticket_of(row) == ticket]
