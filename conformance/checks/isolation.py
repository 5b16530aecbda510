"""What one user may never see or do to another."""

from conformance.catalogue import check
from conformance.checks.steps import is_refused, listed_ids, market_order, open_positions, status_of
from conformance.context import CheckContext
from conformance.exchange import Exchange
from conformance.holdings import User
from conformance.stream import Message, Stream

PRIVATE = ("position", "orderResult")


@check(
    id="isolation.accounts",
    title="A user neither sees nor changes another user's account",
    requirements=("TONPO-ISO-010", "TONPO-ISO-020", "TONPO-ISO-030"),
    needs=("user", "disposable_account"),
    effects="account",
)
async def accounts(run: CheckContext) -> None:
    """As a stranger, list, read, pause, resume and delete; as the owner, look whether anything changed."""
    owner, stranger, account_id = run.disposable_user, run.user, run.disposable_account.id
    path = {"account_id": account_id}
    run.expect(account_id not in await listed_ids(run, stranger), "TONPO-ISO-010", "another user's account is listed")
    before = await status_of(run, account_id, owner)
    seen = await status_of(run, account_id, stranger)
    run.expect_status(seen, 403, 404, requirement="TONPO-ISO-020", message="another user's account status is readable")
    for operation in ("pauseAccount", "resumeAccount"):
        answer = await run.call(operation, user=stranger, path=path)
        run.expect_status(answer, 403, 404, requirement="TONPO-ISO-030")
        await _expect_unchanged(run, before)
    await run.call("pauseAccount", user=owner, path=path)
    paused = await status_of(run, account_id, owner)
    answer = await run.call("resumeAccount", user=stranger, path=path)
    run.expect_status(answer, 403, 404, requirement="TONPO-ISO-030")
    await _expect_unchanged(run, paused)
    await run.call("resumeAccount", user=owner, path=path)
    answer = await run.call("deleteAccount", user=stranger, path=path)
    run.expect_status(answer, 403, 404, requirement="TONPO-ISO-030", message="another user's account can be deleted")
    await _expect_unchanged(run, before)
    run.expect(account_id in await listed_ids(run, owner), "TONPO-ISO-030", "a stranger removed the account")


async def _expect_unchanged(run: CheckContext, before: Exchange) -> None:
    now = await status_of(run, run.disposable_account.id, run.disposable_user)
    for name in ("status", "paused"):
        run.expect(
            now.status == before.status and now.document.get(name) == before.document.get(name),
            "TONPO-ISO-030",
            f"a stranger changed {name}",
            expected=before.document.get(name),
            found=now.json,
            at=now,
        )


@check(
    id="isolation.stranger-cannot-pause",
    title="A stranger's pause does not stop the owner's orders",
    requirements=("TONPO-ISO-030",),
    needs=("user", "disposable_account"),
    effects="order",
    trades=1,
)
async def stranger_cannot_pause(run: CheckContext) -> None:
    """Pause as a stranger, order as the owner: also a gateway that does not tell `paused` is judged."""
    if is_refused(await market_order(run, user=run.disposable_user)):
        run.could_not_run("the owner's order is refused before anything was done to the account")
    answer = await run.call("pauseAccount", user=run.user, path={"account_id": run.disposable_account.id})
    run.expect_status(answer, 403, 404, requirement="TONPO-ISO-030")
    made = await market_order(run, user=run.disposable_user)
    run.expect(
        not is_refused(made), "TONPO-ISO-030", "a stranger's pause blocks the owner's orders", found=made.json, at=made
    )
    for ticket in await open_positions(run, run.disposable_user):
        await run.call("closePosition", user=run.disposable_user, body={"ticket": ticket})


@check(
    id="isolation.account-information",
    title="Account information is the user's own, and none for a user without account",
    requirements=("TONPO-ISO-070",),
    needs=("account", "second_account", "disposable_user"),
    effects="account",
)
async def account_information(run: CheckContext) -> None:
    """Compare the logins shown to two users, and ask as a third who has no account."""
    for user in (run.user, run.second_user):
        info = await run.call("getAccountInfo", user=user)
        known = user.account.credentials if user.account else None
        shown = info.document.get("login")
        run.expect(
            known is None or shown is None or str(shown) == known.login,
            "TONPO-ISO-070",
            "the account information shows another login than the user's",
            expected=known.login if known else None,
            found=shown,
            at=info,
        )
    answer = await run.call("getAccountInfo", user=run.disposable_user)
    run.expect(
        answer.status >= 400,
        "TONPO-ISO-070",
        "a user without account is shown account information",
        expected="a refusal",
        found=answer.json,
        at=answer,
    )


@check(
    id="isolation.positions",
    title="A user neither sees nor changes another user's position",
    requirements=("TONPO-ISO-040", "TONPO-ISO-050"),
    needs=("account", "second_account"),
    effects="order",
    trades=1,
)
async def positions(run: CheckContext) -> None:
    """Open a position as one user; list, close and modify it as another."""
    owner, stranger = run.user, run.second_user
    theirs = await open_positions(run, stranger)
    ticket = await _opened(run, owner)
    row = await _row(run, owner, ticket)
    if ticket in theirs:
        run.could_not_run(f"both users have a position {ticket}: tickets count per broker")
    seen = await open_positions(run, stranger)
    run.expect(ticket not in seen, "TONPO-ISO-040", "another user's position is listed", found=seen)
    price = row.get("openPrice")
    stop = round(price * 0.9, 4) if isinstance(price, int | float) else 0.0
    for operation, body in (
        ("modifyPosition", {"ticket": ticket, "sl": stop}),
        ("closePosition", {"ticket": ticket}),
    ):
        answer = await run.call(operation, user=stranger, body=body)
        run.expect(
            is_refused(answer),
            "TONPO-ISO-050",
            f"{operation} with another user's ticket is not refused",
            expected="a refusal",
            found=answer.json,
            at=answer,
        )
    after = await _row(run, owner, ticket)
    for name in ("volume", "sl", "tp"):
        run.expect(
            after.get(name) == row.get(name),
            "TONPO-ISO-050",
            f"another user changed the position's {name}",
            expected=row.get(name),
            found=after.get(name),
        )
    await run.call("closePosition", user=owner, body={"ticket": ticket})


async def _opened(run: CheckContext, user: User) -> int:
    made = await market_order(run, user=user)
    ticket = made.document.get("ticket")
    if is_refused(made) or not isinstance(ticket, int):
        run.could_not_run(f"no order is accepted to start from: HTTP {made.status}")
    return ticket


async def _row(run: CheckContext, user: User, ticket: int) -> Message:
    """Return the position of a ticket: on a netting account the one position there is."""
    listed = (await run.call("listPositions", user=user)).rows("positions")
    exact = [row for row in listed if row.get("ticket") == ticket]
    return (exact or listed or [{}])[0]


@check(
    id="isolation.stream",
    title="A WebSocket carries nothing of another user's account",
    requirements=("TONPO-ISO-060",),
    needs=("account", "second_account"),
    effects="order",
    trades=1,
)
async def stream(run: CheckContext) -> None:
    """Trade as one user while two sockets are open; the other user's gets nothing of it before its next pong."""
    owner, stranger = run.user, run.second_user
    async with run.stream(user=owner) as mine, run.stream(user=stranger) as theirs:
        ticket = await _opened(run, owner)
        await run.call("closePosition", user=owner, body={"ticket": ticket})
        within = run.target.timeouts.stream_message
        news = await mine.wait_any(
            where=lambda message: message.get("type") in PRIVATE and message.get("ticket") == ticket, within=within
        )
        if news is None:
            run.could_not_run("the owner's own stream does not tell of the trade either, so there is nothing to leak")
        await _fence(run, mine)
        await _fence(run, theirs)
        leaked = [message for message in theirs.received() if _is_of(message, owner, ticket)]
    run.expect(
        not leaked, "TONPO-ISO-060", "the stream of one user told of another's trade", expected="nothing", found=leaked
    )


async def _fence(run: CheckContext, stream: Stream) -> None:
    """Wait for a pong: what was sent before the ping was handled has arrived by then."""
    await stream.send({"type": "ping"})
    await stream.wait_for("pong", within=run.target.timeouts.stream_message)


def _is_of(message: Message, owner: User, ticket: int) -> bool:
    """Say whether a message that the stranger got is about the owner's account."""
    kind = message.get("type")
    if kind in PRIVATE:
        return message.get("ticket") == ticket
    if kind == "account":
        shown = message.get("login")
        known = owner.account.credentials if owner.account else None
        return known is not None and shown is not None and str(shown) == known.login
    return False
