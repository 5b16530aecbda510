"""Orders with an `Idempotency-Key`: sent twice, they trade once."""

import asyncio
from typing import Any

from conformance.catalogue import check
from conformance.checks.idempotency_steps import (
    expect_conflict,
    expect_replay,
    fresh_key,
    gist,
    is_replayed,
    keyed,
    look_up,
)
from conformance.context import CheckContext
from conformance.desk import Desk
from conformance.exchange import Exchange
from conformance.reading import Row, is_accepted, is_refused, net_volume, number, ticket_of, told

REPLAY, ONCE, REUSED, IN_FLIGHT = (f"TONPO-IDEM-0{row}0" for row in range(1, 5))
LOOKED_UP, REPEATABLE = "TONPO-IDEM-070", "TONPO-IDEM-120"

AT_ONCE = 10


async def first_order(run: CheckContext, desk: Desk, body: dict[str, Any], key: str, requirement: str) -> Exchange:
    """Place the order that is repeated later; it has to be accepted, and must not call itself a repetition."""
    answer = await desk.place(body, headers=keyed(key))
    run.require(is_accepted(answer), requirement, "an order with a fresh key was not accepted", found=told(answer),
                at=answer)  # fmt: skip
    run.expect(not is_replayed(answer), requirement, "the first answer calls itself a stored one",
               found=answer.response.headers, at=answer)  # fmt: skip
    return answer


def expect_one(run: CheckContext, rows: list[Row], volume: float, what: str) -> None:
    """Assert that the account is where one order of that volume takes it."""
    run.expect(
        len(rows) <= 1 and net_volume(rows) == number(volume),
        ONCE,
        f"{what} traded more than once, or not at all",
        expected=f"one position of {volume} lots",
        found=rows,
    )


@check(
    id="idempotency.replay",
    title="An order sent again with its key trades once, and gets its first answer, whatever happened since",
    requirements=(REPLAY, ONCE),
    effects="order",
    needs=("account",),
    trades=1,
)
async def replay(run: CheckContext) -> None:
    """Place an order, send it twice more, close its position, and send it once again."""
    async with Desk(run) as desk:
        key, body = fresh_key("replay"), desk.body("buy")
        first = await first_order(run, desk, body, key, REPLAY)
        rows = await desk.opened(first)
        for what in ("an order sent again", "an order sent a third time"):
            again = await desk.place(body, headers=keyed(key))
            expect_replay(run, first, again, what)
        await run.pause(0.1)
        rows = await desk.rows()
        expect_one(run, rows, run.volume, "an order sent three times")
        for row in rows:
            await desk.close({"ticket": row["ticket"]})
        await desk.settle(lambda rows: not rows)
        again = await desk.place(body, headers=keyed(key))
        expect_replay(run, first, again, "an order sent again after its position was closed")
        await run.pause(0.1)
        run.expect(not await desk.rows(), ONCE, "an order sent again after its position was closed opened another")


@check(
    id="idempotency.at-once",
    title=f"{AT_ONCE} copies of an order at once trade once",
    requirements=(ONCE, IN_FLIGHT, REPLAY),
    effects="order",
    needs=("account",),
    trades=1,
)
async def at_once(run: CheckContext) -> None:
    """Send the same order with the same key at the same moment, and once more when all are answered."""
    async with Desk(run) as desk:
        key, body = fresh_key("at-once"), desk.body("buy")
        answers = await asyncio.gather(*(desk.place(body, headers=keyed(key)) for _ in range(AT_ONCE)))
        again = await desk.place(body, headers=keyed(key))
        executed = [answer for answer in answers if is_accepted(answer)]
        rows = await desk.settle(lambda rows: net_volume(rows) >= (number(run.volume) or 0))
        await run.pause(0.2)
        rows = await desk.rows()
        expect_one(run, rows, run.volume, f"an order sent {AT_ONCE} times at once")
        tickets = {ticket_of(answer.document) for answer in executed}
        run.expect(len(tickets) <= 1, ONCE, "copies of an order got several tickets", expected="one ticket",
                   found=sorted(map(str, tickets)))  # fmt: skip
        for answer in answers:
            run.expect(
                is_accepted(answer) or _is_in_flight(answer),
                IN_FLIGHT,
                "a copy of an order in flight got neither its answer nor 409 idempotency_key_in_flight",
                expected="the first answer, or 409 idempotency_key_in_flight",
                found=told(answer),
                at=answer,
            )
        fresh = [answer for answer in executed if not is_replayed(answer)]
        run.expect(len(fresh) <= 1, REPLAY, "several copies of an order call their answer the first one",
                   expected="one without Idempotency-Replayed", found=len(fresh))  # fmt: skip
        run.require(bool(executed), ONCE, "none of the copies was executed", found=[gist(one) for one in answers])
        expect_replay(run, executed[0], again, "an order sent again after its copies")


def _is_in_flight(answer: Exchange) -> bool:
    return answer.status == 409 and answer.document.get("reason") == "idempotency_key_in_flight"


@check(
    id="idempotency.replay-refused",
    title="What the broker refused stays refused under its key",
    requirements=(REPLAY, ONCE, REUSED, LOOKED_UP),
    effects="order",
    needs=("account",),
    trades=1,
)
async def replay_refused(run: CheckContext) -> None:
    """Send an order with a stop loss on the wrong side twice, then a good one with its key."""
    async with Desk(run) as desk:
        quote = await desk.quote()
        key, body = fresh_key("refused"), desk.body("buy", sl=quote.above(2))
        first = await desk.place(body, headers=keyed(key))
        if not is_refused(first):
            run.could_not_run("this broker accepts a buy with a stop loss above the market")
        again = await desk.place(body, headers=keyed(key))
        run.expect(is_refused(again), ONCE, "a refused order was executed when it was sent again", found=told(again),
                   at=again)  # fmt: skip
        has_reached_broker = 200 <= first.status < 300
        if has_reached_broker:
            expect_replay(run, first, again, "an order that the broker refused, sent again")
            other = await desk.place(desk.body("buy"), headers=keyed(key))
            expect_conflict(run, other, REUSED, "another order with the key of one that the broker refused")
            record = await look_up(run, key)
            run.expect(
                record.document.get("outcome") == "refused" and result_of(record).get("success") is False,
                LOOKED_UP,
                "the request that the broker refused is not told as refused",
                expected="outcome refused, with a result whose success is false",
                found=told(record),
                at=record,
            )
        await run.pause(0.1)
        run.expect(not await desk.rows(), ONCE, "an order that was refused opened a position")


def result_of(record: Exchange) -> dict[str, Any]:
    """Return the broker's answer in what is told of a request; empty when there is none."""
    found = record.document.get("result")
    return found if isinstance(found, dict) else {}


@check(
    id="idempotency.reused",
    title="A key that was used for another request is refused, and nothing is executed",
    requirements=(REUSED, ONCE),
    effects="order",
    needs=("account",),
    trades=1,
)
async def reused(run: CheckContext) -> None:
    """With the key of an order, send other orders, and close and modify its position."""
    async with Desk(run) as desk:
        quote = await desk.quote()
        key, body = fresh_key("reused"), desk.body("buy", **quote.stops("buy"))
        first = await first_order(run, desk, body, key, REUSED)
        rows = await desk.opened(first)
        run.require(len(rows) == 1, ONCE, "an accepted order did not open one position", found=rows, at=first)
        row = rows[0]
        others: tuple[tuple[str, dict[str, Any]], ...] = (
            ("another volume", {**body, "volume": run.volumes(2)}),
            ("another side", {**body, "side": "sell", **quote.stops("sell")}),
            ("no stop loss", {name: value for name, value in body.items() if name != "sl"}),
            ("a comment", {**body, "comment": "other"}),
        )
        for what, other in others:
            answer = await desk.place(other, headers=keyed(key))
            expect_conflict(run, answer, REUSED, f"the key of an order with {what}")
        closing = await desk.close({"ticket": row["ticket"]}, headers=keyed(key))
        expect_conflict(run, closing, REUSED, "a close with the key of an order")
        modifying = await desk.modify({"ticket": row["ticket"], "sl": None}, headers=keyed(key))
        expect_conflict(run, modifying, REUSED, "a modification with the key of an order")
        await run.pause(0.1)
        now = await desk.rows()
        run.expect(
            [(ticket_of(one), one.get("volume"), one.get("sl"), one.get("tp")) for one in now]
            == [(ticket_of(row), row.get("volume"), row.get("sl"), row.get("tp"))],
            REUSED,
            "a request with a key of another was executed",
            expected=[row],
            found=now,
        )


@check(
    id="idempotency.refused-before",
    title="What the gateway refused before the broker saw it can be repeated with its key",
    requirements=(REPEATABLE, ONCE),
    effects="order",
    needs=("disposable_account",),
    trades=1,
)
async def refused_before(run: CheckContext) -> None:
    """Send an order on a paused account, resume, and send it again; a call that stays wrong stays refused alike."""
    path = {"account_id": run.disposable_account.id}
    async with Desk(run) as desk:
        key, body = fresh_key("paused"), desk.body("buy")
        await run.call("pauseAccount", path=path)
        refused = await desk.place(body, headers=keyed(key))
        await run.call("resumeAccount", path=path)
        if not is_refused(refused):
            run.could_not_run("a paused account accepts orders")
        answer = await desk.place(body, headers=keyed(key))
        run.expect(
            is_accepted(answer) and not is_replayed(answer),
            REPEATABLE,
            "an order that was refused while the account was paused cannot be repeated with its key",
            expected="an accepted order",
            found=told(answer),
            at=answer,
        )
        if is_accepted(answer):
            await desk.opened(answer)
            await desk.place(body, headers=keyed(key))
            await run.pause(0.1)
            expect_one(run, await desk.rows(), run.volume, "an order that was refused at first and then sent twice")
        wrong: tuple[dict[str, Any], ...] = (
            {**body, "symbol": "NO.SUCH"},
            {**body, "volume": -1},
            {**body, "orderType": "limit"},
        )
        for order in wrong:
            key = fresh_key("wrong")
            answers = [await desk.place(order, valid=False, headers=keyed(key)) for _ in range(2)]
            run.expect(
                is_refused(answers[0]) and gist(answers[0]) == gist(answers[1]),
                REPEATABLE,
                "a call that is wrong in itself is refused otherwise when it is sent again with its key",
                expected=gist(answers[0]),
                found=gist(answers[1]),
                at=answers[1],
            )
