"""Rotation of API keys."""

from conformance.catalogue import check
from conformance.checks.steps import listed_ids, status_of
from conformance.context import CheckContext
from conformance.holdings import User

REVOKED = 4401


async def _rotate(run: CheckContext, user: User, body: dict[str, object] | None = None) -> str:
    """Rotate a user's key and return the old one, which is known to have worked."""
    old = user.api_key
    answer = await run.call("rotateApiKey", user=user, body=body)
    run.require_status(answer, 200, 201, requirement="TONPO-KEY-010")
    new = answer.document.get("api_key")
    run.require(
        isinstance(new, str) and new not in ("", old),
        "TONPO-KEY-010",
        "rotation returns no new key",
        expected="a non-empty api_key other than the old one",
        at=answer,
    )
    return old


async def _expect_dead(run: CheckContext, key: str) -> None:
    answer = await run.call("getCurrentUser", api_key=key)
    run.expect_status(answer, 401, requirement="TONPO-KEY-020", message="a rotated key is still accepted")


@check(
    id="keys.rotation",
    title="Rotation replaces the key at once and leaves user and accounts as they are",
    requirements=(
        "TONPO-KEY-010",
        "TONPO-KEY-020",
        "TONPO-KEY-030",
        "TONPO-KEY-050",
        "TONPO-KEY-060",
        "TONPO-AUTH-030",
    ),
    needs=("disposable_account",),
    effects="account",
)
async def rotation(run: CheckContext) -> None:
    """Rotate twice; after each, use the old key, then the new one."""
    user, account = run.disposable_user, run.disposable_account.id
    profile = (await run.call("getCurrentUser", user=user)).document
    accounts = await listed_ids(run, user)
    status = (await status_of(run, account, user)).document.get("status")
    first = await _rotate(run, user)
    await _expect_dead(run, first)
    mine = await run.call("getCurrentUser", user=user)
    run.require_status(mine, 200, requirement="TONPO-AUTH-030", message="the new key is not accepted")
    run.expect(
        mine.document.get("user_id") == profile.get("user_id"),
        "TONPO-KEY-030",
        "the new key is another user's",
        expected=profile.get("user_id"),
        found=mine.document.get("user_id"),
    )
    run.expect(
        await listed_ids(run, user) == accounts,
        "TONPO-KEY-050",
        "the accounts are others after rotation",
        expected=sorted(accounts),
    )
    after = (await status_of(run, account, user)).document.get("status")
    run.expect(after == status, "TONPO-KEY-050", "rotation changed the account", expected=status, found=after)
    second = user.api_key
    answer = await run.call("rotateApiKey", user=user, body={})
    run.require_status(
        answer, 200, 201, requirement="TONPO-KEY-060", message="a key that came from rotation cannot be rotated"
    )
    await _expect_dead(run, first)
    await _expect_dead(run, second)
    mine = await run.call("getCurrentUser", user=user)
    run.expect(
        mine.status == 200 and mine.document.get("user_id") == profile.get("user_id"),
        "TONPO-KEY-060",
        "the second rotated key is not the user's",
        found=mine.status,
    )


@check(
    id="keys.rotation-and-streams",
    title="Rotation ends the old key on the WebSocket too",
    requirements=("TONPO-KEY-010", "TONPO-KEY-040", "TONPO-KEY-080"),
    needs=("disposable_user",),
    effects="account",
)
async def rotation_and_streams(run: CheckContext) -> None:
    """Open a socket, rotate, watch the socket, and ask for another with the old key in both places."""
    user = run.disposable_user
    async with run.stream(user=user) as stream:
        old = await _rotate(run, user)
        for in_query in (False, True):
            answer = await run.handshake(api_key=old, in_query=in_query)
            place = "query" if in_query else "header"
            run.expect(
                answer.status != 101,
                "TONPO-KEY-040",
                f"the WebSocket accepts a rotated key in the {place}",
                expected="a refusal",
                found=answer.status,
                at=answer,
            )
        code = await stream.wait_closed(within=min(2.0, run.target.timeouts.stream_message))
    run.expect(
        code == REVOKED,
        "TONPO-KEY-080",
        "a socket that was opened with the rotated key was not closed with 4401",
        expected=REVOKED,
        found="still open" if code is None else code,
    )
    fresh = await run.handshake(user=user)
    run.expect(
        fresh.status == 101, "TONPO-KEY-040", "the WebSocket does not know the new key either", found=fresh.status
    )
