"""Times on the wire: milliseconds since the epoch, in UTC."""

import time

from conformance.catalogue import check
from conformance.context import CheckContext
from conformance.desk import Desk
from conformance.reading import number

TIMES = "TONPO-TIME-010"

NEAR_MS = 15 * 60 * 1000
"""More than two computers' clocks differ, and less than the half hour by which time zones do."""


@check(
    id="times.of-what-happens-now",
    title="Times are UTC in milliseconds: the broker's clock does not leak",
    requirements=(TIMES,),
    effects="order",
    needs=("account",),
    trades=1,
)
async def of_what_happens_now(run: CheckContext) -> None:
    """Open a position, ask for a price, ping and wait for a tick, and compare every time with the present."""
    patience = run.target.timeouts.stream_message
    seen = 0
    async with Desk(run) as desk, run.stream() as stream:
        row = await desk.open("buy")
        seen += _judge(run, "openTime of a position", row.get("openTime"))
        price = await run.call("getSymbolPrice", path={"symbol": run.symbol})
        seen += _judge(run, "time of a price", price.document.get("time"))
        await stream.send({"type": "ping"})
        pong = await stream.wait_for("pong", within=patience)
        seen += _judge(run, "time of a pong", (pong or {}).get("time"))
        await stream.send({"type": "subscribe", "symbols": [run.symbol]})
        tick = await stream.wait_for("tick", where=lambda one: one.get("symbol") == run.symbol, within=patience)
        seen += _judge(run, "time of a tick", (tick or {}).get("time"))
    if not seen:
        run.not_applicable("no answer and no message held a time")


def _judge(run: CheckContext, what: str, value: object) -> int:
    """Judge one time, if it is there, and return how many were: 0 or 1."""
    if value is None:
        return 0
    found, now = number(value), int(time.time() * 1000)
    run.expect(
        found is not None and abs(found - now) <= NEAR_MS,
        TIMES,
        f"the {what} is not the present in milliseconds, UTC",
        expected=now,
        found=value,
    )
    return 1
