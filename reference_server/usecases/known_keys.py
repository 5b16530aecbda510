"""Keys that were looked up a moment ago, with their users: most requests come with one of these."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

from reference_server.domain.user import User
from reference_server.usecases.ports import Clock

_SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class KeyCache:
    """How many users' keys are kept in memory, and for how many seconds.

    A change made by another process (a plan, a key) stays unseen for `operator_changes.POLL_SECONDS`; this time bounds
    it only where the log that tells of the change cannot be read.
    """

    capacity: int = 10_000
    seconds: float = 5.0


class KnownKeys:
    """Keeps fingerprints, never keys: BLAKE2b under a secret of this process, a fraction of a stored digest's price."""

    def __init__(self, clock: Clock, limits: KeyCache) -> None:
        self._clock = clock
        self._limits = limits
        self._keyed = hashlib.blake2b(key=secrets.token_bytes(_SECRET_BYTES))
        self._users: dict[bytes, tuple[User, float]] = {}
        self.forgotten = 0
        """How often users were forgotten: who looks a key up meanwhile must not keep what was found."""

    def user_of(self, clear_key: str) -> User | None:
        """The user of a key that is kept; None for any other."""
        known = self._users.get(self._fingerprint(clear_key))
        return known[0] if known is not None and self._clock.monotonic() < known[1] else None

    def keep(self, clear_key: str, user: User, since: float) -> None:
        """Keep a key whose look-up began at `since`, in place of the oldest where there are too many."""
        fingerprint = self._fingerprint(clear_key)
        self._users.pop(fingerprint, None)
        if len(self._users) >= self._limits.capacity:
            del self._users[next(iter(self._users))]
        self._users[fingerprint] = (user, since + self._limits.seconds)

    def forget(self, user_id: str) -> None:
        """Keep none of the user's keys any longer."""
        self.forgotten += 1
        for fingerprint in [one for one, (user, _) in self._users.items() if user.user_id == user_id]:
            del self._users[fingerprint]

    def _fingerprint(self, clear_key: str) -> bytes:
        keyed = self._keyed.copy()
        keyed.update(clear_key.encode("utf-8", "surrogatepass"))
        return keyed.digest()
