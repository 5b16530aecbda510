"""What answers say about the caller's limit: the headers `RateLimit` and `RateLimit-Policy`."""

import asyncio
from dataclasses import dataclass

from conformance.catalogue import check
from conformance.checks.limits import MOST_REQUESTS
from conformance.checks.steps import is_refused, market_order, never_issued, open_positions
from conformance.context import CheckContext
from conformance.exchange import Exchange
from conformance.holdings import User
from conformance.structured_fields import Member, members

CARRIED, FALLS, KEPT = "TONPO-RLH-010", "TONPO-RLH-020", "TONPO-RLH-030"

AT_ONCE = 10
"""Requests that are sent together, so that little refills while they are counted."""


@dataclass(frozen=True, slots=True)
class _Limit:
    """What one answer says about the rate of requests: `left`, and `seconds` until it is whole (None: untold)."""

    name: str
    quota: int
    window: int
    left: int
    seconds: int | None


def _per_minute(run: CheckContext, user: User) -> int:
    """Return the plan's requests per minute. Raises NotApplicable for a plan without a limit: nothing is to be told."""
    if user.pacer.per_minute is None:
        run.not_applicable("the plan has no limit of requests, so there is nothing to tell")
    return user.pacer.per_minute


def _expect_headers(run: CheckContext, answer: Exchange, what: str, per_minute: int) -> _Limit | None:
    """Judge the headers of an answer; return what they say about the plan's requests per minute."""
    shown = {name: answer.response.header(name) for name in ("RateLimit", "RateLimit-Policy")}
    left, policies = (_joined(answer, name) for name in ("RateLimit", "RateLimit-Policy"))
    has_form = run.expect(
        left is not None
        and policies is not None
        and all(one.count("r") is not None for one in left)
        and all(one.count("q") is not None and one.count("w") for one in policies),
        CARRIED,
        f"{what} lacks RateLimit with r or RateLimit-Policy with q and w",
        expected='"default";r=57;t=31 and "default";q=60;w=60',
        found=shown,
        at=answer,
    )
    if not has_form or left is None or policies is None:
        return None
    rates = [one for one in policies if (one.count("q") or 0) * 60 == per_minute * (one.count("w") or 0)]
    if not run.expect(bool(rates), FALLS, "no policy is the plan's limit of requests",
                      expected=f"q={per_minute};w=60", found=shown["RateLimit-Policy"], at=answer):  # fmt: skip
        return None
    return _limit(run, answer, left, rates)


def _limit(run: CheckContext, answer: Exchange, left: tuple[Member, ...], rates: list[Member]) -> _Limit | None:
    """Bring what is left and its policy together by their name, and judge the numbers."""
    pairs = [(one, policy) for policy in rates for one in left if one.name == policy.name]
    shown = answer.response.header("RateLimit")
    if not run.expect(bool(pairs), FALLS, "RateLimit says nothing under the name of the policy",
                      expected=rates[0].name, found=shown, at=answer):  # fmt: skip
        return None
    one, policy = pairs[0]
    quota, window = policy.count("q") or 0, policy.count("w") or 0
    remaining, seconds = one.count("r") or 0, one.count("t")
    run.expect(remaining <= quota, FALLS, "more is left than the limit", expected=f"{quota} or less", found=shown,
               at=answer)  # fmt: skip
    run.expect(
        "t" not in one.parameters or (seconds is not None and seconds <= window),
        FALLS,
        "t is no number of seconds within the window",
        expected=f"0 to {window}",
        found=shown,
        at=answer,
    )
    return _Limit(policy.name, quota, window, remaining, seconds)


def _joined(answer: Exchange, name: str) -> tuple[Member, ...] | None:
    """Read a header that may be sent in several lines."""
    values = [value for key, value in answer.response.headers if key.lower() == name.lower()]
    return members(", ".join(values))


@check(
    id="rate-limit-headers.left",
    title="Answers state the plan's limit, and what is left falls with each request",
    requirements=(CARRIED, FALLS),
    needs=("user", "rate-limit-headers"),
)
async def left(run: CheckContext) -> None:
    """Send some requests at once between two others, and compare what is left; ask also for what does not exist."""
    per_minute = _per_minute(run, run.user)
    absent = await run.call("getAccountStatus", path={"account_id": "acc_" + "0" * 26})
    _expect_headers(run, absent, f"an answer {absent.status}", per_minute)
    first = await run.call("getCurrentUser")
    before = _expect_headers(run, first, "a successful answer", per_minute)
    began = run.clock()
    answers = await asyncio.gather(*(run.call("listAccounts") for _ in range(AT_ONCE)))
    last = await run.call("getCurrentUser")
    took = run.clock() - began
    for answer in answers:
        _expect_headers(run, answer, "one of several answers at once", per_minute)
    after = _expect_headers(run, last, "a successful answer", per_minute)
    if before is None or after is None:
        return
    if any(answer.status == 429 for answer in (*answers, last)):
        run.could_not_run("the user's limit is used up by others")
    if before.seconds is not None and took >= before.seconds - 1:
        run.could_not_run("the window ended meanwhile, so what is left says nothing")
    refilled = took * after.quota / after.window
    most = min(after.quota, before.left) - (AT_ONCE + 1) + refilled + 1
    run.expect(
        after.left <= most,
        FALLS,
        f"what is left did not fall by {AT_ONCE + 1} with as many requests, less what refilled in {took:.1f} s",
        expected=f"{before.left} before, so {int(most)} or less",
        found=after.left,
        at=last,
    )


@check(
    id="rate-limit-headers.refusals",
    title="Refusals carry the headers as well: 400, 404 and 409",
    requirements=(CARRIED, FALLS),
    effects="order",
    needs=("disposable_account", "rate-limit-headers"),
    trades=1,
)
async def refusals(run: CheckContext) -> None:
    """Send no JSON, ask for an account that is not there, and order on a paused account."""
    per_minute = _per_minute(run, run.disposable_user)
    account = run.disposable_account.id
    json = (("Content-Type", "application/json"),)
    broken = await run.send("POST", "/api/orders/close", user=run.disposable_user, headers=json, body="{",
                            operation="closePosition")  # fmt: skip
    absent = await run.call("getAccountStatus", path={"account_id": never_issued(run, account)})
    unknown = await run.call("getSymbolPrice", path={"symbol": "NOSUCH001"})
    await run.call("pauseAccount", path={"account_id": account})
    paused = await market_order(run)
    for answer in (broken, absent, unknown, paused):
        _expect_headers(run, answer, f"an answer {answer.status}", per_minute)
    if not is_refused(paused):
        for ticket in await open_positions(run):
            await run.call("closePosition", body={"ticket": ticket})


@check(
    id="rate-limit-headers.promise",
    title="As long as something is left no request is refused, and a 429 carries the headers as well",
    requirements=(CARRIED, FALLS, KEPT),
    effects="account",
    needs=("disposable_user", "rate-limit-headers"),
)
async def promise(run: CheckContext) -> None:
    """Use up the minute of a new user, and look at each answer that no request was refused after one that left some."""
    per_minute = _per_minute(run, run.disposable_user)
    if per_minute > MOST_REQUESTS:
        run.not_applicable(f"a new user's plan allows {per_minute} requests a minute")
    said: _Limit | None = None
    refused = 0
    for _ in range(2 * per_minute + 2):
        answer = await run.call("getCurrentUser", paced=False)
        told = _expect_headers(run, answer, f"an answer {answer.status}", per_minute)
        if answer.status == 429 and said is not None:
            run.expect(said.left == 0, KEPT, f"{said.left} are left, and the next request is refused", expected=200,
                       found=429, at=answer)  # fmt: skip
        elif said is not None:
            run.expect(True, KEPT, "")
        said = told
        refused += answer.status == 429
        # The one after a 429 is asked as well: what the refusal says is left has to be true.
        if refused == 2 or (refused and told is not None and told.left == 0):
            return
    run.could_not_run("no request is refused, so nothing shows whether the promise is kept")
