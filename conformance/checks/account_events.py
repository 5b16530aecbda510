"""Account events on the stream: what an order, a modification and a close bring about on the user's connections."""

from typing import Any

from conformance.catalogue import check
from conformance.checks.stream_steps import answer_to, fence, is_number, patience
from conformance.context import CheckContext
from conformance.desk import Desk
from conformance.exchange import Exchange
from conformance.reading import Row, is_accepted, is_refused, is_same_number, ticket_of, told
from conformance.stream import Message, Stream

RESULT, REJECTION, OPENED, CHANGED = "TONPO-EVT-010", "TONPO-EVT-020", "TONPO-EVT-030", "TONPO-EVT-040"
FIGURES, AGREES, EVERYWHERE, CLOSED = "TONPO-EVT-050", "TONPO-EVT-060", "TONPO-EVT-080", "TONPO-EVT-090"
ANSWERED = "TONPO-WS-190"

LATE_SECONDS = 0.5
"""How long after a refusal by the gateway itself an `orderResult` is looked for; none needs to come."""


async def listen(run: CheckContext, stream: Stream) -> None:
    """Subscribe the test symbol, in case the gateway sends account events only then; whether it must not, is judged
    elsewhere."""
    await answer_to(run, stream, {"type": "subscribe", "symbols": [run.symbol]}, "subscribed", "error")


async def position_message(run: CheckContext, stream: Stream, ticket: int | None, **facts: object) -> Message | None:
    """Take the first `position` message of a ticket that shows these facts."""

    def shows(message: Message) -> bool:
        return message.get("ticket") == ticket and all(_same(message.get(name), one) for name, one in facts.items())

    return await stream.wait_for("position", where=shows, within=patience(run))


def _same(found: object, wanted: object) -> bool:
    return is_same_number(found, wanted) if is_number(wanted) else found == wanted


@check(
    id="events.order-result",
    title="An executed order yields an orderResult with its ticket",
    requirements=(RESULT,),
    effects="order",
    needs=("account",),
    trades=1,
)
async def order_result(run: CheckContext) -> None:
    """Buy at market, and wait for the orderResult of the ticket that REST gave."""
    async with Desk(run) as desk, run.stream() as stream:
        await listen(run, stream)
        answer = await desk.place(desk.body("buy"))
        if not is_accepted(answer):
            run.could_not_run(f"the order was not accepted: {told(answer)}")
        ticket = ticket_of(answer.document)
        result = await stream.wait_for(
            "orderResult", where=lambda message: message.get("ticket") == ticket, within=patience(run)
        )
        run.require(
            result is not None,
            RESULT,
            f"no orderResult with the order's ticket came within {patience(run):g} s",
            expected=f"orderResult with ticket {ticket}",
            found=stream.received("orderResult") or "no orderResult",
        )
        run.expect_message(result, RESULT, "orderResult", patience(run))
        run.expect(
            (result or {}).get("success") is True, RESULT, "the orderResult of an executed order says no success",
            expected="success: true", found=result,
        )  # fmt: skip


@check(
    id="events.order-rejected",
    title="An order that the broker rejects yields an orderResult that does not say success",
    requirements=(REJECTION,),
    effects="order",
    needs=("account",),
    trades=1,
)
async def order_rejected(run: CheckContext) -> None:
    """Buy with stops on the wrong side. A gateway that refuses this itself has nothing to report from the broker."""
    async with Desk(run) as desk, run.stream() as stream:
        await listen(run, stream)
        quote = await desk.quote()
        wrong: tuple[dict[str, Any], ...] = ({"sl": quote.above(3)}, {"tp": quote.below(3)})
        for stops in wrong:
            answer = await desk.place(desk.body("buy", **stops))
            if not is_refused(answer):
                continue
            is_from_broker = answer.status < 400
            if not is_from_broker:
                await fence(run, stream)
            result = await stream.wait_for(
                "orderResult",
                where=lambda message: message.get("success") is not True,
                within=patience(run) if is_from_broker else LATE_SECONDS,
            )
            if result is not None or is_from_broker:
                run.expect(
                    result is not None,
                    REJECTION,
                    "a rejected order yields no orderResult that says so",
                    expected="orderResult with success: false",
                    found=stream.received("orderResult") or "no orderResult",
                )
                return
            successes = stream.received("orderResult")
            run.expect(not successes, REJECTION, "the orderResult of a refused order says success", found=successes)
        run.not_applicable("the gateway refuses wrong stops itself, or accepts them; no order reaches the broker")


@check(
    id="events.position-opens-and-closes",
    title="A position that opens, and one that closes, yields position messages that agree with REST",
    requirements=(OPENED, AGREES, CLOSED, ANSWERED),
    effects="order",
    needs=("account",),
    trades=1,
)
async def position_opens_and_closes(run: CheckContext) -> None:
    """Open a position, compare its messages and the answer to getPositions with REST, and close it."""
    async with Desk(run) as desk, run.stream() as stream:
        await listen(run, stream)
        row = await desk.open("buy")
        ticket = ticket_of(row)
        message = await position_message(run, stream, ticket)
        run.require(
            message is not None,
            OPENED,
            f"no position message of ticket {ticket} came within {patience(run):g} s",
            expected=f"position with ticket {ticket}",
            found=stream.received("position") or "no position message",
        )
        run.expect_message(message, OPENED, "position", patience(run))
        run.expect(is_number((message or {}).get("profit")), OPENED, "a position message has no profit", found=message)
        await _expect_listed(run, stream, row)
        for one in stream.received("position"):
            if one.get("ticket") == ticket:
                _expect_agreement(run, one, row)
        closing = await desk.close({"ticket": ticket})
        if is_refused(closing):
            run.could_not_run(f"the position could not be closed: {told(closing)}")
        last = await position_message(run, stream, ticket, volume=0)
        run.expect(
            last is not None and last.get("event") == "closed",
            CLOSED,
            "the close of a position yields no position message with volume 0 and event closed",
            expected="volume 0, event closed",
            found=last or "no such message",
        )


def _expect_agreement(run: CheckContext, message: Message, row: Row) -> None:
    for name in ("symbol", "side", "volume"):
        if name in message:
            run.expect(
                _same(message[name], row.get(name)),
                AGREES,
                f"{name} of a position message is not the one that REST gives",
                expected=row.get(name),
                found=message,
            )


async def _expect_listed(run: CheckContext, stream: Stream, row: Row) -> None:
    answer = await answer_to(run, stream, {"type": "getPositions"}, "positions", "error")
    rows = (answer or {}).get("positions")
    listed: list[Any] = rows if isinstance(rows, list) else []
    mine = [one for one in listed if isinstance(one, dict) and one.get("ticket") == row["ticket"]]
    run.expect(
        len(mine) == 1 and all(_same(mine[0].get(name), row.get(name)) for name in ("symbol", "side", "volume")),
        ANSWERED,
        "getPositions on the stream does not give the position that REST lists",
        expected=row,
        found=answer or "nothing",
    )


@check(
    id="events.position-changes",
    title="A position that is modified or partly closed yields a position message with its new state",
    requirements=(CHANGED,),
    effects="order",
    needs=("account",),
    trades=1,
)
async def position_changes(run: CheckContext) -> None:
    """Move the stop loss of a position, then close half of it.

    A gateway may leave `sl` out of its messages; then any message of the ticket after the modification will do.
    """
    async with Desk(run) as desk, run.stream() as stream:
        await listen(run, stream)
        quote = await desk.quote()
        row = await desk.open("buy", units=2, sl=quote.below(3))
        ticket = ticket_of(row)
        first = await position_message(run, stream, ticket)
        shows_stops = first is not None and first.get("sl") is not None
        moved, earlier = quote.below(5), {id(message) for message in stream.received()}
        await _require_done(run, await desk.modify({"ticket": ticket, "sl": moved}))
        message = await stream.wait_for(
            "position",
            where=lambda one: (
                one.get("ticket") == ticket
                and id(one) not in earlier
                and (quote.is_at(one.get("sl"), moved) or not shows_stops)
            ),
            within=patience(run),
        )
        run.expect(
            message is not None,
            CHANGED,
            "a modified stop loss yields no position message that shows it",
            expected=f"position with ticket {ticket} and sl {moved}",
            found=[one for one in stream.received("position") if id(one) not in earlier][-2:] or "no position message",
        )
        await _require_done(run, await desk.close({"ticket": ticket, "volume": run.volume}))
        message = await position_message(run, stream, ticket, volume=run.volume)
        run.expect(
            message is not None,
            CHANGED,
            "a partial close yields no position message with the volume that is left",
            expected=f"position with ticket {ticket} and volume {run.volume}",
            found=[one for one in stream.received("position") if one.get("ticket") == ticket][-1:],
        )


async def _require_done(run: CheckContext, answer: Exchange) -> None:
    if is_refused(answer):
        run.could_not_run(f"{answer.operation} was refused: {told(answer)}")


@check(
    id="events.account-figures",
    title="Opening and closing a position yields account messages with the new figures",
    requirements=(FIGURES,),
    effects="order",
    needs=("account",),
    trades=1,
)
async def account_figures(run: CheckContext) -> None:
    """Compare the account messages after each step with what REST said before it.

    Where balance or margin changed, one of the messages must show a change; equity moves on its own.
    """
    async with Desk(run) as desk, run.stream() as stream:
        await listen(run, stream)
        before, earlier = await _figures(run), {id(message) for message in stream.received()}
        row = await desk.open("buy")
        during = await _figures(run)
        await _expect_figures(run, stream, before, during, earlier, "opening a position")
        earlier = {id(message) for message in stream.received()}
        await _require_done(run, await desk.close({"ticket": ticket_of(row)}))
        await desk.settle_gone(ticket_of(row))
        await _expect_figures(run, stream, during, await _figures(run), earlier, "closing a position")


async def _figures(run: CheckContext) -> Row:
    answer = await run.call("getAccountInfo")
    if not all(is_number(answer.document.get(name)) for name in ("balance", "margin")):
        run.could_not_run(f"the account's figures could not be had: {told(answer)}")
    return answer.document


async def _expect_figures(
    run: CheckContext, stream: Stream, before: Row, now: Row, earlier: set[int], step: str
) -> None:
    changed = [name for name in ("balance", "margin") if not is_same_number(before[name], now[name])]
    fresh: list[Message] = []

    def shows_change(message: Message) -> bool:
        if id(message) in earlier:
            return False
        fresh.append(message)
        return not changed or any(not is_same_number(message.get(name), before[name]) for name in changed)

    message = await stream.wait_for("account", where=shows_change, within=patience(run))
    run.require(
        message is not None,
        FIGURES,
        f"{step} yields no account message" + (f" with another {' or '.join(changed)}" if fresh else ""),
        expected={name: now[name] for name in changed} or "account",
        found=fresh[-1:] or "no account message",
    )
    run.expect(
        all(is_number((message or {}).get(name)) for name in ("balance", "equity", "margin")),
        FIGURES,
        "an account message lacks balance, equity or margin",
        found=message,
    )


@check(
    id="events.every-connection",
    title="Account events reach every connection of the user, without a subscription",
    requirements=(EVERYWHERE,),
    effects="order",
    needs=("account",),
    trades=1,
)
async def every_connection(run: CheckContext) -> None:
    """Open a position while two connections that have subscribed nothing look on."""
    async with Desk(run) as desk, run.stream() as one, run.stream() as two:
        for stream in (one, two):
            await fence(run, stream)
        row = await desk.open("buy")
        for stream in (one, two):
            for kind in ("orderResult", "position", "account"):
                message = await stream.wait_for(
                    kind,
                    where=lambda message, kind=kind: (  # type: ignore[misc]
                        kind == "account" or message.get("ticket") == row["ticket"]
                    ),
                    within=patience(run),
                )
                run.require(
                    message is not None,
                    EVERYWHERE,
                    f"{stream.name}, without a subscription, gets no {kind} of an order",
                    expected=kind,
                    found=[message.get("type") for message in stream.received()],
                )
