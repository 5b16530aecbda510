"""Look for capabilities that a gateway has and does not claim: a remark for its operator, and no judgement."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from urllib.parse import quote

from conformance.client import Client
from conformance.errors import CheckSignal
from conformance.exchange import Exchange, Transcript
from conformance.holdings import User
from conformance.wire import Outgoing

__all__ = ["find_unclaimed"]

UNUSED_KEY = "conformance-never-used"


@dataclass(frozen=True, slots=True)
class _Probe:
    """A request that only reads, and what its answer looks like where the capability is there.

    The path may hold `{account_id}`, `{symbol}` and `{key}`. Capabilities that show only in what trades, or on the
    stream, have none.
    """

    capability: str
    path: str
    is_there: Callable[[Exchange], bool]


def _lists(name: str) -> Callable[[Exchange], bool]:
    return lambda answer: answer.status == 200 and isinstance(answer.document.get(name), list)


def _has_specification(answer: Exchange) -> bool:
    return answer.status == 200 and {"digits", "volumeMin", "volumeStep"} <= set(answer.document)


PROBES = (
    _Probe("account-selection", "/api/accounts/{account_id}", lambda answer: answer.status == 200
           and "account_id" in answer.document),
    _Probe("idempotency", "/api/orders/requests/{key}", lambda answer: answer.status == 404
           and answer.document.get("reason") == "request_not_found"),
    _Probe("pending-orders", "/api/orders", _lists("orders")),
    _Probe("history", "/api/history/deals?from=0&to=1", _lists("deals")),
    _Probe("candles", "/api/symbols/{symbol}/candles?timeframe=M1&limit=1", _lists("candles")),
    _Probe("symbol-specification", "/api/symbols/{symbol}", _has_specification),
    _Probe("rate-limit-headers", "/api/users/me", lambda answer: answer.status == 200
           and answer.header("RateLimit") is not None and answer.header("RateLimit-Policy") is not None),
)  # fmt: skip


async def find_unclaimed(client: Client, capabilities: Collection[str], transcript: Transcript) -> tuple[str, ...]:
    """Return those of the capabilities, all unclaimed, whose probe is answered as if they were there.

    Asks as a user with an active account, and asks nothing when the run knows none.
    """
    user = _witness(client.holdings.users)
    if user is None or user.account is None:
        return ()
    found = []
    for probe in PROBES:
        if probe.capability in capabilities and await _is_there(client, user, probe, transcript):
            found.append(probe.capability)
    return tuple(found)


def _witness(users: Iterable[User]) -> User | None:
    usable = [one for one in users if one.account is not None and one.account.is_active]
    return max(usable, key=lambda user: user.pacer.free, default=None)


async def _is_there(client: Client, user: User, probe: _Probe, transcript: Transcript) -> bool:
    """Send one probe; no answer, or a refusal to answer now, says nothing."""
    assert user.account is not None
    values = {"account_id": user.account.id, "symbol": client.target.symbol, "key": UNUSED_KEY}
    path = probe.path.format(**{name: quote(value, safe="") for name, value in values.items()})
    outgoing = Outgoing("GET", path, (("X-API-Key", user.api_key),), user=user.label)
    try:
        return probe.is_there(await client.send(outgoing, transcript, user=user))
    except CheckSignal:
        return False
