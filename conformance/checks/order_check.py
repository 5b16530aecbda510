"""Checking an order without sending it: `POST /api/orders/check`."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from conformance.catalogue import check
from conformance.checks.steps import market_order, open_positions
from conformance.checks.trade_limit_steps import rest, trades_of_the_day
from conformance.context import CheckContext
from conformance.desk import CLOSED_MARKET, Desk
from conformance.exchange import Exchange
from conformance.quote import Quote
from conformance.reading import Row, is_accepted, is_refused, is_same_number, number, told

ANSWER, NOTHING, AGREES = "TONPO-CHECK-010", "TONPO-CHECK-020", "TONPO-CHECK-030"

FAR_TOO_MUCH = 100_000.0
"""Lots that no account has the margin for, and no symbol allows. Sent on sandboxes only."""

CLOSE_MARGIN = Decimal("0.1")
"""By which part the margin may differ from the check's: prices move between the two."""


async def _checked(run: CheckContext, body: dict[str, Any]) -> Exchange:
    return await run.call("checkOrder", body=body)


@dataclass(frozen=True, slots=True)
class _Figures:
    """What a check must leave as it is."""

    positions: list[str]
    orders: list[str]
    money: list[str]


async def _figures(run: CheckContext, desk: Desk) -> _Figures:
    positions = [f"{row.get('ticket')} {row.get('volume')}" for row in await desk.rows()]
    orders: list[str] = []
    if "listOrders" in run.contract.operations:
        orders = [str(row.get("ticket")) for row in (await run.call("listOrders")).rows("orders")]
    info = (await run.call("getAccountInfo")).document
    # Equity moves with the prices of positions that somebody else may have open.
    money = [f"{name} {info.get(name)}" for name in ("balance", "credit")]
    if not info.get("margin"):
        money.append("no margin in use")
    return _Figures(sorted(positions), sorted(orders), money)


@check(
    id="order-check.nothing-is-sent",
    title="A check tells what would happen, with retcode and margin, and sends nothing",
    requirements=(ANSWER, NOTHING),
    effects="order",
    needs=("account", "order-check"),
    trades=1,
)
async def nothing_is_sent(run: CheckContext) -> None:
    """Check a buy, a sell, a pending order and orders that cannot be, and look at the account before and after."""
    async with Desk(run) as desk:
        quote = await desk.quote()
        before = await _figures(run, desk)
        for body in (desk.body("buy"), desk.body("sell", units=2), desk.body("buy", "limit", price=quote.below(5))):
            answer = await _checked(run, body)
            _judge_sound(run, answer, f"a {body['side']} {body['orderType']}", body["orderType"] == "market")
        for what, body in _unsound(run, desk, quote).items():
            answer = await _checked(run, body)
            _judge_unsound(run, answer, what)
        answer = await _checked(run, desk.body("buy") | {"symbol": f"NOSUCH{run.random.randrange(1000):03}"})
        _judge_unsound(run, answer, "an order for a symbol that nobody has")
        await run.pause(0.2)
        after = await _figures(run, desk)
        run.expect(after.positions == before.positions, NOTHING, "a check opened a position", found=after.positions,
                   expected=before.positions)  # fmt: skip
        run.expect(after.orders == before.orders, NOTHING, "a check placed an order", found=after.orders,
                   expected=before.orders)  # fmt: skip
        run.expect(after.money == before.money, NOTHING, "a check changed the account", found=after.money,
                   expected=before.money)  # fmt: skip


def _judge_sound(run: CheckContext, answer: Exchange, what: str, is_market: bool) -> None:
    run.require_status(answer, 200, requirement=ANSWER, message=f"the check of {what} was not answered 200")
    body = answer.document
    retcode, margin = number(body.get("retcode")), number(body.get("margin"))
    if body.get("success") is False and body.get("retcode") in CLOSED_MARKET:
        run.could_not_run(CLOSED_MARKET[body["retcode"]])
    run.expect(body.get("success") is True and not body.get("error"), ANSWER, f"the check refuses {what}",
               expected="success", found=told(answer), at=answer)  # fmt: skip
    run.expect(retcode == 0, ANSWER, f"the retcode of a check of {what} is not 0", found=body.get("retcode"), at=answer)
    # A pending order ties up no margin at most brokers.
    run.expect(
        margin is not None and (margin > 0 or not is_market),
        ANSWER,
        f"the check of {what} tells no margin after it",
        expected="above 0" if is_market else "a number",
        found=body.get("margin"),
        at=answer,
    )
    equity, free = number(body.get("equity")), number(body.get("freeMargin"))
    if margin is not None and equity is not None and free is not None:
        run.expect(abs(equity - margin - free) <= 2, ANSWER, f"freeMargin after {what} is not equity minus margin",
                   expected=str(equity - margin), found=str(free), at=answer)  # fmt: skip


def _judge_unsound(run: CheckContext, answer: Exchange, what: str) -> None:
    """Judge the check of an order that cannot be. What breaks a rule of the gateway's own may be an HTTP error."""
    run.expect(is_refused(answer) and answer.status < 500, ANSWER, f"the check accepts {what}", expected="a refusal",
               found=told(answer), at=answer)  # fmt: skip
    if answer.status == 200 and answer.document.get("success") is False:
        run.expect(
            bool(number(answer.document.get("retcode"))),
            ANSWER,
            f"the check refuses {what} and tells no retcode",
            expected="another than 0",
            found=answer.json,
            at=answer,
        )


def _unsound(run: CheckContext, desk: Desk, quote: Quote) -> dict[str, dict[str, Any]]:
    bodies = {
        "a volume far below every symbol's least": desk.body("buy") | {"volume": float(run.target.volume / 1000)},
        "a buy with sl above the market": desk.body("buy", sl=quote.above(3)),
        "a sell with tp above the market": desk.body("sell", tp=quote.above(3)),
    }
    if run.target.is_sandbox:
        bodies["far more lots than anybody has"] = desk.body("buy") | {"volume": FAR_TOO_MUCH}
    return bodies


@check(
    id="order-check.agrees",
    title="What a check accepts is accepted when it is sent, what it refuses is refused, and the margin is near",
    requirements=(AGREES, ANSWER),
    effects="order",
    needs=("account", "order-check"),
    trades=6,
)
async def agrees(run: CheckContext) -> None:
    """Check orders and send each of them at once, also ones of too little or too much and with wrong stops."""
    async with Desk(run) as desk:
        quote = await desk.quote()
        sound = {"a buy": desk.body("buy"), "a sell with stops": desk.body("sell", **quote.stops("sell"))}
        doubtful = {**_unsound(run, desk, quote), **await _at_the_limits(run, desk)}
        for what, body in {**sound, **doubtful}.items():
            sent = await _agree(run, desk, what, body, is_sound=what in sound)
            if is_accepted(sent):
                for row in await desk.opened(sent):
                    await desk.close({"ticket": row.get("ticket")}, valid=False)
                await desk.settle(lambda rows: not rows)


async def _at_the_limits(run: CheckContext, desk: Desk) -> dict[str, dict[str, Any]]:
    """Return orders at the limits of the symbol, where it tells them and they may be sent."""
    told_ = (await run.call("getSymbolPrice", path={"symbol": run.symbol})).document
    step, most = number(told_.get("volumeStep")), number(told_.get("volumeMax"))
    if not step or not most:
        return {}
    bodies = {"a volume between two steps": desk.body("buy") | {"volume": float(run.target.volume + step / 2)}}
    if run.target.is_sandbox:
        bodies["the largest volume"] = desk.body("buy") | {"volume": float(most)}
        bodies["more than the largest volume"] = desk.body("buy") | {"volume": float(most + step)}
    return bodies


async def _agree(run: CheckContext, desk: Desk, what: str, body: dict[str, Any], *, is_sound: bool) -> Exchange:
    before = (await run.call("getAccountInfo")).document
    checked = await _checked(run, body)
    # A sound order may meet a closed market, which says nothing; a refusal of any other is what is to be compared.
    sent = await desk.place(body) if is_sound else await run.call("placeOrder", body=body)
    run.expect(
        is_refused(checked) == is_refused(sent),
        AGREES,
        f"{what} is {_word(checked)} by the check and {_word(sent)} when it is sent",
        expected=told(checked),
        found=told(sent),
        at=sent,
    )
    if is_accepted(checked) and is_accepted(sent) and is_same_number(before.get("margin"), 0):
        await desk.settle(bool)
        await _judge_margin(run, checked, what)
    return sent


def _word(answer: Exchange) -> str:
    return "refused" if is_refused(answer) else "accepted"


async def _judge_margin(run: CheckContext, checked: Exchange, what: str) -> None:
    """Compare the margin that the check foresaw with the one in use now."""
    foreseen = number(checked.document.get("margin"))
    info: Row = (await run.call("getAccountInfo")).document
    found = number(info.get("margin"))
    if foreseen is None or not found:
        return
    # The smallest coin counts where the margin is only a few of them.
    allowed = found * CLOSE_MARGIN + 1
    run.expect(abs(foreseen - found) <= allowed, ANSWER, f"the margin after {what} is another than the check foresaw",
               expected=str(foreseen), found=str(found), at=checked)  # fmt: skip


@check(
    id="order-check.costs-no-trade",
    title="Checks do not count as trades of the day",
    requirements=(NOTHING,),
    effects="order",
    needs=("disposable_account", "order-check"),
    trades=1,
)
async def costs_no_trade(run: CheckContext) -> None:
    """Check more orders than the plan allows trades, and place one."""
    limit = trades_of_the_day(run)
    body = {"symbol": run.symbol, "side": "buy", "orderType": "market", "volume": run.volume}
    for _ in range(limit + 1):
        await rest(run)
        answer = await run.call("checkOrder", body=body, paced=False)
        run.require(answer.status != 429, NOTHING, "checks are refused for the number of trades", found=told(answer),
                    expected=200, at=answer)  # fmt: skip
    await rest(run)
    made = await market_order(run, paced=False)
    run.expect(made.status != 429, NOTHING, "checks count towards the trades of the day", found=told(made), at=made)
    for ticket in await open_positions(run):
        await run.call("closePosition", body={"ticket": ticket})
