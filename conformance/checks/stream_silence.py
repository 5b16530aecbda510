"""Connections on which nothing happens, and accounts that are not connected yet."""

from conformance.catalogue import check
from conformance.checks.resume_steps import await_snapshot, is_seq, last_seq
from conformance.checks.steps import account_body, await_status
from conformance.checks.stream_steps import patience
from conformance.context import CheckContext
from conformance.stream import Message

ALIVE, UNKNOWN, AGAIN = "TONPO-RES-050", "TONPO-RES-080", "TONPO-RES-100"

LONGEST_SILENCE_SECONDS = 15.0


@check(
    id="resume.heartbeat",
    title="A silent connection gets heartbeats, which tell the number of the last account event",
    requirements=(ALIVE,),
    effects="account",
    needs=("disposable_account",),
    alongside=True,
)
async def heartbeat(run: CheckContext) -> None:
    """Connect, and wait as long as a connection may be silent."""
    async with run.stream() as stream:
        await await_snapshot(run, stream)
        within = LONGEST_SILENCE_SECONDS + patience(run)
        beat = run.require_message(await stream.wait_for("heartbeat", within=within), ALIVE, "heartbeat", within)
        known = last_seq(stream)
        run.expect(
            beat.get("seq") == known,
            ALIVE,
            "the heartbeat's seq is not the number of the last account event",
            expected=known,
            found=beat,
        )


@check(
    id="resume.unconnected",
    title="The state of an account that is not connected has no figures; they come when it is active",
    requirements=(UNKNOWN, AGAIN),
    effects="account",
    needs=("disposable_user",),
)
async def unconnected(run: CheckContext) -> None:
    """Provision an account, connect before it is active, and wait for the state that then follows."""
    created = await run.call("createAccount", body=account_body(run.fresh_credentials()))
    account_id = created.document.get("account_id")
    if not isinstance(account_id, str):
        run.could_not_run("no account could be provisioned")
    async with run.stream() as stream:
        state = await await_snapshot(run, stream)
        if state.get("status") == "active":
            run.not_applicable("the account was active before a connection could be made")
        known = [name for name in ("account", "positions") if name in state]
        run.expect(not known, UNKNOWN, f"the state of an account that is {state.get('status')} has figures",
                   expected="neither account nor positions", found=state)  # fmt: skip
        seen = await await_status(run, account_id, {"active", "login_failed"})
        if seen[-1] != "active":
            run.could_not_run(f"the account became {seen[-1]}")
        whole = await stream.wait_for("snapshot", where=_has_figures, within=patience(run))
        run.expect(
            whole is not None and is_seq(whole.get("seq")),
            AGAIN,
            "the account became active, and no state with figures came",
            expected="snapshot with account and positions",
            found=stream.received("snapshot"),
        )


def _has_figures(message: Message) -> bool:
    return isinstance(message.get("account"), dict) and isinstance(message.get("positions"), list)
