"""Users and their one API key: registration, authentication, rotation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from reference_server.domain.addresses import client_network
from reference_server.domain.audit import AuditAction
from reference_server.domain.errors import (
    ApiKeyInvalid,
    ApiKeyMissing,
    RegistrationClosed,
    RegistrationRateExceeded,
)
from reference_server.domain.ids import RANDOM_BYTES, new_user_id
from reference_server.domain.plans import Plan
from reference_server.domain.user import User
from reference_server.usecases.auditing import Auditor
from reference_server.usecases.known_keys import KeyCache, KnownKeys
from reference_server.usecases.ports import ApiKeys, Clock, Entropy, RateLimiter, Users

KeyRevoked = Callable[[str], None]
"""Told the id of a user whose key has just stopped working; must not block or raise."""

KeyRefused = Callable[[], None]
"""Told of each request with a key that is nobody's; must not block or raise."""


@dataclass(frozen=True, slots=True)
class Registration:
    """The operator's choices for `POST /api/users`, which is public. The rate is per client address and minute."""

    default_plan: Plan
    is_open: bool = True
    per_minute: int = 60


class UserUseCases:
    """What can be done with users."""

    def __init__(
        self,
        stored: Users,
        keys: ApiKeys,
        limiter: RateLimiter,
        clock: Clock,
        entropy: Entropy,
        registration: Registration,
        *,
        cache: KeyCache | None = None,
    ) -> None:
        self._stored = stored
        self._keys = keys
        self._limiter = limiter
        self._clock = clock
        self._entropy = entropy
        self._registration = registration
        self._auditor = Auditor(clock)
        self._known = KnownKeys(clock, cache or KeyCache())
        self.on_key_revoked: list[KeyRevoked] = []
        self.on_key_refused: list[KeyRefused] = []

    async def create_user(self, client_address: str) -> tuple[User, str]:
        """Register a user on the default plan and return it with its key in clear, which is kept nowhere.

        Raises RegistrationClosed, RegistrationRateExceeded. Source: Tonpo docs, "POST /api/users".
        """
        if not self._registration.is_open:
            raise RegistrationClosed
        decision = self._limiter.hit(f"registration:{client_network(client_address)}", self._registration.per_minute)
        if not decision.allowed:
            raise RegistrationRateExceeded(retry_after_seconds=max(1.0, decision.reset_seconds))
        now_ms = self._clock.now_ms()
        user_id = new_user_id(now_ms, self._entropy(RANDOM_BYTES))
        user = User(user_id, self._registration.default_plan, now_ms)
        key = self._keys.mint()
        detail = f"plan {user.plan.name}"
        entry = self._auditor.entry(AuditAction.USER_CREATED, actor=user_id, subject=user_id, detail=detail)
        await self._stored.add(user, key, entry=entry)
        return user, key.clear

    async def authenticate(self, clear_key: str | None) -> User:
        """The user whose key this is. Raises ApiKeyMissing, ApiKeyInvalid."""
        if not clear_key:
            raise ApiKeyMissing
        known = self._known.user_of(clear_key)
        if known is not None:
            return known
        forgotten, since = self._known.forgotten, self._clock.monotonic()
        digests = self._keys.digests(clear_key)
        user = await self._stored.by_key_digests(digests) if digests else None
        if user is None:
            self._refuse()
        if forgotten == self._known.forgotten:  # else this key may have been revoked while it was looked up
            self._known.keep(clear_key, user, since)
        return user

    def recognised(self, clear_key: str) -> User | None:
        """The user of a key that was looked up a moment ago, without a look-up; None for any other key."""
        return self._known.user_of(clear_key)

    async def get_current_user(self, user: User) -> User:
        """The caller's own profile. Source: Tonpo docs, "GET /api/users/me"."""
        return user

    async def rotate_api_key(self, user: User) -> str:
        """Replace the user's key and return the new one in clear; the old one stops working at once.

        Tells `on_key_revoked`, so that sockets opened with the old key close.
        Source: Tonpo docs, "POST /api/users/me/rotate-key".
        """
        key = self._keys.mint()
        entry = self._auditor.entry(AuditAction.KEY_ROTATED, actor=user.user_id, subject=user.user_id)
        try:
            await self._stored.replace_key(user.user_id, key, entry=entry)
        finally:  # also when it is not known whether the old key still works
            self.forget(user.user_id)
        self.key_ended(user.user_id)
        return key.clear

    def key_ended(self, user_id: str) -> None:
        """A user's key has stopped working, here or in another process: forget it and tell `on_key_revoked`."""
        self.forget(user_id)
        for listener in tuple(self.on_key_revoked):
            listener(user_id)

    def forget(self, user_id: str) -> None:
        """Ask storage again at the user's next request."""
        self._known.forget(user_id)

    def _refuse(self) -> NoReturn:
        for listener in tuple(self.on_key_refused):
            listener()
        raise ApiKeyInvalid
