"""The one form that all errors have."""

from conformance.catalogue import check
from conformance.checks.steps import listed_ids, open_positions
from conformance.context import CheckContext
from conformance.errors import NoAnswer
from conformance.exchange import Exchange

FORM, CODE = "TONPO-ERR-010", "TONPO-ERR-020"

JSON_TYPE = (("Content-Type", "application/json"),)


def expect_error_form(run: CheckContext, answer: Exchange, type_requirement: str, type_name: str) -> None:
    """Assert the documented body `{error, code, type}` on an answer; never its wording."""
    body = answer.document
    has_form = (
        bool(isinstance(body.get("error"), str) and body["error"])
        and type(body.get("code")) is int
        and bool(isinstance(body.get("type"), str) and body["type"])
    )
    run.require(has_form, FORM, "the error body lacks error, code or type", found=answer.json, at=answer)
    run.expect(
        body["code"] == answer.status,
        CODE,
        "code is not the HTTP status",
        expected=answer.status,
        found=body["code"],
        at=answer,
    )
    run.expect(
        body["type"] == type_name,
        type_requirement,
        "type is another",
        expected=type_name,
        found=body["type"],
        at=answer,
    )


@check(
    id="errors.unauthenticated-form",
    title="A 401 has the documented error body",
    requirements=("TONPO-AUTH-010", FORM, CODE, "TONPO-ERR-030"),
)
async def unauthenticated_form(run: CheckContext) -> None:
    """Ask for the user's own profile without a key."""
    answer = await run.call("getCurrentUser", anonymous=True)
    run.require_status(answer, 401, requirement="TONPO-AUTH-010")
    expect_error_form(run, answer, "TONPO-ERR-030", "authentication_error")


@check(
    id="errors.unknown-path",
    title="An unknown path is 404 in the documented form",
    requirements=(FORM, CODE, "TONPO-ERR-050"),
    needs=("user",),
)
async def unknown_path(run: CheckContext) -> None:
    """Ask for a path that no gateway has."""
    answer = await run.send("GET", "/api/no-such-path", user=run.user)
    run.require_status(answer, 404, requirement="TONPO-ERR-050")
    expect_error_form(run, answer, "TONPO-ERR-050", "not_found")


@check(
    id="errors.body-that-is-not-json",
    title="A body that is not a JSON object is refused, and never with 500",
    requirements=("TONPO-ERR-090", "TONPO-ERR-100"),
    needs=("user",),
    effects="account",
)
async def body_that_is_not_json(run: CheckContext) -> None:
    """Send broken bodies to the provisioning of accounts, which needs a body."""
    for body in ("", "{", "[]", "null", "1", '"text"', "{'mt5Login': '1'}"):
        answer = await run.send(
            "POST",
            "/api/accounts",
            user=run.user,
            headers=(("Content-Type", "application/json"),),
            body=body,
            operation="createAccount",
        )
        run.expect(
            400 <= answer.status < 500,
            "TONPO-ERR-090",
            f"the body {body!r} is not refused",
            expected="4xx",
            found=answer.status,
            at=answer,
        )
        run.expect(answer.status < 500, "TONPO-ERR-100", f"the body {body!r} breaks the gateway", found=answer.status)


def expect_form(run: CheckContext, answer: Exchange) -> None:
    """Assert that an error has the documented body, whatever its type."""
    body = answer.document
    texts = [body.get("error"), body.get("type")]
    run.expect(
        all(isinstance(text, str) and text for text in texts) and type(body.get("code")) is int,
        FORM,
        "the error body lacks error, code or type",
        found=answer.response.body[:200].decode(errors="replace"),
        at=answer,
    )
    if "code" in body:
        run.expect(
            body["code"] == answer.status, CODE, "code is not the HTTP status", expected=answer.status,
            found=body["code"], at=answer,
        )  # fmt: skip


@check(
    id="errors.refused-without-effect",
    title="A request that is refused as invalid has no effect",
    requirements=("TONPO-ERR-110",),
    needs=("account",),
    effects="order",
    trades=1,
)
async def refused_without_effect(run: CheckContext) -> None:
    """Send orders and provisionings that the contract forbids; positions and accounts stay as they were."""
    positions, accounts = await open_positions(run), await listed_ids(run)
    good = {"symbol": run.symbol, "side": "buy", "orderType": "market", "volume": run.volume}
    for change in ({"side": "hold"}, {"orderType": "now"}, {"volume": -run.volume}, {"volume": 0}, {"symbol": None}):
        answer = await run.call("placeOrder", body={**good, **change}, valid=False)
        if answer.status < 400 and answer.document.get("success") is not False:
            run.could_not_run(f"the order with {change} is accepted, which is judged with the orders")
        run.expect(
            await open_positions(run) == positions,
            "TONPO-ERR-110",
            f"an order that was refused for its {next(iter(change))} opened a position",
            at=answer,
        )
    answer = await run.call("createAccount", body={"mt5Login": "1"}, valid=False)
    run.expect(
        answer.status < 400 or await listed_ids(run) == accounts,
        "TONPO-ERR-110",
        "a provisioning that was refused left an account",
        at=answer,
    )


@check(
    id="errors.details",
    title="A refusal of a body names what is wrong with it, for people and for machines",
    requirements=("TONPO-ERR-120", "TONPO-ERR-130", "TONPO-ERR-140"),
    needs=("user",),
    effects="account",
)
async def details(run: CheckContext) -> None:
    """Break a body in a few ways and look at status, details, reason and request id."""
    for body, field in (
        ({}, None),
        ({"mt5Login": 12, "mt5Password": "x", "mt5Server": "Demo"}, "mt5Login"),
        ({"mt5Login": "12", "mt5Password": "x"}, "mt5Server"),
    ):
        answer = await run.call("createAccount", body=body, valid=False)
        if answer.status < 400:
            await run.call("deleteAccount", path={"account_id": str(answer.document.get("account_id"))})
            continue
        rows = answer.document.get("details")
        named = str(rows) if isinstance(rows, list) and rows else ""
        run.expect(
            answer.status == 400 and named != "" and (field is None or field in named),
            "TONPO-ERR-120",
            f"the refusal is not 400 with details about {field or 'what is missing'}",
            found=f"{answer.status} {named}",
            at=answer,
        )
    for method, path, status in (
        ("GET", "/api/no-such-path", "path_not_found"),
        ("GET", "/api/accounts/acc_01jdkq2m8sx6a1t4w5y7z9b3cd/status", "account_not_found"),
    ):
        answer = await run.send(method, path, user=run.user)
        run.expect(
            answer.document.get("reason") == status,
            "TONPO-ERR-130",
            f"{method} {path} is not refused with the contract's reason",
            expected=status,
            found=answer.document.get("reason"),
            at=answer,
        )
        _expect_request_id(run, answer)
    answer = await run.call("getCurrentUser", anonymous=True)
    run.expect(
        answer.document.get("reason") in ("missing_api_key", "invalid_api_key"),
        "TONPO-ERR-130",
        "a 401 has no reason",
        expected="missing_api_key",
        found=answer.document.get("reason"),
        at=answer,
    )
    _expect_request_id(run, answer)
    health = await run.call("getHealth")
    run.expect(bool(health.header("X-Request-ID")), "TONPO-ERR-140", "an answer carries no X-Request-ID", at=health)


def _expect_request_id(run: CheckContext, answer: Exchange) -> None:
    header = answer.header("X-Request-ID")
    run.expect(
        bool(header) and answer.document.get("request_id") == header,
        "TONPO-ERR-140",
        "X-Request-ID and request_id are not the same",
        expected=header,
        found=answer.document.get("request_id"),
        at=answer,
    )


@check(
    id="errors.methods",
    title="A method that a path does not have is 405 with Allow",
    requirements=(FORM, CODE, "TONPO-ERR-150"),
    needs=("user",),
    effects="account",
)
async def methods(run: CheckContext) -> None:
    """Use methods that no documented path has."""
    for method, path, allowed in (
        ("PUT", "/api/users/me", "GET"),
        ("PATCH", "/api/accounts", "POST"),
        ("DELETE", "/api/symbols", "GET"),
        ("GET", "/api/orders/close", "POST"),
    ):
        answer = await run.send(method, path, user=run.user)
        run.expect(
            answer.status == 405 and allowed in (answer.header("Allow") or ""),
            "TONPO-ERR-150",
            f"{method} {path} is not 405 with Allow: {allowed}",
            found=f"{answer.status} {answer.header('Allow')}",
            at=answer,
        )
        if answer.status >= 400:
            expect_form(run, answer)


@check(
    id="errors.media-types-and-sizes",
    title="A body that is not declared as JSON is 415, one that is too large 413",
    requirements=("TONPO-ERR-160",),
    needs=("user",),
    effects="account",
)
async def media_types_and_sizes(run: CheckContext) -> None:
    """Send a body declared as something else, and one of four megabytes that no operation needs."""
    body = '{"mt5Login": "1", "mt5Password": "", "mt5Server": ""}'
    for kind in ("text/plain", "application/xml", "application/x-www-form-urlencoded"):
        answer = await run.send("POST", "/api/accounts", user=run.user, headers=(("Content-Type", kind),), body=body)
        run.expect_status(answer, 415, requirement="TONPO-ERR-160", message=f"a body declared as {kind} is not 415")
    large = '{"mt5Login": "' + "1" * 4_000_000 + '"}'
    try:
        answer = await run.send("POST", "/api/accounts", user=run.user, headers=JSON_TYPE, body=large)
    except NoAnswer:
        return  # a server may stop reading and close before its answer is read
    run.expect_status(answer, 413, requirement="TONPO-ERR-160", message="a body of four megabytes is not 413")
