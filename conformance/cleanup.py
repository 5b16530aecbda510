"""Remove what the run created, and prove that it is gone."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from conformance.client import Client
from conformance.errors import CheckSignal
from conformance.exchange import Exchange, Transcript
from conformance.holdings import Account, Holding, User
from conformance.outcomes import CheckResult, Finding, Status
from conformance.requirements import Level

__all__ = ["clean_up"]

AREA = "cleanup"


@dataclass(slots=True)
class _Findings:
    """What was removed, and what could not be."""

    removed: dict[str, int] = field(default_factory=dict)
    residue: list[str] = field(default_factory=list)

    def count(self, what: str) -> None:
        self.removed[what] = self.removed.get(what, 0) + 1


async def clean_up(client: Client, notice: Callable[[str], None]) -> CheckResult:
    """Close the run's positions, cancel its orders and delete its accounts; return what is left as a result.

    Users stay: the contract has no operation that removes one.
    """
    transcript = Transcript()
    began = client.wire.clock()
    found = _Findings()
    holdings = client.holdings
    placed = len(holdings.tickets)
    accounts = [account for _, account in holdings.accounts if not account.is_deleted]
    if placed or accounts:
        notice(f"removing {placed} orders and positions, {len(accounts)} accounts")
    users = {id(user): user for user in (*holdings.users, *(user for user, _ in holdings.accounts))}
    await asyncio.gather(*(_clean_user(client, user, transcript, found) for user in users.values()))
    left = [f"{one.label} ({one.user_id})" for one in holdings.users if one.is_created_by_run]
    removed = ", ".join(f"{count} {what}" for what, count in found.removed.items()) or "nothing to remove"
    staying = f"; {len(left)} users stay, as no operation removes one" if left else ""
    return CheckResult(
        id=f"{AREA}.residue",
        area=AREA,
        title="Everything that the run created is removed",
        status=Status.WARN if found.residue else Status.PASS,
        reason=removed + staying,
        findings=tuple(Finding(None, Level.SHOULD, f"left behind: {one}") for one in found.residue),
        transcript=tuple(transcript.entries) if found.residue else (),
        duration_ms=(client.wire.clock() - began) * 1000,
    )


async def _clean_user(client: Client, user: User, transcript: Transcript, found: _Findings) -> None:
    """Remove what one user has. A gateway that still counts the run's requests says so with a 429, which is obeyed."""
    user.pacer.forget()
    mine = [one for one in client.holdings.tickets.values() if one.user is user]
    if mine and not (user.account and user.account.is_deleted):
        await _guarded(_remove_tickets(client, user, mine, transcript, found), found, f"tickets of {user.label}")
    for owner, account in client.holdings.accounts:
        if owner is user and not account.is_deleted:
            await _guarded(_delete_account(client, user, account, transcript, found), found, f"account {account.id}")


async def _guarded(work: Awaitable[None], found: _Findings, what: str) -> None:
    try:
        await work
    except CheckSignal as problem:
        found.residue.append(f"{what} ({problem})")


async def _remove_tickets(
    client: Client, user: User, holdings: list[Holding], transcript: Transcript, found: _Findings
) -> None:
    open_tickets = await _open_tickets(client, user, transcript)
    if "cancelOrder" in client.contract.operations:
        for one in [one for one in holdings if one.kind == "order" and one.ticket not in open_tickets]:
            answer = await client.call("cancelOrder", transcript, user=user, path={"ticket": one.ticket})
            if 200 <= answer.status < 300:
                found.count("orders")
    for one in holdings:
        if one.ticket in open_tickets:
            await client.call("closePosition", transcript, user=user, body={"ticket": one.ticket})
            found.count("positions")
    still_open = await _open_tickets(client, user, transcript) if open_tickets else set()
    for one in holdings:
        client.holdings.tickets.pop((id(user), one.ticket), None)
        if one.ticket in still_open:
            found.residue.append(f"position {one.ticket} of {user.label}")
        elif one.kind == "order" and not client.target.is_sandbox and "cancelOrder" not in client.contract.operations:
            found.residue.append(f"order {one.ticket} of {user.label}, which core has no operation to cancel")


async def _open_tickets(client: Client, user: User, transcript: Transcript) -> set[int]:
    exchange: Exchange = await client.call("listPositions", transcript, user=user)
    return {row["ticket"] for row in exchange.rows("positions") if isinstance(row.get("ticket"), int)}


async def _delete_account(
    client: Client, user: User, account: Account, transcript: Transcript, found: _Findings
) -> None:
    answer = await client.call("deleteAccount", transcript, user=user, path={"account_id": account.id})
    if not 200 <= answer.status < 300 and answer.status != 404:
        found.residue.append(f"account {account.id} of {user.label}: HTTP {answer.status} to its deletion")
        return
    listed = await client.call("listAccounts", transcript, user=user)
    rows = [row for row in listed.rows("accounts") if row.get("account_id") == account.id]
    if any(row.get("status") != "deleted" for row in rows):
        found.residue.append(f"account {account.id} of {user.label} is still listed as {rows[0].get('status')!r}")
    else:
        found.count("accounts")
