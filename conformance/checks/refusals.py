"""Orders that must be refused, and leave nothing behind: `POST /api/orders`.

The checks ask for a user with a trade left even where nothing should be accepted: one whose quota is used up would be
refused for that.
"""

from typing import Any

from conformance.catalogue import check
from conformance.context import CheckContext
from conformance.desk import Desk
from conformance.exchange import Exchange
from conformance.reading import is_accepted, is_refused, is_same_number, number, told

PRICE, MEMBERS, VALUES, SYMBOL = "TONPO-ORD-070", "TONPO-ORD-120", "TONPO-ORD-130", "TONPO-ORD-160"
NOTHING, RECOGNISABLE, BROKER, ADJUSTED = "TONPO-ORD-170", "TONPO-ORD-180", "TONPO-ORD-200", "TONPO-ORD-230"
ONCE = "TONPO-ORD-030"


def _expect_refused(run: CheckContext, answer: Exchange, requirement: str, what: str) -> bool:
    run.expect(
        is_refused(answer) or answer.document.get("success") is True,
        RECOGNISABLE,
        f"the answer to {what} is neither a refusal nor a success",
        found=told(answer),
        at=answer,
    )
    return run.expect(is_refused(answer), requirement, f"{what} was not refused", found=told(answer), at=answer)


async def _expect_nothing(run: CheckContext, desk: Desk) -> None:
    """Look that no position is there, and no pending order where the gateway can list them."""
    rows = await desk.rows()
    run.expect(not rows, NOTHING, "a refused order opened a position", expected=[], found=rows)
    if "listOrders" in run.contract.operations:
        listed = await run.call("listOrders")
        mine = [row for row in listed.rows("orders") if row.get("comment") == "refuse-me"]
        run.expect(not mine, NOTHING, "a refused order is pending", expected=[], found=mine)


@check(
    id="orders.pending-needs-price",
    title="A limit or stop order without a price is refused",
    requirements=(PRICE, NOTHING, RECOGNISABLE),
    effects="order",
    needs=("account",),
    trades=1,
)
async def pending_needs_price(run: CheckContext) -> None:
    """Leave out the price; a gateway that fills at the market instead would open a position."""
    async with Desk(run) as desk:
        for side, kind in (("buy", "limit"), ("sell", "stop")):
            answer = await desk.place(desk.body(side, kind, comment="refuse-me"), valid=False)
            _expect_refused(run, answer, PRICE, f"a {side} {kind} without price")
        await _expect_nothing(run, desk)


@check(
    id="orders.required-members",
    title="An order without symbol, side, orderType or volume is refused with 4xx",
    requirements=(MEMBERS, NOTHING),
    effects="order",
    needs=("account",),
    trades=1,
)
async def required_members(run: CheckContext) -> None:
    """Leave out each of the four in turn; a gateway that assumes one would trade."""
    async with Desk(run) as desk:
        for name in ("symbol", "side", "orderType", "volume"):
            body = desk.body("buy", comment="refuse-me")
            del body[name]
            answer = await desk.place(body, valid=False)
            run.expect(
                400 <= answer.status < 500,
                MEMBERS,
                f"an order without {name} was not refused with a 4xx status",
                expected="4xx",
                found=told(answer),
                at=answer,
            )
        await _expect_nothing(run, desk)


@check(
    id="orders.wrong-values",
    title="An order with an unknown side or type, or no volume, is refused",
    requirements=(VALUES, NOTHING, RECOGNISABLE),
    effects="order",
    needs=("account",),
    trades=1,
)
async def wrong_values(run: CheckContext) -> None:
    """Send values that no order has; a gateway that guesses, or takes a volume's absolute value, would trade."""
    async with Desk(run) as desk:
        quote = await desk.quote()
        wrong: tuple[dict[str, Any], ...] = (
            {"side": "hold"},
            {"side": ""},
            {"orderType": "iceberg", "price": quote.below(5)},
            {"volume": 0},
            {"volume": -run.volume},
        )
        for members in wrong:
            name, value = next(iter(members.items()))
            answer = await desk.place(desk.body("buy", comment="refuse-me") | members, valid=False)
            _expect_refused(run, answer, VALUES, f"an order with {name} {value!r}")
        await _expect_nothing(run, desk)


@check(
    id="orders.unknown-symbol",
    title="An order for a symbol that the account does not have is refused",
    requirements=(SYMBOL, NOTHING, RECOGNISABLE),
    effects="order",
    needs=("account",),
    trades=1,
)
async def unknown_symbol(run: CheckContext) -> None:
    """Order a symbol that is not listed, at the market and pending."""
    async with Desk(run) as desk:
        quote = await desk.quote()
        listed = (await run.call("listSymbols")).document.get("symbols")
        name = f"NOSUCH{run.random.randrange(1000):03}"
        if not isinstance(listed, list) or name in listed:
            run.could_not_run("the symbols could not be listed, so none is known to be absent")
        kinds: tuple[tuple[str, dict[str, Any]], ...] = (("market", {}), ("limit", {"price": quote.below(5)}))
        for kind, members in kinds:
            answer = await desk.place(desk.body("buy", kind, comment="refuse-me", **members) | {"symbol": name})
            _expect_refused(run, answer, SYMBOL, f"a {kind} order for {name}")
        await _expect_nothing(run, desk)


@check(
    id="orders.refused-by-broker",
    title="What the broker cannot do is refused or done exactly, never adjusted",
    requirements=(ADJUSTED, BROKER, NOTHING, RECOGNISABLE, ONCE),
    effects="order",
    needs=("account",),
    trades=3,
)
async def refused_by_broker(run: CheckContext) -> None:
    """Order a thousandth of the test volume, then stops on the wrong side of a buy and of a sell."""
    async with Desk(run) as desk:
        quote = await desk.quote()
        bodies = {
            "a volume far below every symbol's least": desk.body("buy", comment="refuse-me")
            | {"volume": float(run.target.volume / 1000)},
            "a buy with sl above the market": desk.body("buy", sl=quote.above(3), comment="refuse-me"),
            "a sell with tp above the market": desk.body("sell", tp=quote.above(3), comment="refuse-me"),
        }
        for what, body in bodies.items():
            answer = await desk.place(body)
            if _expect_refused(run, answer, ADJUSTED, what):
                _judge_refusal(run, answer, what)
                await _expect_nothing(run, desk)
            elif is_accepted(answer):
                await _expect_as_ordered(run, desk, answer, body, what)


def _judge_refusal(run: CheckContext, answer: Exchange, what: str) -> None:
    body = answer.document
    run.expect(
        answer.status == 200
        and body.get("success") is False
        and bool(isinstance(body.get("error"), str) and body["error"])
        and number(body.get("retcode")) is not None,
        BROKER,
        f"the refusal of {what} is not HTTP 200 with success false, an error and a retcode",
        found=told(answer),
        at=answer,
    )


async def _expect_as_ordered(run: CheckContext, desk: Desk, answer: Exchange, body: dict[str, Any], what: str) -> None:
    """Judge an order that was accepted after all: what it opened must be what it said."""
    for row in await desk.opened(answer):
        run.expect(
            is_same_number(row.get("volume"), body["volume"]),
            ONCE,
            f"{what} was accepted, and opened another volume",
            expected=body["volume"],
            found=row,
        )
        await desk.close({"ticket": row.get("ticket")}, valid=False)
    await desk.settle(lambda rows: not rows)
