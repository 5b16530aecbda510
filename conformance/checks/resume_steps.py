"""Steps that checks of numbered account events take: the state first, then events by their numbers."""

from typing import Any

from conformance.checks.stream_steps import MARKET_DATA, fence, patience
from conformance.context import CheckContext
from conformance.stream import Message, Stream

__all__ = ["ACCOUNT_EVENTS", "account_events", "await_snapshot", "greeted", "is_seq", "last_seq", "told_of"]

ACCOUNT_EVENTS = ("position", "orderResult", "account", "accountStatus")


def is_seq(value: object) -> bool:
    """Say whether a JSON value can be the number of an account event."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def account_events(stream: Stream) -> list[Message]:
    """Return the account events received so far; those of other capabilities only where they are numbered, too."""
    return [
        message
        for message in stream.received()
        if message.get("type") in ACCOUNT_EVENTS[:3] or (message.get("type") == "accountStatus" and "seq" in message)
    ]


def told_of(stream: Stream) -> list[Message]:
    """Return everything received so far that is of the account: its states, its events and market data."""
    kinds = ("snapshot", *ACCOUNT_EVENTS, *MARKET_DATA)
    return [message for message in stream.received() if message.get("type") in kinds]


def last_seq(stream: Stream) -> int | None:
    """Return the number of the last account event or snapshot received so far."""
    numbers: list[Any] = [message.get("seq") for message in told_of(stream) if is_seq(message.get("seq"))]
    return numbers[-1] if numbers else None


async def await_snapshot(run: CheckContext, stream: Stream) -> Message:
    """Take the next snapshot. Raises CouldNotRun without one: another check judges that."""
    found = await stream.wait_for("snapshot", within=patience(run))
    if found is None or not is_seq(found.get("seq")):
        run.could_not_run("no snapshot with seq comes on connecting, and the check begins with it")
    return found


async def greeted(run: CheckContext, stream: Stream) -> Message:
    """Take the first snapshot, and let what was on its way arrive. Raises as `await_snapshot`."""
    found = await await_snapshot(run, stream)
    await fence(run, stream)
    return found
