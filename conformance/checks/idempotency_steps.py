"""Steps that the checks of idempotency keys take: fresh keys, and whether two answers are the same."""

import secrets
from typing import Any

from conformance.context import CheckContext
from conformance.exchange import Exchange, Headers

__all__ = ["expect_conflict", "expect_replay", "fresh_key", "gist", "is_replayed", "keyed", "look_up"]

KEY_HEADER, REPLAYED_HEADER = "Idempotency-Key", "Idempotency-Replayed"
REPLAY = "TONPO-IDEM-010"

_MEMBERS = ("ticket", "success", "error", "retcode", "price", "volume", "type", "reason", "code")
"""What the answer to a trading call holds; a gateway may add what differs from answer to answer."""


def fresh_key(name: str) -> str:
    """Return a key that nobody has used: gateways keep them longer than a run lasts, so no seed may repeat one."""
    return f"conformance-{name}-{secrets.token_hex(8)}"


def keyed(key: str) -> Headers:
    """Return the header that makes a call repeatable."""
    return ((KEY_HEADER, key),)


def gist(answer: Exchange) -> dict[str, Any]:
    """Return what has to be the same in both answers."""
    found = {name: answer.document[name] for name in _MEMBERS if name in answer.document}
    return {"HTTP": answer.status, **found}


def is_replayed(answer: Exchange) -> bool:
    """Say whether an answer calls itself a stored one."""
    return (answer.header(REPLAYED_HEADER) or "").lower() == "true"


def expect_replay(run: CheckContext, first: Exchange, again: Exchange, what: str) -> bool:
    """Assert that an answer is the first one again, and says so."""
    is_same = run.expect(gist(again) == gist(first), REPLAY, f"{what} was not answered like the first time",
                         expected=gist(first), found=gist(again), at=again)  # fmt: skip
    return is_same and run.expect(is_replayed(again), REPLAY, f"{what} got an answer without {REPLAYED_HEADER}: true",
                                  expected="true", found=again.header(REPLAYED_HEADER), at=again)  # fmt: skip


def expect_conflict(run: CheckContext, answer: Exchange, requirement: str, what: str) -> bool:
    """Assert that a key that means another request is refused."""
    return run.expect(
        answer.status == 409 and answer.document.get("reason") == "idempotency_key_reused",
        requirement,
        f"{what} was not answered 409 idempotency_key_reused",
        expected="409 idempotency_key_reused",
        found=f"{answer.status} {answer.response.body[:200].decode(errors='replace')}",
        at=answer,
    )


async def look_up(run: CheckContext, key: str, **members: Any) -> Exchange:
    """Ask what became of the request with a key."""
    return await run.call("getOrderRequest", path={"key": key}, **members)
