"""HTTP itself: every operation under its documented path, served to the plainest of clients."""

from conformance.catalogue import check
from conformance.checks.steps import account_body, await_status, is_refused, market_order
from conformance.context import CheckContext
from conformance.exchange import Exchange

RULES = ("TONPO-HTTP-010", "TONPO-HTTP-020")


def _expect_served(run: CheckContext, answer: Exchange) -> None:
    what = f"{answer.request.method} {answer.operation}"
    for requirement in RULES:
        run.expect(
            200 <= answer.status < 300,
            requirement,
            f"{what} is not served under its documented path to a plain client",
            expected="2xx",
            found=answer.status,
            at=answer,
        )


@check(
    id="protocol.operations-that-read",
    title="Every operation that reads is served under its documented path to a plain client",
    requirements=RULES,
    needs=("account",),
)
async def operations_that_read(run: CheckContext) -> None:
    """Read everything with no header but the key, and open the WebSocket."""
    for operation in ("getHealth", "getCurrentUser", "listAccounts", "getAccountInfo", "listPositions", "listSymbols"):
        _expect_served(run, await run.call(operation))
    _expect_served(run, await run.call("getAccountStatus", path={"account_id": run.account.id}))
    _expect_served(run, await run.call("getSymbolPrice", path={"symbol": run.symbol}))
    answer = await run.handshake()
    run.expect(
        answer.status == 101,
        "TONPO-HTTP-010",
        "the WebSocket is not at /ws of the same host",
        expected=101,
        found=answer.status,
        at=answer,
    )


@check(
    id="protocol.operations-that-write",
    title="Every operation on users and accounts is served under its documented path to a plain client",
    requirements=(*RULES, "TONPO-AUTH-030"),
    needs=("disposable_user",),
    effects="account",
)
async def operations_that_write(run: CheckContext) -> None:
    """Live an account's whole life with no headers but key and content type."""
    made = await run.call("createAccount", body=account_body(run.fresh_credentials()))
    _expect_served(run, made)
    account_id = str(made.document.get("account_id"))
    await await_status(run, account_id, {"active", "login_failed"})
    for operation in ("pauseAccount", "resumeAccount", "deleteAccount"):
        _expect_served(run, await run.call(operation, path={"account_id": account_id}))
    rotated = await run.call("rotateApiKey")
    _expect_served(run, rotated)
    answer = await run.call("getCurrentUser")
    run.expect_status(answer, 200, requirement="TONPO-AUTH-030", message="the rotated key is not accepted")


@check(
    id="protocol.operations-that-trade",
    title="Every operation that trades is served under its documented path to a plain client",
    requirements=RULES,
    needs=("account",),
    effects="order",
    trades=1,
)
async def operations_that_trade(run: CheckContext) -> None:
    """Open a position, give it a stop far away, and close it."""
    made = await market_order(run)
    _expect_served(run, made)
    ticket = made.document.get("ticket")
    if is_refused(made) or not isinstance(ticket, int):
        run.could_not_run("the broker accepted no order")
    quote = await run.call("getSymbolPrice", path={"symbol": run.symbol})
    bid = quote.document.get("bid")
    stop = round(bid * 0.9, 3) if isinstance(bid, int | float) else 0
    _expect_served(run, await run.call("modifyPosition", body={"ticket": ticket, "sl": stop}))
    _expect_served(run, await run.call("closePosition", body={"ticket": ticket}))
