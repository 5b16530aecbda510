"""One account by its id: `GET /api/accounts/{account_id}`."""

from conformance.catalogue import check
from conformance.checks.steps import never_issued, status_of
from conformance.context import CheckContext
from conformance.exchange import Exchange
from conformance.holdings import User

STATUS = "TONPO-SEL-060"


@check(
    id="selection.one-account",
    title="An account can be read by its id, by its owner alone",
    requirements=(STATUS,),
    needs=("account", "second_user"),
)
async def one_account(run: CheckContext) -> None:
    """Read the account as its owner and as another user, and one that nobody has."""
    await _expect_same(run, run.account.id, run.user)
    strange = await run.call("getAccount", user=run.second_user, path={"account_id": run.account.id})
    run.expect_status(strange, 404, requirement=STATUS, message="another user's account is readable by its id")
    unknown = await run.call("getAccount", path={"account_id": never_issued(run, run.account.id)})
    run.expect_status(unknown, 404, requirement=STATUS, message="an unknown account is not 404")


@check(
    id="selection.account-follows",
    title="An account read by its id follows pause, resume and deletion as its status does",
    requirements=(STATUS,),
    needs=("disposable_account",),
    effects="account",
)
async def account_follows(run: CheckContext) -> None:
    """Pause, resume and delete, and compare both answers each time."""
    account_id = run.disposable_account.id
    for operation in ("pauseAccount", "resumeAccount", "deleteAccount"):
        await run.call(operation, path={"account_id": account_id})
        await _expect_same(run, account_id, run.disposable_user)


async def _expect_same(run: CheckContext, account_id: str, user: User) -> None:
    """Compare an account with its status; asked once more when they differ, as the status may change in between."""
    for is_last in (False, True):
        account = await run.call("getAccount", user=user, path={"account_id": account_id})
        status = await status_of(run, account_id, user)
        if is_last or _facts(account) == _facts(status):
            break
    run.expect(
        _facts(account) == _facts(status),
        STATUS,
        "the account and its status differ",
        expected=_facts(status),
        found=_facts(account),
        at=account,
    )
    if account.status == 200:
        run.expect(account.document.get("account_id") == account_id, STATUS, "the account has another id",
                   expected=account_id, found=account.json, at=account)  # fmt: skip


def _facts(answer: Exchange) -> dict[str, object]:
    names = ("status", "paused")
    return {"HTTP": answer.status} | {name: answer.document.get(name) for name in names if answer.status == 200}
