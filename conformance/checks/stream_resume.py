"""Numbered account events: the state on connecting, the numbers after it, and what is missed in between."""

from typing import Any

from conformance.catalogue import check
from conformance.checks.resume_steps import (
    ACCOUNT_EVENTS,
    account_events,
    await_snapshot,
    greeted,
    is_seq,
    last_seq,
    told_of,
)
from conformance.checks.stream_steps import answer_to, fence, is_number, patience
from conformance.context import CheckContext
from conformance.desk import Desk
from conformance.reading import Row, is_same_number, ticket_of
from conformance.stream import Message, Stream

NUMBERED, STATE, REPLAY, NOT_KEPT = "TONPO-RES-010", "TONPO-RES-020", "TONPO-RES-030", "TONPO-RES-040"
AGREES, BAD = "TONPO-RES-060", "TONPO-RES-090"

FAR = 1_000_000_000
"""So far above the newest number that no account gets there while the check runs."""

BAD_NUMBERS = ("-1", "x", "1.5", "")


@check(
    id="resume.state-then-events",
    title="A connection gets the account's state first, and then its events, numbered without gaps",
    requirements=(NUMBERED, STATE),
    effects="order",
    needs=("account",),
    trades=1,
)
async def state_then_events(run: CheckContext) -> None:
    """Connect, subscribe at once, open and close a position, and look at the order and the numbers of all that came."""
    async with Desk(run) as desk, run.stream() as stream:
        await answer_to(run, stream, {"type": "subscribe", "symbols": [run.symbol]}, "subscribed", "error")
        ticket = ticket_of(await desk.open("buy"))
        await desk.close({"ticket": ticket})
        found = await _event_of(run, stream, ticket)
        await fence(run, stream)
        if found is None:
            run.could_not_run("the order yields no account event")
        first = next(iter(told_of(stream)), None)
        if not run.expect(
            first is not None and first.get("type") == "snapshot",
            STATE,
            "the first message of the account is not its state",
            expected="snapshot",
            found=first or "no message",
        ):
            return
        assert first is not None
        run.expect(is_seq(first.get("seq")), STATE, "the snapshot has no seq", found=first)
        is_whole = isinstance(first.get("account"), dict) and isinstance(first.get("positions"), list)
        run.expect(
            first.get("status") == "active" and is_whole, STATE,
            "the snapshot of an active account lacks its status, account or positions",
            expected="status active, account, positions", found=first,
        )  # fmt: skip
        _expect_numbered(run, stream)


def _expect_numbered(run: CheckContext, stream: Stream) -> None:
    before: Any = None
    for message in told_of(stream):
        kind, seq = message.get("type"), message.get("seq")
        if kind == "snapshot":
            before = seq
        elif kind in ACCOUNT_EVENTS and not (kind == "accountStatus" and seq is None):
            follows = is_seq(seq) and (not is_seq(before) or seq == before + 1)
            expected = f"seq {before + 1}" if is_seq(before) else "a seq"
            run.expect(follows, NUMBERED, f"the number of a {kind} message does not follow the one before",
                       expected=expected, found=message)  # fmt: skip
            before = seq


@check(
    id="resume.replay",
    title="A connection that comes back with since_seq gets what it missed, and then what happens",
    requirements=(REPLAY,),
    effects="order",
    needs=("account",),
    trades=2,
)
async def replay(run: CheckContext) -> None:
    """Leave, let a position open and close, come back, and compare with a connection that stayed."""
    async with Desk(run) as desk, run.stream(name="stayed") as stayed:
        await greeted(run, stayed)
        async with run.stream(name="left") as left:
            await greeted(run, left)
            since = last_seq(left)
        first = ticket_of(await desk.open("buy"))
        await _event_of(run, stayed, first)
        await desk.close({"ticket": first})
        async with run.stream(query={"since_seq": str(since)}, name="back") as back:
            await fence(run, back)
            second = ticket_of(await desk.open("buy"))
            for stream in (stayed, back):
                await _event_of(run, stream, second)
            await fence(run, stayed)
            await fence(run, back)
            assert since is not None
            _expect_same(run, stayed, back, since)


def _expect_same(run: CheckContext, stayed: Stream, back: Stream, since: int) -> None:
    """Compare up to the last number that both know: the connections are not served in the same moment."""
    until = min(last_seq(stayed) or 0, last_seq(back) or 0)
    wanted = [one for one in account_events(stayed) if is_seq(one.get("seq")) and since < one["seq"] <= until]
    if not wanted:
        run.could_not_run("the connection that stayed got no numbered account events")
    found = [one for one in account_events(back) if not is_seq(one.get("seq")) or one["seq"] <= until]
    states = back.received("snapshot")
    run.expect(not states, REPLAY, "the events are kept, and a snapshot is sent instead of them or besides",
               expected=f"the events after {since}", found=states)  # fmt: skip
    shown = [_shown(one) for one in found]
    run.expect(
        shown == [_shown(one) for one in wanted],
        REPLAY,
        "the events after since_seq are not those that another connection got meanwhile",
        expected=[_shown(one) for one in wanted],
        found=shown,
    )


def _shown(message: Message) -> dict[str, object]:
    return {name: message.get(name) for name in ("seq", "type", "ticket")}


@check(
    id="resume.not-kept",
    title="Where events are not kept, or a number is not one of the account's, the state comes instead",
    requirements=(NOT_KEPT, BAD),
    needs=("account",),
)
async def not_kept(run: CheckContext) -> None:
    """Come back with a number far above the newest, with 0, and with what is no number."""
    async with run.stream() as stream:
        newest = (await await_snapshot(run, stream))["seq"]
    async with run.stream(query={"since_seq": str(newest + FAR)}) as stream:
        found = await stream.wait_for("snapshot", within=patience(run))
        run.expect(found is not None, NOT_KEPT, "a number that the account never had yields no snapshot",
                   expected="snapshot", found=[one.get("type") for one in stream.received()])  # fmt: skip
    async with run.stream(query={"since_seq": "0"}) as stream:
        await fence(run, stream)
        await stream.wait_any(where=lambda message: message.get("type") in ("snapshot", *ACCOUNT_EVENTS),
                              within=patience(run))  # fmt: skip
        first: Message = next((one for one in told_of(stream) if one.get("seq") is not None), {})
        run.expect(
            first.get("type") == "snapshot" or first.get("seq") == 1 or newest == 0,
            NOT_KEPT,
            "the first events of the account are not kept any more, and no snapshot comes instead",
            expected="snapshot, or the event with seq 1",
            found=first or "no message",
        )
    for text in BAD_NUMBERS:
        answer = await run.handshake(query={"since_seq": text})
        run.expect_status(answer, 400, requirement=BAD, message=f"since_seq={text!r} is not refused with 400")


@check(
    id="resume.state-agrees",
    title="The state that a connection gets is the one that REST gives",
    requirements=(AGREES,),
    effects="order",
    needs=("account",),
    trades=1,
)
async def state_agrees(run: CheckContext) -> None:
    """Open a position, connect, and compare positions and balance."""
    async with Desk(run) as desk:
        row = await desk.open("buy")
        async with run.stream() as stream:
            state = await greeted(run, stream)
            listed = state.get("positions")
            rows = listed if isinstance(listed, list) else []
            mine = [one for one in rows if isinstance(one, dict) and one.get("ticket") == row["ticket"]]
            run.expect(
                len(mine) == 1 and _agrees(mine[0], row),
                AGREES,
                "a position that was open before is not in the snapshot as REST lists it",
                expected=row,
                found=listed,
            )
            info = (await run.call("getAccountInfo")).document
            figures = state.get("account")
            told = figures.get("balance") if isinstance(figures, dict) else None
            is_same = is_number(told) and is_same_number(told, info.get("balance"))
            run.expect(is_same or "account" in {one.get("type") for one in account_events(stream)}, AGREES,
                       "the balance of the snapshot is not the one that REST gives",
                       expected=info.get("balance"), found=told)  # fmt: skip


def _agrees(found: Row, row: Row) -> bool:
    return found.get("symbol") == row.get("symbol") and is_same_number(found.get("volume"), row.get("volume"))


async def _event_of(run: CheckContext, stream: Stream, ticket: int | None) -> Message | None:
    return await stream.wait_any(
        where=lambda message: message.get("type") in ("orderResult", "position") and message.get("ticket") == ticket,
        within=patience(run),
    )
