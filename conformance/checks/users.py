"""Users: created by anyone, told apart by their keys."""

from conformance.catalogue import check
from conformance.context import CheckContext
from conformance.exchange import Exchange


async def _created(run: CheckContext, body: dict[str, object] | None) -> Exchange:
    made = await run.call("createUser", body=body)
    if made.status == 403:
        run.could_not_run("registration is closed on this gateway")
    return made


@check(
    id="users.creation",
    title="A user is created with and without a body, each with an id and a key of its own",
    requirements=(
        "TONPO-USER-010",
        "TONPO-USER-020",
        "TONPO-USER-040",
        "TONPO-USER-050",
        "TONPO-HTTP-040",
    ),
    effects="account",
)
async def creation(run: CheckContext) -> None:
    """Create two users, compare them, and ask for the profile with each key."""
    known = [(one.user_id, one.api_key) for one in run.users if one.user_id is not None]
    made: list[tuple[object, object]] = []
    bodies: tuple[dict[str, object] | None, ...] = (None, {})
    for body in bodies:
        answer = await _created(run, body)
        sent = "without a body" if body is None else "with the body {}"
        run.expect_status(answer, 200, 201, requirement="TONPO-USER-040", message=f"no user can be created {sent}")
        user_id, key = answer.document.get("user_id"), answer.document.get("api_key")
        run.require(
            200 <= answer.status <= 201 and _is_text(user_id) and _is_text(key),
            "TONPO-USER-010",
            "the answer lacks user_id or api_key",
            expected="200 or 201 with two non-empty texts",
            found=f"{answer.status} with the fields {', '.join(answer.document)}",
            at=answer,
        )
        _expect_conventions(run, answer)
        made.append((user_id, key))
    ids, keys = [one for one, _ in [*known, *made]], [one for _, one in [*known, *made]]
    run.expect(made[0][0] != made[1][0] and len(set(ids)) == len(ids), "TONPO-USER-020", "two users share a user_id")
    run.expect(made[0][1] != made[1][1] and len(set(keys)) == len(keys), "TONPO-USER-020", "two users share a key")
    for user_id, key in made:
        mine = await run.call("getCurrentUser", api_key=str(key))
        run.require_status(mine, 200, requirement="TONPO-USER-050")
        run.expect(
            mine.document.get("user_id") == user_id,
            "TONPO-USER-050",
            "the profile is that of another user",
            expected=user_id,
            found=mine.document.get("user_id"),
            at=mine,
        )


def _expect_conventions(run: CheckContext, answer: Exchange) -> None:
    run.expect(answer.status == 201, "TONPO-HTTP-040", "a creation is not 201", found=answer.status, at=answer)
    for name, start in (("user_id", "usr_"), ("api_key", "sk_live_")):
        run.expect(
            str(answer.document.get(name)).startswith(start), "TONPO-HTTP-040", f"{name} does not start {start}",
            at=answer,
        )  # fmt: skip


@check(
    id="users.profile",
    title="A user's profile names the user and the plan",
    requirements=("TONPO-USER-050", "TONPO-USER-060", "TONPO-USER-070"),
    needs=("user",),
)
async def profile(run: CheckContext) -> None:
    """Ask for the profile twice."""
    first = await run.call("getCurrentUser")
    run.require_status(first, 200, requirement="TONPO-USER-050")
    again = await run.call("getCurrentUser")
    run.expect(
        _is_text(first.document.get("user_id")) and first.document["user_id"] == again.document.get("user_id"),
        "TONPO-USER-050",
        "the profile has no steady user_id",
        found=first.document,
    )
    run.expect(
        any("plan" in name.lower() and value not in (None, "", {}, []) for name, value in _fields(first.document)),
        "TONPO-USER-060",
        "the profile states no plan",
        expected="a field about the plan",
        found=first.document,
    )
    plan, limits = first.document.get("plan"), first.document.get("limits")
    run.expect(
        plan in ("free", "basic", "pro", "enterprise"),
        "TONPO-USER-070",
        "plan is none of the documented names",
        expected="free, basic, pro or enterprise",
        found=plan,
    )
    names = ("requests_per_minute", "trades_per_day", "accounts")
    run.expect(
        isinstance(limits, dict) and all(name in limits for name in names),
        "TONPO-USER-070",
        "the profile does not tell the plan's limits",
        expected=", ".join(names),
        found=limits,
    )


@check(
    id="users.profile-by-key",
    title="Each key gets its own user's profile",
    requirements=("TONPO-USER-050",),
    needs=("user", "second_user"),
)
async def profile_by_key(run: CheckContext) -> None:
    """Ask with two keys in turn."""
    found = [
        (await run.call("getCurrentUser", user=user)).document.get("user_id")
        for user in (run.user, run.second_user, run.user)
    ]
    run.expect(
        found[0] == found[2] and found[0] != found[1] and found[1] is not None,
        "TONPO-USER-050",
        "a profile is that of another key's user",
        found=found,
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _fields(node: object, name: str = "") -> list[tuple[str, object]]:
    if isinstance(node, dict):
        return [found for key, value in node.items() for found in [(str(key), value), *_fields(value)]]
    return [(name, node)] if name else []
