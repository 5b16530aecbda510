"""What an idempotency key is: its user's, for one account, kept whole."""

from conformance.catalogue import check
from conformance.checks.idempotency import expect_one, first_order, result_of
from conformance.checks.idempotency_steps import (
    expect_conflict,
    expect_replay,
    fresh_key,
    is_replayed,
    keyed,
    look_up,
)
from conformance.context import CheckContext
from conformance.desk import Desk
from conformance.reading import is_accepted, told

REPLAY, ONCE, REUSED = (f"TONPO-IDEM-0{row}0" for row in range(1, 4))
PER_USER, SYNTAX = "TONPO-IDEM-060", "TONPO-IDEM-130"

MALFORMED = ("", "k" * 256, "two words", "tab\tinside", "schlüssel")
"""What the contract does not allow as a key."""

STRANGE = "!#$&'()*+,-.:;<=>?@[]^_`{|}~"
"""What it allows as well as letters and digits; without slashes, quotes and %, which trip proxies on the way."""


@check(
    id="idempotency.accounts",
    title="A key that was used for one account does not trade on another, nor pretend to",
    requirements=(REUSED,),
    effects="order",
    needs=("two_accounts", "idempotency", "account-selection"),
    trades=1,
)
async def accounts(run: CheckContext) -> None:
    """Place an order on one account, and send the same with its key for another."""
    first, second = run.two_accounts
    async with Desk(run, account=first) as one, Desk(run, account=second) as other:
        key, body = fresh_key("accounts"), one.body("buy")
        await first_order(run, one, body, key, REUSED)
        answer = await other.place(body, headers=keyed(key))
        expect_conflict(run, answer, REUSED, "the key of an order for another account")
        await run.pause(0.1)
        rows = await other.rows()
        run.expect(not rows, REUSED, "a key of another account's order was executed", expected=[], found=rows)


@check(
    id="idempotency.users",
    title="The same key of two users names two requests",
    requirements=(PER_USER,),
    effects="order",
    needs=("account", "second_account"),
    trades=1,
    second_trades=1,
)
async def users(run: CheckContext) -> None:
    """Place the same order with the same key as two users; each has to get a position, and to look up its own."""
    async with Desk(run) as mine, Desk(run, user=run.second_user) as theirs:
        key, body = fresh_key("users"), mine.body("buy")
        first = await mine.place(body, headers=keyed(key))
        run.require(is_accepted(first), PER_USER, "an order with a fresh key was not accepted", found=told(first),
                    at=first)  # fmt: skip
        await mine.opened(first)
        second = await theirs.place(body, headers=keyed(key))
        run.require(
            is_accepted(second) and not is_replayed(second),
            PER_USER,
            "the key of one user's order stops another user's",
            expected="an accepted order",
            found=told(second),
            at=second,
        )
        for desk, answer, user in ((mine, first, run.user), (theirs, second, run.second_user)):
            rows = await desk.settle(bool)
            run.expect(len(rows) == 1, PER_USER, "a user with the key of another's order got no position, or several",
                       found=rows)  # fmt: skip
            record = await look_up(run, key, user=user)
            run.expect(
                result_of(record).get("ticket") == answer.document.get("ticket"),
                PER_USER,
                "a user is told the result of another's request",
                expected=answer.document.get("ticket"),
                found=told(record),
                at=record,
            )


@check(
    id="idempotency.key-syntax",
    title="A key that cannot be kept whole is refused, and every other one is honoured",
    requirements=(SYNTAX, REPLAY, ONCE),
    effects="order",
    needs=("account",),
    trades=2,
)
async def key_syntax(run: CheckContext) -> None:
    """Send orders with malformed keys; then twice with the longest key, and with another that differs in its end."""
    async with Desk(run) as desk:
        body = desk.body("buy")
        for key in MALFORMED:
            answer = await desk.place(body, headers=keyed(key))
            run.expect(
                400 <= answer.status < 500,
                SYNTAX,
                f"an order with the key {key[:20]!r} ({len(key)} characters) was not refused with a 4xx status",
                expected=400,
                found=told(answer),
                at=answer,
            )
        await run.pause(0.1)
        run.expect(not await desk.rows(), SYNTAX, "an order with a malformed key was executed")
        start = fresh_key("long") + STRANGE
        longest, other = (start.ljust(254, "x") + end for end in "ab")
        first = await desk.place(body, headers=keyed(longest))
        run.require(is_accepted(first), SYNTAX, "an order with a key of 255 characters was refused", found=told(first),
                    at=first)  # fmt: skip
        await desk.opened(first)
        expect_replay(
            run, first, await desk.place(body, headers=keyed(longest)), "an order with a key of 255 characters"
        )
        expect_one(run, await desk.rows(), run.volume, "an order with a key of 255 characters sent twice")
        second = await desk.place(body, headers=keyed(other))
        run.expect(
            is_accepted(second) and not is_replayed(second),
            SYNTAX,
            "two keys that differ in their last character are taken for one",
            found=told(second),
            at=second,
        )
