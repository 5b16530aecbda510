"""The account that a connection is for: `account_id` in the query of `/ws`."""

from conformance.catalogue import check
from conformance.checks.steps import never_issued
from conformance.checks.stream_steps import answer_to, await_ticks, fence, patience, require_answer, subscribe
from conformance.context import CheckContext
from conformance.desk import Desk
from conformance.holdings import Account
from conformance.reading import ticket_of
from conformance.stream import Message, Stream

CHOSEN, AMBIGUOUS, FOREIGN = "TONPO-SEL-020", "TONPO-SEL-070", "TONPO-SEL-080"


@check(
    id="selection.stream",
    title="A connection tells of the account that it was made for, and of no other",
    requirements=(CHOSEN,),
    effects="order",
    needs=("two_accounts",),
    trades=2,
)
async def stream_of_one(run: CheckContext) -> None:
    """Connect for each of two accounts, trade on one after the other, and see who hears of it."""
    first, second = run.two_accounts
    async with (
        run.stream(query={"account_id": first.id}, name="first") as one,
        run.stream(query={"account_id": second.id}, name="second") as other,
    ):
        for stream in (one, other):
            await subscribe(run, stream, [run.symbol])
        await _trade(run, first, one, other)
        await _trade(run, second, other, one)
        if await await_ticks(run, one, run.symbol, 1) != await await_ticks(run, other, run.symbol, 1):
            run.expect(False, CHOSEN, "a subscribed symbol yields ticks on one account's connection only")


async def _trade(run: CheckContext, account: Account, mine: Stream, others: Stream) -> None:
    """Open a position on an account; tickets may be the same on both, so that what is new is looked at."""
    for stream in (mine, others):
        await fence(run, stream)
    mark, before = others.mark(), await _tickets(run, others)
    async with Desk(run, account=account) as desk:
        ticket = ticket_of(await desk.open("buy"))
        told = await mine.wait_any(where=lambda message: _is_of(message, ticket), within=patience(run))
        run.expect(
            told is not None,
            CHOSEN,
            "a connection does not hear of a trade on the account that it names",
            expected=f"orderResult or position of ticket {ticket}",
        )
        own = await _tickets(run, mine)
        run.expect(ticket in own, CHOSEN, "getPositions is not answered for the account that the connection names",
                   expected=ticket, found=sorted(own))  # fmt: skip
        after = await _tickets(run, others)
        run.expect(after == before, CHOSEN, "getPositions shows what another account holds",
                   expected=sorted(before), found=sorted(after))  # fmt: skip
        heard = [message for message in others.since(mark) if _is_of(message, ticket)]
        run.expect(not heard, CHOSEN, "a connection hears of a trade on another account than the one that it names",
                   found=heard)  # fmt: skip


async def _tickets(run: CheckContext, stream: Stream) -> set[int]:
    rows = (await require_answer(run, stream, {"type": "getPositions"}, "positions")).get("positions")
    found = [ticket_of(row) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return {ticket for ticket in found if ticket is not None}


@check(
    id="selection.stream-ambiguous",
    title="A connection without an account serves nothing of one while the user has several",
    requirements=(AMBIGUOUS,),
    effects="account",
    needs=("two_accounts",),
)
async def ambiguous(run: CheckContext) -> None:
    """Connect without a selection, subscribe and ask for positions."""
    async with run.stream(api_key=run.user.api_key) as stream:
        messages: tuple[Message, ...] = (
            {"type": "subscribe", "symbols": [run.symbol], "request_id": "s"},
            {"type": "getPositions", "request_id": "p"},
        )
        for message in messages:
            answer = await answer_to(run, stream, message, "subscribed", "positions", "error")
            is_refused = answer is not None and answer.get("type") == "error"
            run.expect(
                is_refused and (answer or {}).get("reason") == "account_ambiguous",
                AMBIGUOUS,
                f"{message['type']} without a selection is not answered account_ambiguous",
                expected="error, reason account_ambiguous",
                found=answer or "no answer",
            )
        await fence(run, stream)


@check(
    id="selection.stream-foreign",
    title="A connection for an account that the user does not have is refused",
    requirements=(FOREIGN,),
    effects="account",
    needs=("disposable_account", "second_user"),
)
async def foreign(run: CheckContext) -> None:
    """Ask for an unknown account, for another user's and for one that was deleted."""
    account_id = run.disposable_account.id
    for user, asked, whose in (
        (run.disposable_user, never_issued(run, account_id), "an account that nobody has"),
        (run.second_user, account_id, "another user's account"),
    ):
        answer = await run.handshake(user=user, query={"account_id": asked})
        run.expect_status(answer, 404, requirement=FOREIGN, message=f"a connection for {whose} is not refused with 404")
    await run.call("deleteAccount", path={"account_id": account_id})
    answer = await run.handshake(user=run.disposable_user, query={"account_id": account_id})
    run.expect_status(answer, 404, requirement=FOREIGN,
                      message="a connection for a deleted account is not refused with 404")  # fmt: skip


def _is_of(message: Message, ticket: int | None) -> bool:
    return message.get("type") in ("orderResult", "position") and message.get("ticket") == ticket
