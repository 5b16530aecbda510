"""The one form that all errors have."""

from conformance.catalogue import check
from conformance.context import CheckContext
from conformance.exchange import Exchange

FORM, CODE = "TONPO-ERR-010", "TONPO-ERR-020"


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
