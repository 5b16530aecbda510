"""The states of an account, from its provisioning on."""

from conformance.catalogue import check
from conformance.checks.steps import POLL_SECONDS, account_body, await_status, is_refused, market_order, status_of
from conformance.context import CheckContext

STATES = ("created", "connecting", "active", "disconnected", "reconnecting", "login_failed", "deleted")
DOCUMENTED_SECONDS = 180.0


@check(
    id="lifecycle.becomes-active",
    title="An account with good credentials becomes active by itself, and is then ready",
    requirements=(
        "TONPO-LIFE-010",
        "TONPO-LIFE-020",
        "TONPO-LIFE-040",
        "TONPO-LIFE-100",
        "TONPO-LIFE-120",
    ),
    needs=("disposable_user",),
    effects="account",
)
async def becomes_active(run: CheckContext) -> None:
    """Provision, ask for live data while the account is not active yet, follow the status, ask again."""
    began = run.clock()
    made = await run.call("createAccount", body=account_body(run.fresh_credentials()))
    account_id = str(made.document.get("account_id"))
    if not 200 <= made.status < 300:
        run.could_not_run(f"no account could be provisioned: HTTP {made.status}")
    early = await run.call("getAccountInfo")
    if early.status >= 400:
        run.expect(
            early.status == 503 and early.header("Retry-After") is not None,
            "TONPO-LIFE-120",
            "live data of an account that is not connected yet is not 503 with Retry-After",
            found=early.status,
            at=early,
        )
    seen = await await_status(run, account_id, {"active", "login_failed"})
    _expect_known(run, seen)
    if seen[-1] == "login_failed":
        run.could_not_run("the broker refuses the credentials")
    run.require(
        seen[-1] == "active",
        "TONPO-LIFE-020",
        "the account did not become active",
        expected="active",
        found=seen,
    )
    info = await run.call("getAccountInfo")
    run.expect_status(
        info, 200, requirement="TONPO-LIFE-040", message="an active account's information is not readable"
    )
    seconds = run.clock() - began
    run.expect(seconds <= DOCUMENTED_SECONDS, "TONPO-LIFE-100", "it took longer than 180 s", found=f"{seconds:.0f} s")


@check(
    id="lifecycle.login-failed",
    title="An account with bad credentials becomes login_failed, says why, and takes no orders",
    requirements=("TONPO-LIFE-010", "TONPO-LIFE-030", "TONPO-LIFE-050", "TONPO-LIFE-110"),
    needs=("disposable_user", "bad_account"),
    effects="order",
)
async def login_failed(run: CheckContext) -> None:
    """Provision with credentials that the broker refuses, follow the status, send an order, look again."""
    made = await run.call("createAccount", body=account_body(run.bad_account))
    account_id = made.document.get("account_id")
    if not isinstance(account_id, str):
        run.expect(
            400 <= made.status < 500,
            "TONPO-LIFE-030",
            "bad credentials give neither an account nor a refusal",
            found=made.status,
        )
        run.not_applicable("the gateway refuses bad credentials at once")
    seen = await await_status(run, account_id, {"active", "login_failed"})
    _expect_known(run, seen)
    run.require(
        seen[-1] == "login_failed",
        "TONPO-LIFE-030",
        "an account with bad credentials did not become login_failed",
        expected="login_failed",
        found=seen,
    )
    answer = await market_order(run)
    run.expect(
        is_refused(answer),
        "TONPO-LIFE-050",
        "an account whose login failed accepts an order",
        expected="a refusal",
        found=answer.json,
        at=answer,
    )
    await run.pause(POLL_SECONDS[2])
    last = await status_of(run, account_id)
    run.expect(
        last.document.get("status") == "login_failed",
        "TONPO-LIFE-030",
        "an account left login_failed",
        expected="login_failed",
        found=last.json,
    )
    cause = last.document.get("last_error")
    run.expect(
        isinstance(cause, str) and cause != "",
        "TONPO-LIFE-110",
        "last_error does not tell the cause",
        expected="a non-empty text",
        found=cause,
        at=last,
    )


@check(
    id="lifecycle.documented-states",
    title="Every status is one of the seven documented states",
    requirements=("TONPO-LIFE-010", "TONPO-LIFE-040"),
    needs=("account",),
)
async def documented_states(run: CheckContext) -> None:
    """Look at an account in use, by its status and in the list."""
    answer = await status_of(run, run.account.id)
    state = answer.document.get("status")
    listed = await run.call("listAccounts")
    _expect_known(run, [state, *(row["status"] for row in listed.rows("accounts") if "status" in row)])
    if state == "active":
        info = await run.call("getAccountInfo")
        run.expect_status(info, 200, requirement="TONPO-LIFE-040")


def _expect_known(run: CheckContext, seen: list[object] | list[str]) -> None:
    run.expect(
        all(state in STATES for state in seen),
        "TONPO-LIFE-010",
        "a status is none of the documented states",
        expected=", ".join(STATES),
        found=seen,
    )
