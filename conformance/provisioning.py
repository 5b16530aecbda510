"""Make users and accounts on the gateway, and wait until they can be used."""

from itertools import chain, repeat

from conformance.client import Client, Patience
from conformance.errors import CouldNotRun, NoAnswer, PrerequisiteFailed
from conformance.exchange import Exchange, Transcript
from conformance.holdings import Account, User
from conformance.target import Credentials

__all__ = ["adopt_account", "await_state", "create_user", "learn_plan", "provision"]

POLL_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.5)
"""Pauses between two looks at an account's status; the last is repeated. Slow enough for 60 requests a minute."""

PLAN_REQUESTS = {"free": 60, "basic": 100, "pro": 500, "enterprise": None}
PLAN_TRADES = {"free": 10, "basic": 50, "pro": 200, "enterprise": None}
"""The docs, "Rate Limits"; used when a gateway names the plan but not its numbers."""

PLAN_ACCOUNTS = {"free": 1, "basic": 3, "pro": 10, "enterprise": None}
"""TONPO-LIM-120. What is not known counts as room; the gateway says when there is none."""


async def create_user(
    client: Client, transcript: Transcript, patience: Patience, *, is_disposable: bool = False
) -> User:
    """Create a user, for one check alone when it is disposable.

    Raises PrerequisiteFailed, CouldNotRun (budget, registration closed).
    """
    try:
        exchange = await client.call("createUser", transcript, patience=patience)
    except NoAnswer as problem:
        raise PrerequisiteFailed(f"no user could be created: {problem}") from problem
    if exchange.status == 403 and exchange.document.get("reason") == "registration_closed":
        raise CouldNotRun("registration is closed on this gateway, and too few keys were given (--api-key)")
    key = exchange.document.get("api_key")
    user = client.holdings.user_of_key(key) if isinstance(key, str) and key else None
    if user is None:
        raise PrerequisiteFailed(f"no user could be created: POST /api/users gave {_summary(exchange)}")
    user.is_disposable = is_disposable
    await learn_plan(client, user, transcript, patience)
    return user


async def learn_plan(client: Client, user: User, transcript: Transcript, patience: Patience | None = None) -> None:
    """Find out how fast and how much a user may trade. Raises PrerequisiteFailed when the key is not accepted."""
    try:
        exchange = await client.call("getCurrentUser", transcript, user=user, patience=patience)
    except NoAnswer as problem:
        raise PrerequisiteFailed(f"{user.label} cannot be looked up: {problem}") from problem
    if exchange.status in (401, 403):
        raise PrerequisiteFailed(
            f"the key of {user.label} is not accepted: GET /api/users/me gave {_summary(exchange)}"
        )
    answer = exchange.document
    plan = answer.get("plan")
    if isinstance(plan, str) and plan.lower() in PLAN_REQUESTS:
        user.pacer.per_minute = PLAN_REQUESTS[plan.lower()]
        user.trades_per_day = PLAN_TRADES[plan.lower()]
        user.accounts_allowed = PLAN_ACCOUNTS[plan.lower()]
    limits = answer.get("limits")
    if isinstance(limits, dict):
        user.accounts_allowed = _limit(limits, "accounts", user.accounts_allowed)
        user.pacer.per_minute = _limit(limits, "requests_per_minute", user.pacer.per_minute)
        user.trades_per_day = _limit(limits, "trades_per_day", user.trades_per_day)
    if isinstance(answer.get("user_id"), str):
        user.user_id = answer["user_id"]


async def adopt_account(client: Client, user: User, transcript: Transcript) -> None:
    """Use the account that a user already has; with several, active ones, where the gateway can select.

    Raises PrerequisiteFailed when the accounts cannot be listed.
    """
    try:
        exchange = await client.call("listAccounts", transcript, user=user)
        rows = [row for row in exchange.rows("accounts") if isinstance(row.get("account_id"), str)]
        states = [row.get("status") or await _status(client, user, row["account_id"], transcript) for row in rows]
    except NoAnswer as problem:
        raise PrerequisiteFailed(f"the accounts of {user.label} cannot be listed: {problem}") from problem
    known = [
        Account(row["account_id"], is_active=state == "active")
        for row, state in zip(rows, states, strict=True)
        if state not in ("deleted", "login_failed")
    ]
    user.has_several_accounts = len(known) > 1
    if len(known) == 1:
        user.account = known[0]
    elif client.contract.operation("listPositions").takes_account:
        user.account, user.second_account = ([one for one in known if one.is_active] + [None, None])[:2]


async def _status(client: Client, user: User, account_id: str, transcript: Transcript) -> object:
    """Ask for a status that the list of accounts does not tell, as it need not."""
    exchange = await client.call("getAccountStatus", transcript, user=user, path={"account_id": account_id})
    return exchange.document.get("status")


async def provision(
    client: Client, user: User, credentials: Credentials, transcript: Transcript, patience: Patience
) -> Account:
    """Create an account for a user and wait until it is active.

    Raises PrerequisiteFailed when the gateway does not get it there in time, CouldNotRun when the broker refuses it.
    """
    client.holdings.hide(credentials)
    body = {
        "mt5Login": credentials.login,
        "mt5Password": credentials.password,
        "mt5Server": credentials.server,
    }
    try:
        exchange = await client.call("createAccount", transcript, user=user, body=body, patience=patience)
        if exchange.status == 403 and user.account is not None:
            user.accounts_allowed = 1
            raise CouldNotRun(f"the plan of {user.label} allows no second account")
        account = client.holdings.account(exchange.document.get("account_id"))
        if account is None:
            raise PrerequisiteFailed(f"no account could be provisioned: POST /api/accounts gave {_summary(exchange)}")
        state = await await_state(client, user, account, {"active", "login_failed"}, transcript, patience)
    except NoAnswer as problem:
        raise PrerequisiteFailed(f"no account could be provisioned: {problem}") from problem
    if state == "login_failed":
        raise CouldNotRun(f"the broker refuses the MT5 login {credentials.login} at {credentials.server}")
    if state != "active":
        seconds = client.target.timeouts.account_active
        raise PrerequisiteFailed(f"the account was not active within {seconds:g} s; its last status was {state!r}")
    account.is_active = True
    return account


async def await_state(
    client: Client,
    user: User,
    account: Account,
    wanted: set[str],
    transcript: Transcript,
    patience: Patience,
    seconds: float | None = None,
) -> str | None:
    """Look at an account's status until it is one of `wanted` or time is up; return the last one seen."""
    clock = client.wire.clock
    until = clock() + (client.target.timeouts.account_active if seconds is None else seconds)
    state: str | None = None
    for pause in chain(POLL_SECONDS, repeat(POLL_SECONDS[-1])):
        exchange = await client.call(
            "getAccountStatus", transcript, user=user, path={"account_id": account.id}, patience=patience
        )
        found = exchange.document.get("status")
        state = found if isinstance(found, str) else None
        if state in wanted or clock() + pause > until:
            return state
        if state is None:
            raise PrerequisiteFailed(f"GET /api/accounts/{{account_id}}/status gave {_summary(exchange)}")
        await patience.wait(pause)
    raise AssertionError("unreachable")


def _limit(limits: dict[str, object], name: str, otherwise: int | None) -> int | None:
    found = limits.get(name, otherwise)
    return found if found is None or (isinstance(found, int) and found > 0) else otherwise


def _summary(exchange: Exchange) -> str:
    body = exchange.response.body[:120].decode(errors="replace")
    return f"HTTP {exchange.status} {body}"
