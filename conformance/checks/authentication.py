"""Keys: which operations want one, and what becomes of requests without a good one."""

from typing import Any

from conformance.catalogue import check
from conformance.checks.steps import is_refused, listed_ids, market_order, open_positions, status_of
from conformance.context import CheckContext
from conformance.contract import Operation
from conformance.target import Effects

AREA = "authentication"

UNKNOWN_ACCOUNT = "acc_01jdkq2m8sx6a1t4w5y7z9b3cd"
"""Any id does: a request without a good key is refused before its account is looked for."""


def _path(run: CheckContext, operation: Operation) -> dict[str, object]:
    known = {"account_id": UNKNOWN_ACCOUNT, "symbol": run.symbol, "ticket": 1, "key": "conformance"}
    return {name: value for name, value in known.items() if "{" + name + "}" in operation.path}


def _body(run: CheckContext, operation: Operation) -> dict[str, Any] | None:
    """Return a valid body for a write, so that nothing but the key can be the reason of a refusal."""
    bodies: dict[str, dict[str, Any]] = {
        "createAccount": {"mt5Login": "12345678", "mt5Password": "conformance", "mt5Server": "Conformance-Demo"},
        "placeOrder": {"symbol": run.symbol, "side": "buy", "orderType": "market", "volume": run.volume},
        "checkOrder": {"symbol": run.symbol, "side": "buy", "orderType": "market", "volume": run.volume},
        "closePosition": {"ticket": 1},
        "modifyPosition": {"ticket": 1, "sl": 1.0},
    }
    return bodies.get(operation.id)


def _guarded(run: CheckContext) -> list[Operation]:
    """Return the operations that ask for a key; those that write only where a gateway that forgets to ask may trade."""
    may_write = Effects.ORDER in run.target.allowed_effects
    return [
        one
        for one in run.contract.operations.values()
        if not one.is_public and not one.is_optional and (may_write or one.method == "GET")
    ]


def _bad_keys(run: CheckContext, key: str) -> list[tuple[str, str]]:
    """Return keys that were never issued, with what is wrong with each."""
    middle = len(key) // 2
    changed = "A" if key[middle] != "A" else "B"
    body = "".join(run.random.choices("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789", k=36))
    return [
        ("made up", f"sk_live_{body}"),
        ("a good key with one character changed", key[:middle] + changed + key[middle + 1 :]),
        ("a good key without its last character", key[:-1]),
        ("a good key with a character more", key + "0"),
        ("a good key in the other letter case", key.swapcase()),
        ("empty", ""),
        ("a wildcard", "%"),
        ("a quote", "' OR '1'='1"),
    ]


@check(
    id="authentication.key-is-required",
    title="Every operation but the public ones is 401 without a key",
    requirements=("TONPO-AUTH-010",),
)
async def key_is_required(run: CheckContext) -> None:
    """Call each operation of the contract without a key, with a request that is otherwise right."""
    for operation in _guarded(run):
        answer = await run.call(operation.id, anonymous=True, path=_path(run, operation), body=_body(run, operation))
        run.expect_status(
            answer, 401, requirement="TONPO-AUTH-010", message=f"{operation.method} {operation.path} works without key"
        )


@check(
    id="authentication.unknown-key",
    title="Every operation but the public ones is 401 with a key that was never issued",
    requirements=("TONPO-AUTH-020",),
)
async def unknown_key(run: CheckContext) -> None:
    """Call each operation of the contract with a made-up key."""
    key = _bad_keys(run, "sk_live_0123456789")[0][1]
    for operation in _guarded(run):
        answer = await run.call(operation.id, api_key=key, path=_path(run, operation), body=_body(run, operation))
        run.expect_status(
            answer,
            401,
            requirement="TONPO-AUTH-020",
            message=f"{operation.method} {operation.path} works with an unknown key",
        )


@check(
    id="authentication.almost-the-key",
    title="A key is compared whole: nothing that resembles a good key is accepted",
    requirements=("TONPO-AUTH-020", "TONPO-AUTH-030"),
    needs=("user",),
)
async def almost_the_key(run: CheckContext) -> None:
    """Ask for the profile with the good key, then with keys derived from it."""
    good = await run.call("getCurrentUser")
    run.require_status(good, 200, requirement="TONPO-AUTH-030")
    for what, key in _bad_keys(run, run.user.api_key):
        if key == run.user.api_key:
            continue
        answer = await run.call("getCurrentUser", api_key=key)
        run.expect_status(answer, 401, requirement="TONPO-AUTH-020", message=f"a key that is {what} is accepted")


@check(
    id="authentication.good-key-reads",
    title="A good key is accepted by every operation that reads",
    requirements=("TONPO-AUTH-030",),
    needs=("user",),
)
async def good_key_reads(run: CheckContext) -> None:
    """Call each GET operation with the key; whatever else the answer says, it is not 401."""
    for operation in _guarded(run):
        if operation.method == "GET":
            answer = await run.call(operation.id, path=_path(run, operation))
            run.expect(
                answer.status != 401,
                "TONPO-AUTH-030",
                f"{operation.method} {operation.path} does not accept a good key",
                found=answer.status,
                at=answer,
            )


@check(
    id="authentication.public-operations",
    title="Health and the creation of users ask for no key",
    requirements=("TONPO-AUTH-040", "TONPO-AUTH-050"),
    effects="account",
)
async def public_operations(run: CheckContext) -> None:
    """Call both without a key, and health with one that is not good."""
    health = await run.call("getHealth")
    run.expect_status(health, 200, requirement="TONPO-AUTH-050")
    health = await run.call("getHealth", api_key="not-a-key")
    run.expect_status(health, 200, requirement="TONPO-AUTH-050", message="GET /health minds a key it has no use for")
    made = await run.call("createUser")
    if made.status == 403:
        run.could_not_run("registration is closed on this gateway")
    run.expect_status(made, 200, 201, requirement="TONPO-AUTH-040")


@check(
    id="authentication.refused-without-effect",
    title="A request that is refused for its key changes nothing",
    requirements=("TONPO-AUTH-060",),
    needs=("disposable_account",),
    effects="account",
)
async def refused_without_effect(run: CheckContext) -> None:
    """Pause, rotate and delete with bad keys; afterwards account and key are as before."""
    account = {"account_id": run.disposable_account.id}
    owner = run.disposable_user
    before = await status_of(run, run.disposable_account.id, owner)
    for key in (None, "sk_live_conformance_unknown", owner.api_key[:-1]):
        for operation in ("pauseAccount", "deleteAccount"):
            await run.call(operation, anonymous=key is None, api_key=key, path=account)
        await run.call("rotateApiKey", anonymous=key is None, api_key=key)
    after = await status_of(run, run.disposable_account.id, owner)
    run.expect(
        after.status == 200 and after.document.get("status") == before.document.get("status"),
        "TONPO-AUTH-060",
        "the account changed by requests without a good key",
        expected=before.document,
        found=after.document,
        at=after,
    )
    run.expect(
        after.document.get("paused") == before.document.get("paused"),
        "TONPO-AUTH-060",
        "the account was paused by a request without a good key",
        found=after.document,
        at=after,
    )
    run.expect(
        run.disposable_account.id in await listed_ids(run, owner),
        "TONPO-AUTH-060",
        "the account is gone after requests without a good key",
    )


@check(
    id="authentication.refused-close",
    title="A position is not closed or changed by a request without a good key",
    requirements=("TONPO-AUTH-010", "TONPO-AUTH-060"),
    needs=("account",),
    effects="order",
    trades=1,
)
async def refused_close(run: CheckContext) -> None:
    """Open a position, try to close it with bad keys, and look at it again."""
    made = await market_order(run)
    ticket = made.document.get("ticket")
    if is_refused(made) or not isinstance(ticket, int):
        run.could_not_run("the broker accepted no order to start from")
    before = await open_positions(run)
    for key in (None, "sk_live_conformance_unknown"):
        for operation, body in (("closePosition", {"ticket": ticket}), ("modifyPosition", {"ticket": ticket, "sl": 0})):
            answer = await run.call(operation, anonymous=key is None, api_key=key, body=body)
            run.expect_status(answer, 401, requirement="TONPO-AUTH-010")
    run.expect(
        await open_positions(run) == before,
        "TONPO-AUTH-060",
        "a request without a good key changed the open positions",
        expected=before,
    )
    await run.call("closePosition", body={"ticket": ticket})


@check(
    id="authentication.key-comes-first",
    title="A bad key is answered 401 whatever else is wrong with the request",
    requirements=("TONPO-AUTH-080",),
    effects="account",
)
async def key_comes_first(run: CheckContext) -> None:
    """Send broken bodies and unknown accounts with a bad key."""
    bad = (("X-API-Key", "sk_live_conformance_unknown"), ("Content-Type", "application/json"))
    for method, path, body in (
        ("POST", "/api/accounts", "{"),
        ("POST", "/api/accounts", "{}"),
        ("POST", "/api/orders", '{"side": "sideways"}'),
        ("POST", "/api/orders/close", "[]"),
        ("GET", "/api/accounts/x/status", None),
        ("GET", f"/api/symbols/{'X' * 40}", None),
    ):
        answer = await run.send(method, path, headers=bad, body=body)
        run.expect_status(answer, 401, requirement="TONPO-AUTH-080")


@check(
    id="authentication.key-in-query",
    title="REST does not take the key from the query, which ends up in logs",
    requirements=("TONPO-AUTH-090",),
    needs=("user",),
)
async def key_in_query(run: CheckContext) -> None:
    """Ask for the profile with a good key in the query only."""
    for name in ("api_key", "X-API-Key", "apikey"):
        answer = await run.send("GET", f"/api/users/me?{name}={run.user.api_key}")
        run.expect_status(
            answer, 401, requirement="TONPO-AUTH-090", message=f"the query parameter {name} is accepted as key"
        )


@check(
    id="authentication.good-key-writes",
    title="A good key is accepted by every operation that writes",
    requirements=("TONPO-AUTH-030",),
    needs=("account",),
    effects="account",
)
async def good_key_writes(run: CheckContext) -> None:
    """Call each operation that writes in a way that changes nothing; the answer is not 401.

    Rotation is judged with the keys, which it changes.
    """
    for operation in _guarded(run):
        if operation.method == "GET" or operation.id == "rotateApiKey":
            continue
        body: dict[str, Any] | None = None if operation.body is None else {}
        answer = await run.call(operation.id, path=_path(run, operation), body=body, valid=False)
        run.expect(
            answer.status != 401,
            "TONPO-AUTH-030",
            f"{operation.method} {operation.path} does not accept a good key",
            found=answer.status,
            at=answer,
        )
