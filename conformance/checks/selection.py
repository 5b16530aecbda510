"""The account that a call is for: `X-Account-ID`, and what happens without it."""

from typing import Any

from conformance.catalogue import check
from conformance.checks.steps import account_body, await_status, never_issued
from conformance.context import CheckContext
from conformance.contract import ACCOUNT_HEADER
from conformance.desk import Desk
from conformance.exchange import Exchange, Headers
from conformance.holdings import Account, User
from conformance.quote import Quote
from conformance.reading import Row, is_accepted, is_refused, number, ticket_of, told

SELECTS, ONLY, AMBIGUOUS, FOREIGN = "TONPO-SEL-010", "TONPO-SEL-030", "TONPO-SEL-040", "TONPO-SEL-050"

MALFORMED = ("", "not an id", "a" * 65, "../accounts")
"""Texts that the contract does not allow as an account's id."""

_UNKNOWN_OPERATION = (404, 405, 501)


def selecting(account_id: str) -> Headers:
    """Return the header that selects an account."""
    return ((ACCOUNT_HEADER, account_id),)


def held(rows: list[Row]) -> list[dict[str, str]]:
    """Return what an account holds, so that two looks can be compared: by ticket, without what the market changes."""
    names = ("symbol", "side")
    facts = [
        {"ticket": str(ticket_of(row))}
        | {name: str(row.get(name)) for name in names}
        | {name: str(number(row.get(name)) or None) for name in ("volume", "sl", "tp")}
        for row in rows
    ]
    return sorted(facts, key=lambda fact: fact["ticket"])


def calls(run: CheckContext, quote: Quote, row: Row) -> list[tuple[str, dict[str, Any]]]:
    """Return one valid call of each operation that is for one account: reading ones, then those that trade.

    Closing comes before placing, so that what is placed where it must not be stays to be seen.
    """
    body = {"symbol": run.symbol, "side": "buy", "orderType": "market", "volume": run.volume}
    resting = {**body, "orderType": "limit", "price": quote.below(5)}
    ticket = row["ticket"]
    found: list[tuple[str, dict[str, Any]]] = [
        ("getAccountInfo", {}),
        ("getAccountInfoAlias", {}),
        ("listPositions", {}),
        ("getPosition", {"path": {"ticket": ticket}}),
        ("listSymbols", {}),
        ("getSymbolPrice", {"path": {"symbol": run.symbol}}),
        ("listOrders", {}),
        ("getOrder", {"path": {"ticket": ticket}}),
        ("modifyPosition", {"body": {"ticket": ticket, "sl": quote.below(2)}}),
        ("closePosition", {"body": {"ticket": ticket}}),
        ("cancelOrder", {"path": {"ticket": ticket}}),
        ("placeOrder", {"body": resting}),
        ("placeOrder", {"body": body}),
    ]
    return [(name, members) for name, members in found if name in run.contract.operations]


def is_missing(run: CheckContext, answer: Exchange) -> bool:
    """Say whether an optional operation is one that this gateway does not have."""
    operation = run.contract.operations.get(answer.operation or "")
    return operation is not None and operation.is_optional and answer.status in _UNKNOWN_OPERATION


@check(
    id="selection.trades",
    title="A trade lands on the account that it names, and on no other",
    requirements=(SELECTS,),
    effects="order",
    needs=("two_accounts",),
    trades=3,
)
async def trades(run: CheckContext) -> None:
    """Open, modify and close on each of two accounts in turn, and look at both after each step."""
    first, second = run.two_accounts
    async with Desk(run, account=first) as one, Desk(run, account=second) as other:
        quote = await one.quote()
        rows: dict[Desk, Row] = {}
        for desk, beside, units in ((one, other, 1), (other, one, 2)):
            bystander = held(await beside.rows())
            answer = await desk.place(desk.body("buy", units=units))
            run.require(is_accepted(answer), SELECTS, "an order that names its account was refused", found=told(answer),
                        at=answer)  # fmt: skip
            fresh = await desk.opened(answer)
            run.require(
                len(fresh) == 1 and number(fresh[0].get("volume")) == number(run.volumes(units)),
                SELECTS,
                "the order did not open its position on the account that it names",
                expected=f"one position of {run.volumes(units)} lots",
                found=fresh,
                at=answer,
            )
            rows[desk] = fresh[0]
            await _expect_untouched(run, beside, bystander, answer, "an order")
        for desk, beside in ((other, one), (one, other)):
            await _reduce(run, quote, desk, beside, rows[desk])


async def _reduce(run: CheckContext, quote: Quote, desk: Desk, beside: Desk, row: Row) -> None:
    """Modify and close the position of one account, first under the name of the other."""
    ticket = row["ticket"]
    is_shared = any(ticket_of(one) == ticket for one in await beside.rows())
    steps: tuple[tuple[str, dict[str, Any]], ...] = (
        ("modifyPosition", {"ticket": ticket, "sl": quote.below(2)}),
        ("closePosition", {"ticket": ticket}),
    )
    for operation, body in steps:
        before, bystander = held(await desk.rows()), held(await beside.rows())
        if not is_shared:  # tickets count per account on some gateways: then the other account has this one as well
            strange = await beside.call(operation, body=body)
            run.expect(is_refused(strange), SELECTS, f"{operation} found the ticket of another account",
                       found=told(strange), at=strange)  # fmt: skip
            await _expect_untouched(run, desk, before, strange, f"{operation} in the name of another account")
        answer = await desk.call(operation, body=body)
        run.require(is_accepted(answer), SELECTS, f"{operation} that names its account was refused",
                    found=told(answer), at=answer)  # fmt: skip
        after = held(await desk.settle(lambda rows, before=before: held(rows) != before))  # type: ignore[misc]
        run.expect(after != before, SELECTS, f"{operation} did nothing to the account that it names", found=after,
                   at=answer)  # fmt: skip
        await _expect_untouched(run, beside, bystander, answer, operation)


async def _expect_untouched(run: CheckContext, desk: Desk, before: object, answer: Exchange, what: str) -> None:
    now = held(await desk.rows())
    run.expect(now == before, SELECTS, f"{what} touched an account that it does not name", expected=before, found=now,
               at=answer)  # fmt: skip


@check(
    id="selection.reads",
    title="What is read is of the account that the call names",
    requirements=(SELECTS,),
    needs=("two_accounts",),
)
async def reads(run: CheckContext) -> None:
    """Read all there is of each of two accounts; where its login is told and known, it has to be that account's."""
    shown = []
    for account in run.two_accounts:
        headers = selecting(account.id)
        for operation, members in (
            ("getAccountInfo", {}),
            ("listPositions", {}),
            ("listSymbols", {}),
            ("getSymbolPrice", {"path": {"symbol": run.symbol}}),
        ):
            answer = await run.call(operation, headers=headers, **members)  # type: ignore[arg-type]
            if answer.status == 503 and operation == "getSymbolPrice":
                continue
            run.expect_status(answer, 200, requirement=SELECTS, message=f"{operation} does not take X-Account-ID")
            if operation == "getAccountInfo":
                shown.append(answer)
                _expect_login(run, account, answer)
    logins = [answer.document.get("login") for answer in shown]
    if None not in logins:
        run.expect(logins[0] != logins[1], SELECTS, "two accounts show one login", found=logins)


def _expect_login(run: CheckContext, account: Account, answer: Exchange) -> None:
    login, known = answer.document.get("login"), account.credentials
    if login is not None and known is not None:
        run.expect(str(login) == known.login, SELECTS, "the login is not that of the account named",
                   expected=known.login, found=login, at=answer)  # fmt: skip


@check(
    id="selection.ambiguous",
    title="Without a selection between two accounts nothing is read and nothing is traded",
    requirements=(AMBIGUOUS,),
    effects="order",
    needs=("two_accounts",),
    trades=1,
)
async def ambiguous(run: CheckContext) -> None:
    """With a position open on one account, make each call that is for one account without naming any."""
    first, second = run.two_accounts
    async with Desk(run, account=first) as one, Desk(run, account=second) as other:
        quote = await one.quote()
        row = await one.open("buy")
        before = [held(await desk.rows()) for desk in (one, other)]
        for operation, members in calls(run, quote, row):
            answer = await run.call(operation, selects=False, **members)
            if is_missing(run, answer):
                continue
            run.expect(
                answer.status == 409 and answer.document.get("reason") == "account_ambiguous",
                AMBIGUOUS,
                f"{operation} without a selection was not answered 409 account_ambiguous",
                expected="409 account_ambiguous",
                found=told(answer),
                at=answer,
            )
        await run.pause(0.1)
        now = [held(await desk.rows()) for desk in (one, other)]
        run.expect(now == before, AMBIGUOUS, "a call without a selection traded", expected=before, found=now)


@check(
    id="selection.only-account",
    title="The one account that counts is used without a selection: deleted and login_failed ones do not",
    requirements=(ONLY, SELECTS),
    effects="order",
    needs=("disposable_user", "bad_account"),
    trades=1,
)
async def only_account(run: CheckContext) -> None:
    """Make an account that cannot log in, one that is deleted, and a living one; then trade without a selection."""
    user = run.disposable_user
    failed = await _provisioned(run, account_body(run.bad_account), "login_failed")
    if failed is None:
        run.could_not_run("an account with refused credentials does not become login_failed here")
    gone = await _provisioned(run, account_body(run.fresh_credentials()), "active")
    answer = await run.call("getAccountInfo", user=user, selects=False)
    run.expect_status(answer, 200, requirement=ONLY, message="an account with status login_failed makes it ambiguous")
    if gone is None:
        run.could_not_run("no account becomes active")
    await run.call("deleteAccount", user=user, path={"account_id": gone})
    living = await _provisioned(run, account_body(run.fresh_credentials()), "active")
    if living is None:
        run.could_not_run("no further account becomes active")
    user.account = Account(living, is_created_by_run=True, is_active=True)
    answer = await run.call("getAccountInfo", user=user, selects=False)
    run.require_status(answer, 200, requirement=ONLY, message="a deleted account makes it ambiguous which one is meant")
    async with Desk(run, user=user) as desk:
        placed = await desk.place(desk.body("buy"))
        run.require(is_accepted(placed), ONLY, "an order for the only account that counts was refused",
                    found=told(placed), at=placed)  # fmt: skip
        rows = await desk.settle(bool)
        named = await run.call("listPositions", user=user, headers=selecting(living))
        run.expect(
            bool(rows) and held(named.rows("positions")) == held(rows),
            ONLY,
            "the order did not land on the only account that counts",
            expected=held(named.rows("positions")),
            found=held(rows),
            at=named,
        )
        before = held(rows)
        for account_id, state in ((gone, "deleted"), (failed, "login_failed")):
            for operation, body in (
                ("placeOrder", desk.body("buy")),
                ("closePosition", {"ticket": ticket_of(rows[0]) if rows else 1}),
            ):
                answer = await run.call(operation, user=user, headers=selecting(account_id), body=body)
                run.expect(is_refused(answer), SELECTS, f"{operation} for a {state} account was accepted",
                           found=told(answer), at=answer)  # fmt: skip
        now = held(await desk.rows())
        run.expect(now == before, SELECTS, "a trade for an account that cannot trade landed on another",
                   expected=before, found=now)  # fmt: skip


async def _provisioned(run: CheckContext, body: dict[str, Any], wanted: str) -> str | None:
    """Create an account and wait; return its id when it gets to the wanted status."""
    answer = await run.call("createAccount", user=run.disposable_user, body=body)
    account_id = answer.document.get("account_id")
    if not isinstance(account_id, str):
        run.could_not_run(f"an account was not provisioned: {told(answer)}")
    seen = await await_status(run, account_id, {"active", "login_failed"}, run.disposable_user)
    return account_id if seen[-1] == wanted else None


@check(
    id="selection.not-mine",
    title="An account that the user does not have cannot be selected, and no other is used instead",
    requirements=(FOREIGN, SELECTS),
    effects="order",
    needs=("account", "second_account"),
    trades=1,
)
async def not_mine(run: CheckContext) -> None:
    """With a position open, name an account that nobody has, one of another user, and texts that are no id."""
    stranger = run.second_user
    assert stranger.account is not None
    async with Desk(run) as desk, Desk(run, user=stranger) as theirs:
        quote = await desk.quote()
        row = await desk.open("buy")
        before = [held(await one.rows()) for one in (desk, theirs)]
        ids = (("an unknown account", never_issued(run, run.account.id)), ("another user's account",
                                                                           stranger.account.id))  # fmt: skip
        for what, account_id in ids:
            for operation, members in calls(run, quote, row):
                answer = await run.call(operation, user=run.user, headers=selecting(account_id), **members)
                if is_missing(run, answer):
                    continue
                run.expect_status(answer, 404, requirement=FOREIGN, message=f"{operation} for {what} was not 404")
        for text in MALFORMED:
            await _expect_refused(run, run.user, text, desk.body("buy"))
        await run.pause(0.1)
        now = [held(await one.rows()) for one in (desk, theirs)]
        run.expect(now == before, SELECTS, "a call for an account that the user does not have traded", expected=before,
                   found=now)  # fmt: skip


async def _expect_refused(run: CheckContext, user: User, text: str, body: dict[str, Any]) -> None:
    """Place an order for what cannot be an account; 409 where an empty header counts as none and there are several."""
    answer = await run.call("placeOrder", user=user, headers=selecting(text), body=body)
    run.expect(
        400 <= answer.status < 500,
        FOREIGN,
        f"an order for the account {text[:20]!r} was not refused with a 4xx status",
        expected="400 or 404",
        found=told(answer),
        at=answer,
    )
