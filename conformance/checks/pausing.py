"""A pause: the account stays connected, new orders are blocked, risk can be reduced."""

from conformance.catalogue import check
from conformance.checks.steps import is_refused, market_order, open_positions, status_of
from conformance.context import CheckContext
from conformance.exchange import Exchange


@check(
    id="accounts.pause",
    title="A paused account stays connected, refuses new orders, lets risk be reduced, and can be resumed",
    requirements=(
        "TONPO-ACC-090",
        "TONPO-ACC-100",
        "TONPO-ACC-110",
        "TONPO-ACC-120",
        "TONPO-ACC-210",
        "TONPO-ACC-230",
        "TONPO-ACC-240",
    ),
    needs=("disposable_account",),
    effects="order",
    trades=2,
)
async def pause(run: CheckContext) -> None:
    """Open a position, pause, try orders, modify and close it, resume, and open another."""
    account = {"account_id": run.disposable_account.id}
    ticket = await _opened(run)
    paused = await run.call("pauseAccount", path=account)
    run.require(200 <= paused.status < 300, "TONPO-ACC-090", "an active account cannot be paused", found=paused.status)
    await _expect_connected(run, ticket)
    await _expect_paused(run, is_paused=True)
    await _expect_orders_blocked(run)
    again = await run.call("pauseAccount", path=account)
    run.expect(
        again.status == paused.status and _without_times(again) == _without_times(paused),
        "TONPO-ACC-240",
        "a second pause is answered otherwise",
        expected=paused.json,
        found=again.json,
        at=again,
    )
    modified = await run.call("modifyPosition", body={"ticket": ticket, "sl": 0})
    run.expect(modified.status < 400, "TONPO-ACC-210", "a paused account does not modify", found=modified.json)
    closed = await run.call("closePosition", body={"ticket": ticket})
    run.expect(not is_refused(closed), "TONPO-ACC-210", "a paused account does not close", found=closed.json)
    resumed = await run.call("resumeAccount", path=account)
    run.expect(200 <= resumed.status < 300, "TONPO-ACC-120", "a paused account cannot be resumed", found=resumed.status)
    await _expect_paused(run, is_paused=False)
    made = await market_order(run)
    run.expect(
        not is_refused(made), "TONPO-ACC-120", "a resumed account does not accept orders", found=made.json, at=made
    )
    again = await run.call("resumeAccount", path=account)
    run.expect(200 <= again.status < 300, "TONPO-ACC-240", "a second resume fails", found=again.status)
    for open_ticket in await open_positions(run):
        await run.call("closePosition", body={"ticket": open_ticket})


async def _opened(run: CheckContext) -> int:
    made = await market_order(run)
    ticket = made.document.get("ticket")
    if is_refused(made) or not isinstance(ticket, int):
        run.could_not_run(f"no order is accepted to start from: HTTP {made.status}")
    return ticket


async def _expect_connected(run: CheckContext, ticket: int) -> None:
    status = await status_of(run, run.disposable_account.id)
    run.expect(
        status.document.get("status") == "active",
        "TONPO-ACC-110",
        "a paused account is not active",
        expected="active",
        found=status.json,
        at=status,
    )
    info = await run.call("getAccountInfo")
    run.expect_status(info, 200, requirement="TONPO-ACC-110", message="a paused account's information is not readable")
    positions = await run.call("listPositions")
    run.expect(
        positions.status == 200 and bool(positions.rows("positions")),
        "TONPO-ACC-110",
        "a paused account's positions are not readable",
        expected=f"the open position, opened as {ticket}",
        found=positions.json,
        at=positions,
    )


async def _expect_paused(run: CheckContext, *, is_paused: bool) -> None:
    status = await status_of(run, run.disposable_account.id)
    run.expect(
        status.document.get("paused") is is_paused,
        "TONPO-ACC-230",
        "paused does not follow pause and resume",
        expected=is_paused,
        found=status.document.get("paused"),
        at=status,
    )


async def _expect_orders_blocked(run: CheckContext) -> None:
    before = await open_positions(run)
    quote = await run.call("getSymbolPrice", path={"symbol": run.symbol})
    orders = [{"orderType": "market"}]
    if isinstance(quote.document.get("bid"), int | float):
        # far below the market, so that it would rest; rounded to what any broker quotes
        orders.append({"orderType": "limit", "price": round(quote.document["bid"] * 0.95, 4)})
    for order in orders:
        body = {"symbol": run.symbol, "side": "buy", "volume": run.volume, **order}
        answer = await run.call("placeOrder", body=body)
        run.expect(
            is_refused(answer),
            "TONPO-ACC-100",
            f"a paused account accepts a {order['orderType']} order",
            expected="a refusal",
            found=answer.json,
            at=answer,
        )
        run.expect(
            answer.status == 409 and answer.document.get("reason") == "account_paused",
            "TONPO-ACC-230",
            "the refusal is not 409 account_paused",
            found=f"{answer.status} {answer.document.get('reason')}",
            at=answer,
        )
    run.expect(
        await open_positions(run) == before,
        "TONPO-ACC-100",
        "an order on a paused account opened a position",
        expected=before,
    )


def _without_times(answer: Exchange) -> object:
    volatile = ("request_id", "at", "time", "updated_at")
    return {name: value for name, value in answer.document.items() if name not in volatile}
