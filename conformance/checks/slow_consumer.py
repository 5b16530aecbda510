"""A connection that does not read: what becomes of its account events, and of the others."""

import asyncio

from conformance.catalogue import check
from conformance.checks.stream_steps import answer_to, fence, patience
from conformance.context import CheckContext
from conformance.desk import Desk
from conformance.errors import NoAnswer
from conformance.reading import ticket_of
from conformance.stream import Stream

FAIR = "TONPO-WS-220"
CLOSED = (4408, 4429)
"""A slow consumer; and one that says too much, as the check does before it reads. Either tells of the loss."""

UNREAD_ANSWERS = 2000
"""Answers that are asked for and not read; with their ids of 128 characters a few hundred kilobytes."""

FLOOD_SECONDS = 2.0


@check(
    id="stream.slow-consumer",
    title="A connection that does not read loses no account event, or is closed with 4408; others are served meanwhile",
    requirements=(FAIR,),
    effects="order",
    needs=("account",),
    trades=1,
)
async def slow_consumer(run: CheckContext) -> None:
    """Let one connection ask much and read nothing, trade meanwhile, and see what both connections get.

    On targets other than sandboxes nothing is asked beforehand, so that no gateway that others use is flooded.
    """
    async with Desk(run) as desk, run.stream(name="slow") as slow, run.stream(name="quick") as quick:
        await fence(run, slow)
        slow.stop_reading()
        if run.target.is_sandbox:
            await _flood(slow)
        pong = await answer_to(run, quick, {"type": "ping"}, "pong")
        run.require(pong is not None, FAIR, "while one connection does not read, another gets no pong", expected="pong")
        ticket = ticket_of(await desk.open("buy"))
        told = await _event(run, quick, ticket)
        if not told:
            run.could_not_run("the order yields no account event on a connection that reads")
        slow.go_on_reading()
        run.expect(
            await _event(run, slow, ticket) or await slow.wait_closed(within=0.0) in CLOSED,
            FAIR,
            "a connection that did not read for a while lost an account event",
            expected=f"orderResult or position of ticket {ticket}, or close code {CLOSED[0]}",
            found="the connection stays open" if slow.is_open else f"close code {slow.close_code}",
        )


async def _flood(stream: Stream) -> None:
    """Send pings until the gateway takes no more, or closes: both are for it to decide."""
    try:
        async with asyncio.timeout(FLOOD_SECONDS):
            for number in range(UNREAD_ANSWERS):
                await stream.send({"type": "ping", "request_id": f"{number:0128}"})
    except (TimeoutError, NoAnswer):
        return


async def _event(run: CheckContext, stream: Stream, ticket: int | None) -> bool:
    found = await stream.wait_any(
        where=lambda message: message.get("type") in ("orderResult", "position") and message.get("ticket") == ticket,
        within=patience(run),
    )
    return found is not None
