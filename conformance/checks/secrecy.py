"""Secrets that must not come back, and the transport that keeps them."""

import orjson

from conformance.catalogue import check
from conformance.checks.steps import account_body
from conformance.context import CheckContext
from conformance.hello import offered_version
from conformance.leaks import find_leaks, is_telling

ACCOUNT_OPERATIONS = frozenset(
    {"listAccounts", "getAccountStatus", "pauseAccount", "resumeAccount", "deleteAccount", "getAccount"}
)
OLD_VERSIONS = {"TLS 1.0": (3, 1), "TLS 1.1": (3, 2)}


@check(
    id="secrecy.nothing-comes-back",
    title="Key, enrolment token, MT5 password and MT5 login do not come back in any answer or message",
    requirements=("TONPO-KEY-070", "TONPO-ACC-190", "TONPO-SEC-010", "TONPO-SEC-020"),
    needs=("disposable_account",),
    effects="account",
)
async def nothing_comes_back(run: CheckContext) -> None:
    """Use every operation that could repeat a secret, right and wrong; then search all that the gateway said."""
    user, account = run.disposable_user, run.disposable_account
    credentials = account.credentials
    if credentials is None:
        run.could_not_run("the credentials of the account are not known")
    path = {"account_id": account.id}
    async with run.stream(user=user) as stream:
        await stream.send_text('{"type": "ping"}')
        await stream.send_text(orjson.dumps({"type": "no-such-type", "api_key": user.api_key}).decode())
        await _read_all(run, path)
        body = account_body(credentials)
        for wrong in (
            body,  # one account too many on the smallest plan
            {**body, "mt5Login": "not digits"},
            {**body, "mt5Server": 5},
            {**body, "mt5Password": [credentials.password]},
            {**body, "region": {"a": credentials.password}},
        ):
            made = await run.call("createAccount", body=wrong, valid=False)
            if isinstance(made.document.get("account_id"), str):
                await run.call("deleteAccount", path={"account_id": made.document["account_id"]})
        broken = orjson.dumps({"mt5Password": credentials.password})[:-1].decode() + ', "mt5Login": '
        json_type = (("Content-Type", "application/json"),)
        await run.send("POST", "/api/accounts", user=user, headers=json_type, body=broken)
        await run.send("GET", "/api/no-such-path", user=user)
        for operation in ("pauseAccount", "resumeAccount", "deleteAccount", "getAccountStatus"):
            await run.call(operation, path=path)
        await run.call("listAccounts")
        await stream.wait_for("pong", within=run.target.timeouts.stream_message)
    old = user.api_key
    await run.call("rotateApiKey")
    await run.call("getCurrentUser", api_key=old)
    _expect_kept(run, [old, user.api_key], "TONPO-KEY-070", "an API key", {"createUser", "rotateApiKey"})
    tokens = [one.document.get("auth_token") for one in run.transcript.exchanges if one.operation == "createAccount"]
    found = [token for token in tokens if isinstance(token, str) and token]
    if found:
        _expect_kept(run, found, "TONPO-ACC-190", "the auth_token", {"createAccount"})
    if is_telling(credentials.password):
        _expect_kept(run, [credentials.password], "TONPO-SEC-010", "the MT5 password", set())
    leaks = [
        leak
        for leak in find_leaks(run.transcript.entries, [credentials.login], whole_words=True)
        if leak.operation in ACCOUNT_OPERATIONS
    ]
    run.expect(
        not leaks,
        "TONPO-SEC-020",
        "an account operation returns the MT5 login",
        found=", ".join(sorted({leak.where for leak in leaks})),
    )


async def _read_all(run: CheckContext, path: dict[str, str]) -> None:
    for operation in ("getCurrentUser", "listAccounts", "getAccountInfo", "listPositions", "listSymbols"):
        await run.call(operation)
    await run.call("getAccountStatus", path=path)
    await run.call("getSymbolPrice", path={"symbol": run.symbol})
    await run.call("getHealth")


def _expect_kept(run: CheckContext, secrets: list[str], requirement: str, what: str, apart_from: set[str]) -> None:
    leaks = [leak for leak in find_leaks(run.transcript.entries, secrets) if leak.operation not in apart_from]
    run.expect(
        not leaks,
        requirement,
        f"{what} came back",
        expected="in no answer" if not apart_from else f"in no answer but that of {' and '.join(sorted(apart_from))}",
        found=", ".join(sorted({leak.where for leak in leaks})),
    )


@check(
    id="secrecy.old-tls",
    title="TLS 1.0 and 1.1 are not negotiated",
    requirements=("TONPO-SEC-040",),
)
async def old_tls(run: CheckContext) -> None:
    """Offer nothing newer than each old version; the gateway must not agree."""
    base = run.target.base
    if base.scheme != "https" or base.host is None or base.port is None:
        run.not_applicable("the gateway is not judged over https")
    for name, version in OLD_VERSIONS.items():
        agreed = await offered_version(base.host, base.port, version, run.target.timeouts.request)
        run.expect(
            agreed is None,
            "TONPO-SEC-040",
            f"the gateway agrees to {name}",
            expected="a refused handshake",
            found=None if agreed is None else f"version {agreed[0]}.{agreed[1]} on the wire",
        )
