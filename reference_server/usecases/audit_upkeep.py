"""Failed authentications for the audit log, counted before they are written, and the end of old entries."""

from __future__ import annotations

from typing import Final

from reference_server.domain.addresses import client_network
from reference_server.domain.audit import NOBODY, AuditAction, AuditEntry
from reference_server.usecases.auditing import ORIGIN
from reference_server.usecases.ports import Audit, Clock

WRITE_SECONDS: Final = 60.0
PURGE_SECONDS: Final = 86_400.0
MOST_ADDRESSES: Final = 20
"""Entries a minute, whoever tries keys from however many addresses; the rest is counted together."""
MOST_FAILURES: Final = 100_000
"""Of these entries no more are kept: some 15 MB. An attacker must not be able to fill the disk."""

_OTHERS: Final = "others"
_DAY_MS: Final = 86_400_000


class FailedAuthentications:
    """Counts keys that were refused, by client address, and writes one entry a minute for each."""

    def __init__(self, audit: Audit, clock: Clock) -> None:
        self._audit = audit
        self._clock = clock
        self._counts: dict[str, int] = {}

    def note(self) -> None:
        """Count a refusal of the request that is being served."""
        address = client_network(ORIGIN.get().address or "unknown")
        if address not in self._counts and len(self._counts) >= MOST_ADDRESSES:
            address = _OTHERS
        self._counts[address] = self._counts.get(address, 0) + 1

    async def write(self) -> None:
        """Write what was counted since the last time."""
        counts, self._counts = self._counts, {}
        now_ms = self._clock.now_ms()
        action = AuditAction.AUTHENTICATION_FAILED
        for address, count in counts.items():
            detail = "once" if count == 1 else f"{count} times within a minute"
            await self._audit.add(AuditEntry(now_ms, NOBODY, action, "api_key", address=address, detail=detail))


class AuditPurge:
    """Removes what is older than `keep_days`, and the oldest failed authentications beyond their number."""

    def __init__(self, audit: Audit, clock: Clock, keep_days: int) -> None:
        self._audit = audit
        self._clock = clock
        self._keep_days = keep_days

    async def purge(self) -> None:
        """Do it once."""
        before_ms = self._clock.now_ms() - self._keep_days * _DAY_MS
        await self._audit.purge(before_ms=before_ms, failures=MOST_FAILURES)
