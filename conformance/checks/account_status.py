"""`accountStatus`: each change of an account's state, to whom it concerns and to nobody else."""

from conformance.catalogue import check
from conformance.checks.steps import account_body, await_status, status_of
from conformance.checks.stream_steps import fence, patience
from conformance.context import CheckContext
from conformance.stream import Message, Stream

TOLD, AGREES, PRIVATE, UNBOUND = "TONPO-STAT-010", "TONPO-STAT-020", "TONPO-STAT-030", "TONPO-STAT-040"


async def _status(run: CheckContext, stream: Stream, account_id: str, **facts: object) -> Message | None:
    """Take the first accountStatus of an account that does not contradict these facts."""

    def fits(message: Message) -> bool:
        is_its = message.get("account_id") == account_id
        return is_its and all(message.get(name, wanted) == wanted for name, wanted in facts.items())

    return await stream.wait_for("accountStatus", where=fits, within=patience(run))


@check(
    id="status.changes",
    title="Pausing, resuming and deleting an account are told on its connections, as REST has them",
    requirements=(TOLD, AGREES),
    effects="account",
    needs=("disposable_account",),
)
async def changes(run: CheckContext) -> None:
    """Pause, resume and delete with a connection open; compare each message with the status that follows."""
    account_id = run.disposable_account.id
    async with run.stream() as stream:
        await fence(run, stream)
        for operation, facts in (
            ("pauseAccount", {"paused": True}),
            ("resumeAccount", {"paused": False}),
            ("deleteAccount", {"status": "deleted"}),
        ):
            await run.call(operation, path={"account_id": account_id})
            message = await _status(run, stream, account_id, **facts)
            if not run.expect(
                message is not None,
                TOLD,
                f"{operation} yields no accountStatus that says so",
                expected={"account_id": account_id, **facts},
                found=stream.received("accountStatus") or "no accountStatus",
            ):
                continue
            assert message is not None
            run.expect(isinstance(message.get("status"), str), TOLD, "the message has no status", found=message)
            await _expect_as_rest(run, message, account_id)


async def _expect_as_rest(run: CheckContext, message: Message, account_id: str) -> None:
    answer = await status_of(run, account_id)
    if answer.status == 404:  # some gateways forget deleted accounts
        run.expect(message.get("status") == "deleted", AGREES, "an account that REST does not know is told as another",
                   expected="deleted", found=message)  # fmt: skip
        return
    for name in ("status", "paused"):
        if name in message and name in answer.document:
            run.expect(
                message[name] == answer.document[name],
                AGREES,
                f"{name} of the message is not the one that REST gives afterwards",
                expected=answer.document[name],
                found=message,
            )


@check(
    id="status.provisioning",
    title="A connection made before there is an account hears how one is provisioned and connected",
    requirements=(TOLD, UNBOUND),
    effects="account",
    needs=("disposable_user",),
)
async def provisioning(run: CheckContext) -> None:
    """Connect without an account, provision one, and wait until it is told as active."""
    async with run.stream() as stream:
        await fence(run, stream)
        created = await run.call("createAccount", body=account_body(run.fresh_credentials()))
        account_id = created.document.get("account_id")
        if not isinstance(account_id, str):
            run.could_not_run("no account could be provisioned")
        seen = await await_status(run, account_id, {"active", "login_failed"})
        if seen[-1] != "active":
            run.could_not_run(f"the account became {seen[-1]}")
        active = await _status(run, stream, account_id, status="active")
        run.expect(
            active is not None,
            UNBOUND,
            "a connection that was there before the account did not hear that it became active",
            expected={"account_id": account_id, "status": "active"},
            found=stream.received("accountStatus") or "no accountStatus",
        )
        states = [one.get("status") for one in stream.received("accountStatus") if one.get("account_id") == account_id]
        missed = [state for state in seen if state not in ("", "created", *states)]
        if states:
            run.expect(not missed, TOLD, "REST showed states that the connection did not hear of",
                       expected=seen, found=states)  # fmt: skip


@check(
    id="status.private",
    title="The states of an account are told to nobody else",
    requirements=(PRIVATE,),
    effects="account",
    needs=("disposable_account", "second_user"),
)
async def private(run: CheckContext) -> None:
    """Pause an account while its owner and a stranger are connected."""
    account_id = run.disposable_account.id
    async with run.stream(name="owner") as own, run.stream(user=run.second_user, name="stranger") as strange:
        await fence(run, own)
        await fence(run, strange)
        await run.call("pauseAccount", path={"account_id": account_id})
        if await _status(run, own, account_id, paused=True) is None:
            run.could_not_run("pausing yields no accountStatus for the owner")
        await fence(run, strange)
        heard = [one for one in strange.received("accountStatus") if one.get("account_id") == account_id]
        run.expect(not heard, PRIVATE, "another user hears of the account's state", found=heard)
