"""Remove what the run created, and prove that it is gone."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from conformance.client import Client
from conformance.contract import ACCOUNT_HEADER
from conformance.errors import CheckSignal
from conformance.exchange import Exchange, Headers, Transcript
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
    by_account: dict[str | None, list[Holding]] = {}
    for one in client.holdings.tickets.values():
        if one.user is user and not _is_deleted(client, user, one.account_id):
            by_account.setdefault(one.account_id, []).append(one)
    for account_id, mine in by_account.items():
        selection = () if account_id is None else ((ACCOUNT_HEADER, account_id),)
        remover = _Remover(client, user, selection, transcript, found)
        await _guarded(remover.remove(mine), found, f"tickets of {user.label}")
    for owner, account in client.holdings.accounts:
        if owner is user and not account.is_deleted:
            await _guarded(_delete_account(client, user, account, transcript, found), found, f"account {account.id}")


async def _guarded(work: Awaitable[None], found: _Findings, what: str) -> None:
    try:
        await work
    except CheckSignal as problem:
        found.residue.append(f"{what} ({problem})")


def _is_deleted(client: Client, user: User, account_id: str | None) -> bool:
    account = user.account if account_id is None else client.holdings.account(account_id)
    return account is not None and account.is_deleted


@dataclass(frozen=True, slots=True)
class _Remover:
    """Removes the run's orders and positions from one account, which `selection` names."""

    client: Client
    user: User
    selection: Headers
    transcript: Transcript
    found: _Findings

    async def remove(self, holdings: list[Holding]) -> None:
        """Cancel what is pending, close what is open, look again, and tell what is left."""
        pending = await self._listed("listOrders", "orders")
        for one in holdings:
            if one.ticket in pending:
                await self._call("cancelOrder", path={"ticket": one.ticket})
                self.found.count("orders")
        opened = await self._listed("listPositions", "positions")
        for one in holdings:
            if one.ticket in opened:
                await self._call("closePosition", body={"ticket": one.ticket})
                self.found.count("positions")
        still_pending = await self._listed("listOrders", "orders") if pending else set()
        still_open = await self._listed("listPositions", "positions") if opened else set()
        can_cancel = "cancelOrder" in self.client.contract.operations
        for one in holdings:
            self.client.holdings.forget(one)
            if one.ticket in still_open:
                self.found.residue.append(f"position {one.ticket} of {self.user.label}")
            elif one.ticket in still_pending:
                self.found.residue.append(f"order {one.ticket} of {self.user.label}")
            elif one.kind == "order" and not self.client.target.is_sandbox and not can_cancel:
                what = f"order {one.ticket} of {self.user.label}"
                self.found.residue.append(f"{what}, which core has no operation to cancel")

    async def _listed(self, operation: str, rows: str) -> set[int]:
        """Return the tickets that are listed; none where the gateway does not claim the operation."""
        if operation not in self.client.contract.operations:
            return set()
        exchange = await self._call(operation)
        return {row["ticket"] for row in exchange.rows(rows) if isinstance(row.get("ticket"), int)}

    async def _call(self, operation: str, **members: Any) -> Exchange:
        return await self.client.call(
            operation, self.transcript, user=self.user, headers=self.selection, **members
        )  # fmt: skip


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
