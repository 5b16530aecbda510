"""Steps that checks of several areas take: provisioning by hand, following a status, one minimal market order."""

import re
from itertools import chain, repeat
from typing import Any

from conformance.context import CheckContext
from conformance.exchange import Exchange
from conformance.holdings import User
from conformance.target import Credentials

__all__ = [
    "account_body",
    "await_status",
    "is_refused",
    "listed_ids",
    "market_order",
    "never_issued",
    "open_positions",
    "open_volume",
    "status_of",
]

POLL_SECONDS = (0.03, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5)
_CROCKFORD = "abcdefghjkmnpqrstvwxyz"


def account_body(credentials: Credentials, region: str | None = None) -> dict[str, Any]:
    """Return the body that provisions an account with these credentials."""
    body = {"mt5Login": credentials.login, "mt5Password": credentials.password, "mt5Server": credentials.server}
    return body if region is None else {**body, "region": region}


async def status_of(run: CheckContext, account_id: str, user: User | None = None) -> Exchange:
    """Ask for an account's status."""
    return await run.call("getAccountStatus", user=user, path={"account_id": account_id})


async def await_status(
    run: CheckContext, account_id: str, wanted: set[str], user: User | None = None, seconds: float | None = None
) -> list[str]:
    """Look at an account's status until it is one of `wanted` or time is up; return all that was seen, in order.

    The time is the target's patience with logins; it does not count against the check's deadline.
    """
    until = run.clock() + (run.target.timeouts.account_active if seconds is None else seconds)
    seen: list[str] = []
    for pause in chain(POLL_SECONDS, repeat(POLL_SECONDS[-1])):
        found = (await status_of(run, account_id, user)).document.get("status")
        state = found if isinstance(found, str) else ""
        if not seen or seen[-1] != state:
            seen.append(state)
        if state in wanted or run.clock() + pause > until:
            return seen
        await run.pause(pause)
    raise AssertionError("unreachable")


def never_issued(run: CheckContext, account_id: str) -> str:
    """Return an id of the same form as `account_id` that no gateway has issued: its last characters are others."""
    head, tail = account_id[:-10], account_id[-10:]
    is_hexadecimal = re.fullmatch(r"[0-9a-fA-F-]+", account_id) is not None
    letters = "abcdef" if is_hexadecimal else _CROCKFORD

    def another(character: str) -> str:
        if character.isdigit():
            return run.random.choice([one for one in "0123456789" if one != character])
        if character.isalpha():
            other = run.random.choice([one for one in letters if one != character.lower()])
            return other.upper() if character.isupper() else other
        return character

    return head + "".join(map(another, tail))


async def listed_ids(run: CheckContext, user: User | None = None) -> set[str]:
    """Return the ids of the accounts that a user's list holds and does not call deleted."""
    listed = await run.call("listAccounts", user=user)
    return {str(row.get("account_id")) for row in listed.rows("accounts") if row.get("status") != "deleted"}


def is_refused(answer: Exchange) -> bool:
    """Say whether a call that trades was refused: by an error status, or by 2xx with `success: false`."""
    return answer.status >= 400 or answer.document.get("success") is False


async def market_order(run: CheckContext, *, user: User | None = None, paced: bool = True) -> Exchange:
    """Send a buy at market of the least volume. With `paced=False` a 429 is handed back at once."""
    body = {"symbol": run.symbol, "side": "buy", "orderType": "market", "volume": run.volume}
    return await run.call("placeOrder", user=user, body=body, paced=paced)


async def open_positions(run: CheckContext, user: User | None = None) -> dict[int, float]:
    """Return the volume of each open position, by ticket."""
    listed = await run.call("listPositions", user=user)
    found = [(row.get("ticket"), row.get("volume")) for row in listed.rows("positions")]
    return {
        ticket: float(volume) for ticket, volume in found if isinstance(ticket, int) and isinstance(volume, int | float)
    }


async def open_volume(run: CheckContext, user: User | None = None) -> float:
    """Return the sum of all open volumes, rounded to the hundredth of a step: it also grows on a netting account."""
    return round(sum((await open_positions(run, user)).values()), 6)
