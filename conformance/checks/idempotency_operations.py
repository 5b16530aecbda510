"""Idempotency keys beyond the placing of orders: closing, modifying, cancelling, and looking requests up."""

import asyncio

from conformance.book import Book, terms
from conformance.catalogue import check
from conformance.checks.idempotency import first_order
from conformance.checks.idempotency_steps import expect_conflict, expect_replay, fresh_key, is_replayed, keyed, look_up
from conformance.checks.trade_limit_steps import MOST_TRADES, rest, trades_to_use_up
from conformance.context import CheckContext
from conformance.desk import Desk
from conformance.exchange import Exchange
from conformance.quote import Quote
from conformance.reading import Row, is_accepted, net_volume, number, ticket_of, told

REPLAY, ONCE, REUSED, HONOURED = "TONPO-IDEM-010", "TONPO-IDEM-020", "TONPO-IDEM-030", "TONPO-IDEM-050"
LOOKED_UP, NOT_USED, COUNTED = "TONPO-IDEM-070", "TONPO-IDEM-080", "TONPO-IDEM-140"

AT_ONCE = 5
"""Copies of a close sent at once; more would use up the requests of a small plan."""


def _require_accepted(run: CheckContext, answer: Exchange, what: str) -> None:
    run.require(is_accepted(answer), HONOURED, f"{what} with a fresh key was not accepted", found=told(answer),
                at=answer)  # fmt: skip


@check(
    id="idempotency.close",
    title="A close sent again with its key closes once",
    requirements=(HONOURED, ONCE, REPLAY),
    effects="order",
    needs=("account",),
    trades=1,
)
async def close(run: CheckContext) -> None:
    """Of a position of three volumes close one twice in a row, one several times at once, and the rest twice."""
    async with Desk(run) as desk:
        row = await desk.open("buy", units=3)
        key, part = fresh_key("close"), {"ticket": row["ticket"], "volume": run.volume}
        first = await desk.close(part, headers=keyed(key))
        _require_accepted(run, first, "a partial close")
        expect_replay(run, first, await desk.close(part, headers=keyed(key)), "a partial close sent again")
        await _expect_left(run, desk, run.volumes(2), "a partial close sent twice")
        key = fresh_key("close-at-once")
        answers = await asyncio.gather(*(desk.close(part, headers=keyed(key)) for _ in range(AT_ONCE)))
        fresh = [answer for answer in answers if is_accepted(answer) and not is_replayed(answer)]
        run.expect(len(fresh) <= 1, ONCE, "several copies of a close call their answer the first one",
                   found=len(fresh))  # fmt: skip
        await _expect_left(run, desk, run.volumes(1), f"a partial close sent {AT_ONCE} times at once")
        key, rest = fresh_key("close-rest"), {"ticket": row["ticket"]}
        first = await desk.close(rest, headers=keyed(key))
        _require_accepted(run, first, "a full close")
        rows = await desk.settle_gone(ticket_of(row))
        run.expect(not rows, HONOURED, "a full close with a key did not close", expected=[], found=rows)
        expect_replay(run, first, await desk.close(rest, headers=keyed(key)), "a full close sent again")
        await run.pause(0.1)
        run.expect(not await desk.rows(), ONCE, "a full close sent again opened a position")


async def _expect_left(run: CheckContext, desk: Desk, lots: float, what: str) -> None:
    await desk.settle(lambda rows: net_volume(rows) <= (number(lots) or 0))
    await run.pause(0.1)
    rows = await desk.rows()
    run.require(net_volume(rows) == number(lots), ONCE, f"{what} left another volume", expected=f"{lots} lots",
                found=rows)  # fmt: skip


@check(
    id="idempotency.modify",
    title="A modification sent again with its key does not undo a later one",
    requirements=(HONOURED, ONCE, REPLAY),
    effects="order",
    needs=("account",),
    trades=1,
)
async def modify(run: CheckContext) -> None:
    """Set a stop loss, set a closer one, and send the first again: the closer one has to stay."""
    async with Desk(run) as desk:
        quote = await desk.quote()
        row = await desk.open("buy")
        ticket, levels = row["ticket"], (quote.below(4), quote.below(2))
        keys = [fresh_key("modify") for _ in levels]
        answers = []
        for key, level in zip(keys, levels, strict=True):
            answers.append(await desk.modify({"ticket": ticket, "sl": level}, headers=keyed(key)))
            _require_accepted(run, answers[-1], "a modification")
            rows = await desk.settle(lambda rows, level=level: _has_stop(quote, rows, level))  # type: ignore[misc]
            run.require(_has_stop(quote, rows, level), HONOURED, "a modification with a key did not modify",
                        expected=level, found=rows)  # fmt: skip
        again = await desk.modify({"ticket": ticket, "sl": levels[0]}, headers=keyed(keys[0]))
        expect_replay(run, answers[0], again, "a modification sent again")
        await run.pause(0.1)
        rows = await desk.rows()
        run.expect(_has_stop(quote, rows, levels[1]), ONCE, "a modification sent again was executed again",
                   expected=levels[1], found=rows, at=again)  # fmt: skip


def _has_stop(quote: Quote, rows: list[Row], level: float) -> bool:
    return any(quote.is_at(row.get("sl"), level) for row in rows)


@check(
    id="idempotency.pending",
    title="Keys are honoured on placing, modifying and cancelling pending orders",
    requirements=(HONOURED, ONCE, REPLAY, REUSED),
    effects="order",
    needs=("account", "idempotency", "pending-orders"),
    trades=2,
)
async def pending(run: CheckContext) -> None:
    """Send a limit order, a new price for it and its cancelling twice each, and cancel another one with that key."""
    async with Book(run) as book:
        quote = await book.quote()
        body, key = book.resting(quote, "buy", "limit"), fresh_key("limit")
        placed = await book.place(body, headers=keyed(key))
        _require_accepted(run, placed, "a limit order")
        expect_replay(run, placed, await book.place(body, headers=keyed(key)), "a limit order sent again")
        rows = await book.settle_orders(bool)
        run.require(len(rows) == 1, ONCE, "a limit order sent twice rests more than once, or not at all", found=rows)
        ticket = rows[0]["ticket"]
        await _move_twice(run, book, quote, ticket)
        other = await book.rest(book.resting(quote, "sell", "limit"))
        key = fresh_key("cancel")
        first = await book.cancel(ticket, headers=keyed(key))
        _require_accepted(run, first, "a cancelling")
        rows = await book.settle_orders(lambda rows: all(ticket_of(row) != ticket for row in rows))
        run.expect(ticket not in map(ticket_of, rows), HONOURED, "a cancelling with a key did not cancel", found=rows)
        expect_replay(run, first, await book.cancel(ticket, headers=keyed(key)), "a cancelling sent again")
        answer = await book.cancel(other["ticket"], headers=keyed(key))
        expect_conflict(run, answer, REUSED, "cancelling another order with the key")
        left = await book.order(other["ticket"])
        run.expect(left is not None, REUSED, "an order was cancelled with a key of another", expected=other, at=answer)


async def _move_twice(run: CheckContext, book: Book, quote: Quote, ticket: int) -> None:
    """Move the price with two keys, and send the first again: the second price has to stay."""
    prices = (quote.below(6), quote.below(7))
    keys = [fresh_key("move") for _ in prices]
    answers = []
    for key, price in zip(keys, prices, strict=True):
        answers.append(await book.modify({"ticket": ticket, "price": price}, headers=keyed(key)))
        _require_accepted(run, answers[-1], "a new price")
    again = await book.modify({"ticket": ticket, "price": prices[0]}, headers=keyed(keys[0]))
    expect_replay(run, answers[0], again, "a new price sent again")
    now = await book.order(ticket)
    run.expect(
        now is not None and quote.is_at(now.get("price"), prices[1]),
        ONCE,
        "a new price sent again was executed again, or the later one was not",
        expected=prices[1],
        found=terms(now) if now else None,
        at=again,
    )


@check(
    id="idempotency.requests",
    title="What became of a request can be looked up by its key, by its user alone",
    requirements=(LOOKED_UP, NOT_USED),
    effects="order",
    needs=("account", "second_user"),
    trades=1,
)
async def requests(run: CheckContext) -> None:
    """Place an order and close its position with keys, look both up, and a key that was not used, as two users."""
    async with Desk(run) as desk:
        unused = fresh_key("unused")
        await _expect_not_found(run, await look_up(run, unused), "a key that nobody used")
        key = fresh_key("looked-up")
        first = await first_order(run, desk, desk.body("buy"), key, LOOKED_UP)
        rows = await desk.opened(first)
        await _expect_told(run, key, first, "placeOrder")
        if rows:
            closing = fresh_key("closing")
            closed = await desk.close({"ticket": rows[0]["ticket"]}, headers=keyed(closing))
            if is_accepted(closed):
                await _expect_told(run, closing, closed, "closePosition")
        await _expect_not_found(run, await look_up(run, key, user=run.second_user), "another user's key")
        await _expect_not_found(run, await look_up(run, unused), "a key that was only looked up")


async def _expect_told(run: CheckContext, key: str, answer: Exchange, operation: str) -> None:
    record = await look_up(run, key)
    told_result = record.document.get("result")
    result = told_result if isinstance(told_result, dict) else {}
    run.expect(
        record.status == 200
        and record.document.get("key") == key
        and record.document.get("outcome") == "accepted"
        and record.document.get("operation", operation) == operation
        and result.get("success") is True
        and result.get("ticket") == answer.document.get("ticket"),
        LOOKED_UP,
        f"the outcome of {operation} is not the one that was answered",
        expected={"key": key, "outcome": "accepted", "result": answer.json},
        found=told(record),
        at=record,
    )


async def _expect_not_found(run: CheckContext, answer: Exchange, what: str) -> None:
    run.expect(
        answer.status == 404 and answer.document.get("reason") == "request_not_found",
        NOT_USED,
        f"{what} was not answered 404 request_not_found",
        expected="404 request_not_found",
        found=told(answer),
        at=answer,
    )


@check(
    id="idempotency.trades-per-day",
    title="A repetition is no trade: it uses nothing up, and is answered when the day's trades are used up",
    requirements=(COUNTED, ONCE),
    effects="order",
    needs=("disposable_account",),
    trades=MOST_TRADES,
    alongside=True,
)
async def trades_per_day(run: CheckContext) -> None:
    """Place an order, repeat it with its key, use up the rest of the plan's trades, and repeat it once more."""
    limit = trades_to_use_up(run)
    async with Desk(run) as desk:
        key, body = fresh_key("trades"), desk.body("buy")
        first = await desk.place(body, headers=keyed(key))
        if not is_accepted(first):
            run.could_not_run(f"the broker refused the first order: {told(first)}")
        for _ in range(2):
            await desk.place(body, headers=keyed(key))
        for count in range(2, limit + 1):
            answer = await _now(run, desk, body, fresh_key("trades"))
            what = f"order {count} of {limit} is refused: repetitions count as trades"
            run.require(answer.status != 429, COUNTED, what, found=told(answer), at=answer)
        beyond = await _now(run, desk, body, fresh_key("trades"))
        again = await _now(run, desk, body, key)
        run.expect(
            is_accepted(again) and again.document.get("ticket") == first.document.get("ticket"),
            COUNTED,
            "a repetition is not answered when the day's trades are used up",
            expected=first.json,
            found=told(again),
            at=again,
        )
        wanted = run.volumes(limit + int(is_accepted(beyond)))
        rows = await desk.rows()
        run.expect(net_volume(rows) == number(wanted), ONCE, "repetitions traded", expected=f"{wanted} lots",
                   found=[row.get("volume") for row in rows])  # fmt: skip


async def _now(run: CheckContext, desk: Desk, body: Row, key: str) -> Exchange:
    """Send an order within the plan's rate of requests, so that a 429 can only be for the number of trades."""
    await rest(run)
    return await desk.call("placeOrder", body=body, headers=keyed(key), paced=False)
