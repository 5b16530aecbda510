"""MT5 accounts: provisioning, pause and resume, deletion."""

from conformance.catalogue import check
from conformance.checks.errors import expect_error_form
from conformance.checks.steps import (
    account_body,
    await_status,
    is_refused,
    listed_ids,
    market_order,
    never_issued,
    status_of,
)
from conformance.context import CheckContext
from conformance.exchange import Exchange

FIELDS = ("mt5Login", "mt5Password", "mt5Server")


@check(
    id="accounts.provisioning",
    title="An account is provisioned with and without a region, and is listed",
    requirements=(
        "TONPO-ACC-010",
        "TONPO-ACC-020",
        "TONPO-ACC-030",
        "TONPO-ACC-050",
        "TONPO-ACC-060",
        "TONPO-ACC-070",
        "TONPO-HTTP-040",
    ),
    needs=("disposable_user",),
    effects="account",
)
async def provisioning(run: CheckContext) -> None:
    """Provision with a region, look at list and status, delete, provision without a region."""
    credentials = run.fresh_credentials()
    before = await run.call("listAccounts")
    run.require_status(before, 200, requirement="TONPO-ACC-050")
    run.expect(
        isinstance(before.document.get("accounts"), list),
        "TONPO-ACC-050",
        "the list of a user without accounts is none",
        expected={"accounts": []},
        found=before.json,
    )
    for region in ("eu", None):
        made = await run.call("createAccount", body=account_body(credentials, region))
        run.expect_status(
            made, 200, 201, requirement="TONPO-ACC-030", message=f"no account is provisioned with region {region}"
        )
        account_id = _expect_provisioned(run, made)
        status = await status_of(run, account_id)
        run.require_status(status, 200, requirement="TONPO-ACC-070")
        run.expect(
            isinstance(status.document.get("status"), str), "TONPO-ACC-070", "the status answer has no status",
            found=status.json,
        )  # fmt: skip
        listed = await run.call("listAccounts")
        run.expect(
            account_id in [row.get("account_id") for row in listed.rows("accounts")],
            "TONPO-ACC-060",
            "a provisioned account is not listed",
            expected=account_id,
            found=listed.json,
            at=listed,
        )
        await run.call("deleteAccount", path={"account_id": account_id})


def _expect_provisioned(run: CheckContext, made: Exchange) -> str:
    run.require_status(made, 200, 201, requirement="TONPO-ACC-010")
    account_id, token = made.document.get("account_id"), made.document.get("auth_token")
    run.expect(isinstance(token, str) and token != "", "TONPO-ACC-020", "the answer has no auth_token", at=made)
    run.require(
        isinstance(account_id, str) and account_id != "",
        "TONPO-ACC-010",
        "the answer has no account_id",
        found=account_id,
        at=made,
    )
    run.expect(made.status == 201, "TONPO-HTTP-040", "a creation is not 201", found=made.status, at=made)
    run.expect(str(account_id).startswith("acc_"), "TONPO-HTTP-040", "account_id does not start acc_", at=made)
    return str(account_id)


@check(
    id="accounts.incomplete-provisioning",
    title="Provisioning without login, password or server is refused and provisions nothing",
    requirements=("TONPO-ACC-040", "TONPO-ERR-110", "TONPO-ERR-120"),
    needs=("disposable_user",),
    effects="account",
)
async def incomplete_provisioning(run: CheckContext) -> None:
    """Leave out each field, then make each of a wrong kind; the list stays as it was."""
    good = account_body(run.fresh_credentials())
    before = await listed_ids(run)
    for name in FIELDS:
        answer = await run.call("createAccount", body={key: good[key] for key in FIELDS if key != name}, valid=False)
        run.expect(
            400 <= answer.status < 500,
            "TONPO-ACC-040",
            f"a provisioning without {name} is not refused",
            expected="4xx",
            found=answer.status,
            at=answer,
        )
        _expect_details(run, answer, name)
    run.expect(
        await listed_ids(run) == before,
        "TONPO-ACC-040",
        "a refused provisioning left an account",
        expected=sorted(before),
    )
    for name, value in (("mt5Login", "twelve"), ("mt5Login", ""), ("mt5Password", ""), ("mt5Server", ["Demo"])):
        answer = await run.call("createAccount", body={**good, name: value}, valid=False)
        if answer.status < 400:  # a gateway may be generous with values; then the account is one of its own
            await run.call("deleteAccount", path={"account_id": str(answer.document.get("account_id"))})
            continue
        _expect_details(run, answer, name)
        run.expect(
            await listed_ids(run) == before,
            "TONPO-ERR-110",
            f"a provisioning that was refused for its {name} left an account",
            at=answer,
        )


def _expect_details(run: CheckContext, answer: Exchange, name: str) -> None:
    details = answer.document.get("details")
    rows = details if isinstance(details, list) else []
    named = [str(value) for row in rows if isinstance(row, dict) for value in row.values()]
    run.expect(
        answer.status == 400 and any(name in text for text in named),
        "TONPO-ERR-120",
        f"the refusal does not name {name} in details, or is not 400",
        found=f"{answer.status} {details}",
        at=answer,
    )


@check(
    id="accounts.unknown-account",
    title="An account that was never issued is 404",
    requirements=("TONPO-ACC-080", "TONPO-ERR-010", "TONPO-ERR-020", "TONPO-ERR-050"),
    needs=("account",),
    effects="account",
)
async def unknown_account(run: CheckContext) -> None:
    """Ask for status, pause, resume and deletion of an id that differs from a real one in its last characters."""
    path = {"account_id": never_issued(run, run.account.id)}
    for operation in ("getAccountStatus", "pauseAccount", "resumeAccount", "deleteAccount"):
        answer = await run.call(operation, path=path)
        if run.expect_status(answer, 404, requirement="TONPO-ACC-080"):
            expect_error_form(run, answer, "TONPO-ERR-050", "not_found")


@check(
    id="accounts.deletion",
    title="A deleted account is gone for good, and its login can be provisioned anew",
    requirements=(
        "TONPO-ACC-130",
        "TONPO-ACC-140",
        "TONPO-ACC-150",
        "TONPO-ACC-160",
        "TONPO-ACC-170",
        "TONPO-ACC-240",
        "TONPO-LIFE-020",
    ),
    needs=("disposable_account",),
    effects="account",
)
async def deletion(run: CheckContext) -> None:
    """Delete, try to use and revive the account, delete again, and provision the same login."""
    account_id = run.disposable_account.id
    path = {"account_id": account_id}
    credentials = run.disposable_account.credentials
    gone = await run.call("deleteAccount", path=path)
    run.require(200 <= gone.status < 300, "TONPO-ACC-130", "an account cannot be deleted", found=gone.status, at=gone)
    await _expect_deleted(run, "TONPO-ACC-140", "the deleted account is not")
    for operation in ("getAccountInfo", "listPositions", "listSymbols"):
        answer = await run.call(operation)
        run.expect(
            answer.status >= 400,
            "TONPO-ACC-150",
            f"{operation} is answered for a deleted account",
            expected="a refusal",
            found=answer.status,
            at=answer,
        )
    for operation in ("pauseAccount", "resumeAccount"):
        await run.call(operation, path=path)
        await _expect_deleted(run, "TONPO-ACC-160", f"after {operation} the deleted account is not deleted but")
    answer = await run.call("getAccountInfo")
    run.expect(answer.status >= 400, "TONPO-ACC-160", "resuming revived a deleted account", found=answer.status)
    again = await run.call("deleteAccount", path=path)
    run.expect(
        again.status == gone.status and again.document.get("status") == gone.document.get("status"),
        "TONPO-ACC-240",
        "a second deletion is answered otherwise",
        expected=gone.json,
        found=again.json,
        at=again,
    )
    if credentials is None:
        run.could_not_run("the credentials of the account are not known")
    made = await run.call("createAccount", body=account_body(credentials))
    new_id = made.document.get("account_id")
    run.require(
        200 <= made.status < 300 and isinstance(new_id, str) and new_id != account_id,
        "TONPO-ACC-170",
        "the login of a deleted account cannot be provisioned again under a new account_id",
        found=made.status,
        at=made,
    )
    seen = await await_status(run, str(new_id), {"active", "login_failed"})
    run.expect(seen[-1] == "active", "TONPO-ACC-170", "the login does not get active again", found=seen)
    run.expect(seen[-1] == "active", "TONPO-LIFE-020", "the account does not get active", found=seen)
    await _expect_deleted(run, "TONPO-ACC-160", "provisioning the login anew revived the deleted account:")


async def _expect_deleted(run: CheckContext, requirement: str, message: str) -> None:
    status = await status_of(run, run.disposable_account.id)
    run.expect(
        status.status == 404 or status.document.get("status") == "deleted",
        requirement,
        message,
        expected="status deleted, or 404",
        found=f"{status.status} {status.document.get('status')}",
        at=status,
    )
    if requirement == "TONPO-ACC-140" and status.status == 404:
        run.expect(False, "TONPO-ACC-240", "a deleted account is not readable as deleted", found=404, at=status)


@check(
    id="accounts.deletion-blocks-orders",
    title="After deletion of the only account no order is accepted",
    requirements=("TONPO-ACC-130", "TONPO-ACC-150"),
    needs=("disposable_account",),
    effects="order",
    trades=1,
)
async def deletion_blocks_orders(run: CheckContext) -> None:
    """Delete the account, and send it an order."""
    gone = await run.call("deleteAccount", path={"account_id": run.disposable_account.id})
    run.require(200 <= gone.status < 300, "TONPO-ACC-130", "an account cannot be deleted", found=gone.status, at=gone)
    answer = await market_order(run)
    run.expect(
        is_refused(answer), "TONPO-ACC-150", "a deleted account accepts an order", expected="a refusal",
        found=answer.json, at=answer,
    )  # fmt: skip


@check(
    id="accounts.several",
    title="Each provisioning adds an account where the plan allows several",
    requirements=("TONPO-ACC-180", "TONPO-ACC-060", "TONPO-ACC-270"),
    needs=("disposable_account",),
    effects="account",
)
async def several(run: CheckContext) -> None:
    """Provision a second account, and ask for account information without naming one."""
    first = run.disposable_account.id
    made = await run.call("createAccount", body=account_body(run.fresh_credentials()))
    if made.status == 403:
        run.not_applicable("a new user's plan allows one account")
    second = made.document.get("account_id")
    run.require(
        200 <= made.status < 300 and isinstance(second, str) and second != first,
        "TONPO-ACC-180",
        "a second account gets no account_id of its own",
        found=f"{made.status}",
        at=made,
    )
    run.expect({first, second} <= await listed_ids(run), "TONPO-ACC-060", "not both accounts are listed")
    seen = await await_status(run, str(second), {"active", "login_failed"})
    run.expect(seen[-1] == "active", "TONPO-ACC-180", "the second account does not get active", found=seen)
    answer = await run.call("getAccountInfo")
    run.expect(
        answer.status == 409 and answer.document.get("reason") == "account_ambiguous",
        "TONPO-ACC-270",
        "a call that could mean either account is not refused",
        expected="409 account_ambiguous",
        found=f"{answer.status} {answer.document.get('reason')}",
        at=answer,
    )
