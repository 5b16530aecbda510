"""The limits of the plans: requests per minute, trades per day, accounts."""

from typing import Any

from conformance.catalogue import check
from conformance.checks.errors import expect_error_form
from conformance.checks.steps import account_body, is_refused, listed_ids, market_order, open_positions, open_volume
from conformance.checks.trade_limit_steps import MOST_TRADES, rest, trades_to_use_up
from conformance.context import CheckContext
from conformance.exchange import Exchange

MOST_REQUESTS = 600
MOST_ACCOUNTS = 11
OPERATIONS = ("getCurrentUser", "listAccounts", "listSymbols")
"""The limit is the user's, not an operation's."""
GRACE_SECONDS = 0.25
"""Added to `Retry-After`, so that two clocks that differ by a hair do not decide."""

ACCOUNTS_OF = {"free": 1, "basic": 3, "pro": 10, "enterprise": None}
FORM = ("TONPO-ERR-010", "TONPO-ERR-020")


def _per_minute(run: CheckContext) -> int:
    limit = run.disposable_user.pacer.per_minute
    if limit is None or limit > MOST_REQUESTS:
        run.not_applicable(f"a new user's plan allows {limit or 'any number of'} requests a minute")
    return limit


async def _exhaust(run: CheckContext, limit: int) -> tuple[int, Exchange | None]:
    """Ask until the first 429, of several operations in turn; return how many requests were served, and the 429.

    A gateway may count calendar minutes, or refill steadily: then twice the number can be served in a row, and no more.
    """
    served = sum(
        one.user == run.disposable_user.label and one.status != 429 and one.operation != "createUser"
        for one in run.transcript.exchanges
    )
    while served <= 2 * limit + 2:
        answer = await run.call(OPERATIONS[served % len(OPERATIONS)], user=run.disposable_user, paced=False)
        if answer.status == 429:
            return served, answer
        served += 1
    return served, None


def _expect_retry_after(run: CheckContext, answer: Exchange) -> int | None:
    value = answer.header("Retry-After") or ""
    is_whole = value.isascii() and value.isdigit() and int(value) >= 1
    run.expect(
        is_whole,
        "TONPO-LIM-030",
        "a 429 has no Retry-After in whole seconds",
        expected="1 or more",
        found=value or None,
        at=answer,
    )
    return int(value) if is_whole else None


@check(
    id="limits.requests-per-minute",
    title="A plan's requests per minute are served, those beyond are 429, and other users do not feel it",
    requirements=("TONPO-LIM-010", "TONPO-LIM-020", "TONPO-LIM-030", "TONPO-LIM-100", "TONPO-ERR-060", *FORM),
    needs=("user", "disposable_user"),
    effects="account",
)
async def requests_per_minute(run: CheckContext) -> None:
    """Use up the minute of a new user, then ask as another user."""
    limit = _per_minute(run)
    served, refused = await _exhaust(run, limit)
    run.expect(
        served >= limit,
        "TONPO-LIM-020",
        "requests within the plan's number are refused",
        expected=f"{limit} served",
        found=f"{served} served",
    )
    run.require(
        refused is not None,
        "TONPO-LIM-010",
        "requests beyond the plan's number are not refused",
        expected=f"429 after {limit}, or twice that across a change of minute",
        found=f"{served} served",
    )
    assert refused is not None
    _expect_retry_after(run, refused)
    expect_error_form(run, refused, "TONPO-ERR-060", "rate_limit_error")
    bystander = await run.call("getCurrentUser", user=run.user, paced=False)
    run.expect(
        bystander.status != 429 or run.user.pacer.free == 0,
        "TONPO-LIM-100",
        "one user at the limit slows another",
        expected=200,
        found=bystander.status,
        at=bystander,
    )


@check(
    id="limits.served-again",
    title="After the seconds of Retry-After requests are served again",
    requirements=("TONPO-LIM-010", "TONPO-LIM-030", "TONPO-LIM-040"),
    needs=("disposable_user",),
    effects="account",
    alongside=True,
)
async def served_again(run: CheckContext) -> None:
    """Use up the minute of a new user, wait as told, and ask once more."""
    served, refused = await _exhaust(run, _per_minute(run))
    run.require(refused is not None, "TONPO-LIM-010", "no request was refused", found=f"{served} served")
    assert refused is not None
    seconds = _expect_retry_after(run, refused)
    if seconds is None:
        run.could_not_run("Retry-After does not say how long to wait")
    run.require(
        seconds <= 60,
        "TONPO-LIM-040",
        "Retry-After of a limit per minute is longer than a minute",
        expected="60 or less",
        found=seconds,
        at=refused,
    )
    await run.pause(seconds + GRACE_SECONDS)
    answer = await run.call("getCurrentUser", user=run.disposable_user, paced=False)
    run.expect_status(answer, 200, requirement="TONPO-LIM-040", message=f"the request after {seconds} s is not served")


@check(
    id="limits.trades-per-day",
    title="A plan's trades per day are accepted, those beyond are 429 and not executed, and closing goes on",
    requirements=(
        "TONPO-LIM-030",
        "TONPO-LIM-050",
        "TONPO-LIM-060",
        "TONPO-LIM-070",
        "TONPO-LIM-130",
        "TONPO-ERR-060",
        *FORM,
    ),
    needs=("disposable_account",),
    effects="order",
    trades=MOST_TRADES,
    alongside=True,
)
async def trades_per_day(run: CheckContext) -> None:
    """Place the least order as often as the plan allows, once more, and close one."""
    limit = trades_to_use_up(run)
    for number in range(1, limit + 1):
        made = await _order_now(run)
        if made.status == 200 and made.document.get("success") is False:
            run.could_not_run(f"the broker refused order {number}: {made.document.get('error')}")
        run.require(
            not is_refused(made),
            "TONPO-LIM-060",
            f"order {number} of {limit} is refused",
            expected="accepted",
            found=f"{made.status} {made.document.get('error')}",
            at=made,
        )
    before = await open_volume(run)
    beyond = await _order_now(run)
    run.expect_status(
        beyond, 429, requirement="TONPO-LIM-050", message=f"order {limit + 1} of a plan with {limit} is not refused"
    )
    run.expect(
        await open_volume(run) == before,
        "TONPO-LIM-070",
        "an order beyond the plan's number was executed",
        expected=f"{before} lots open",
    )
    if beyond.status == 429:
        _expect_retry_after(run, beyond)
        expect_error_form(run, beyond, "TONPO-ERR-060", "rate_limit_error")
    await _close_all(run)


async def _order_now(run: CheckContext) -> Exchange:
    """Send an order within the plan's rate of requests, so that a 429 can only be for the number of trades."""
    await rest(run)
    return await market_order(run, paced=False)


async def _close_all(run: CheckContext) -> None:
    """Close everything; the first modification and the first close tell whether they count as trades."""
    tickets = list(await open_positions(run))
    if not tickets:
        return
    first: dict[str, Any] = {"ticket": tickets[0]}
    for operation, body in (("modifyPosition", {**first, "sl": 0}), ("closePosition", first)):
        await rest(run)
        answer = await run.call(operation, body=body, paced=False)
        if not run.expect(
            answer.status != 429,
            "TONPO-LIM-130",
            f"{operation} is refused for the number of trades",
            found=answer.status,
            at=answer,
        ):
            return
    for ticket in tickets[1:]:
        await run.call("closePosition", body={"ticket": ticket})


@check(
    id="limits.accounts",
    title="Accounts beyond the plan's number are 403 and provision nothing; a deleted one makes room",
    requirements=("TONPO-LIM-080", "TONPO-LIM-090", "TONPO-LIM-120", "TONPO-ERR-040", *FORM),
    needs=("disposable_user",),
    effects="account",
)
async def accounts(run: CheckContext) -> None:
    """Provision until refused, look at the list, delete one, provision again."""
    profile = (await run.call("getCurrentUser")).document
    made: list[str] = []
    refused: Exchange | None = None
    while refused is None and len(made) < MOST_ACCOUNTS:
        answer = await run.call("createAccount", body=account_body(run.fresh_credentials()))
        account_id = answer.document.get("account_id")
        if 200 <= answer.status < 300 and isinstance(account_id, str):
            made.append(account_id)
        else:
            refused = answer
    limit = _stated_limit(profile)
    if refused is None:
        if limit is None or limit >= MOST_ACCOUNTS:
            run.not_applicable(f"a new user's plan allows {MOST_ACCOUNTS} accounts and more")
        run.require(False, "TONPO-LIM-080", "accounts beyond the plan's number are provisioned", found=len(made))
        return
    run.require_status(refused, 403, requirement="TONPO-LIM-080", message="the refusal of one account too many")
    expect_error_form(run, refused, "TONPO-ERR-040", "authentication_error")
    run.expect(
        await listed_ids(run) == set(made),
        "TONPO-LIM-080",
        "a refused provisioning changed the list of accounts",
        expected=made,
    )
    plan = str(profile.get("plan")).lower()
    run.expect(
        limit is None or len(made) == limit,
        "TONPO-LIM-080",
        "the number of accounts provisioned is not the one that the profile states",
        expected=limit,
        found=len(made),
    )
    if plan in ACCOUNTS_OF:
        run.expect(
            len(made) == ACCOUNTS_OF[plan],
            "TONPO-LIM-120",
            f"the plan {plan} has another number of accounts",
            expected=ACCOUNTS_OF[plan],
            found=len(made),
        )
    if not made:
        run.could_not_run("a new user's plan allows no account at all")
    gone = await run.call("deleteAccount", path={"account_id": made[0]})
    if not 200 <= gone.status < 300:
        run.could_not_run(f"no account can be deleted: HTTP {gone.status}")
    again = await run.call("createAccount", body=account_body(run.fresh_credentials()))
    run.expect(
        200 <= again.status < 300,
        "TONPO-LIM-090",
        "a deleted account still counts towards the plan's number",
        expected="2xx",
        found=again.status,
        at=again,
    )


def _stated_limit(profile: dict[str, object]) -> int | None:
    limits = profile.get("limits")
    found = limits.get("accounts") if isinstance(limits, dict) else None
    return found if isinstance(found, int) and not isinstance(found, bool) else None
