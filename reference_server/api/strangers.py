"""What clients without a valid key may do, by address: public requests per minute, and refused keys per minute.

Every request counts as public unless authentication decides over it: it is for what needs a key, and a key can be read.

A valid key is served from any address at any time: someone who guesses must not be able to keep a bot that shares the
address from closing its positions. Beyond the limit a refused key is answered 429 in place of 401, and keys that are
not known are looked up one after the other, so that guessing costs the gateway little and everyone else nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from starlette.types import ASGIApp, Receive, Scope, Send

from reference_server.api.clients import UNKNOWN
from reference_server.api.failures import refuse
from reference_server.api.keys import key_of_request
from reference_server.api.node import claim_of
from reference_server.api.stream_query import key_of
from reference_server.api.websocket import deny
from reference_server.domain.addresses import client_network
from reference_server.domain.errors import AuthenticationFailed, GatewayError, RequestRateExceeded
from reference_server.domain.nodes import NODE_PATH
from reference_server.usecases.auditing import ORIGIN
from reference_server.usecases.ports import Clock, RateLimiter

Key = TypeVar("Key")
"""What is shown: an API key, or what a node agent shows."""
Known = TypeVar("Known")
"""Whose it is."""

NeedsKey = Callable[[Scope], bool]
"""Whether an HTTP request is for an operation that needs a key."""

_MOST_OVER = 10_000


@dataclass(frozen=True, slots=True)
class PublicLimit:
    """How many requests without a usable key an address has per minute, and which requests need a key at all."""

    limiter: RateLimiter
    per_minute: int
    needs_key: NeedsKey


class PublicRate:
    """Counts the requests over which authentication will not decide, and refuses them beyond the address's minute."""

    def __init__(self, app: ASGIApp, limit: PublicLimit) -> None:
        self._app = app
        self._limiter = limit.limiter
        self._per_minute = limit.per_minute
        self._needs_key = limit.needs_key

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Pass the request on, or answer 429."""
        if carries_key(scope) and self._asks_for_key(scope):
            return self._app(scope, receive, send)
        return self._count(scope, receive, send)

    async def _count(self, scope: Scope, receive: Receive, send: Send) -> None:
        decision = self._limiter.hit(f"public:{_network()}", self._per_minute)
        if decision.allowed:
            await self._app(scope, receive, send)
            return
        error = RequestRateExceeded(
            f"Too many requests without a key: {self._per_minute} per minute and address are allowed.",
            retry_after_seconds=decision.reset_seconds,
        )
        if scope["type"] == "http":
            await refuse(error, scope, receive, send)
        else:
            await receive()  # websocket.connect
            await deny(error, scope, send)

    def _asks_for_key(self, scope: Scope) -> bool:
        if scope["type"] == "http":
            return self._needs_key(scope)
        path: str = scope["path"]
        return path in ("/ws", NODE_PATH)


def carries_key(scope: Scope) -> bool:
    """Whether authentication can read a key from this request, be it a valid one or not."""
    try:
        if scope["type"] == "http":
            key_of_request(scope)
        elif scope["path"] == NODE_PATH:
            claim_of(scope["headers"])
        else:
            key_of(scope)
    except GatewayError:
        return False
    return True


class GuardedAuthentication(Generic[Key, Known]):
    """Authenticates, and counts refused keys by client address.

    `recognised` returns whose a key is that was looked up a moment ago, without a look-up.
    """

    def __init__(
        self,
        authenticate: Callable[[Key], Awaitable[Known]],
        recognised: Callable[[Key], Known | None],
        limiter: RateLimiter,
        clock: Clock,
        per_minute: int,
    ) -> None:
        self._authenticate = authenticate
        self._recognised = recognised
        self._limiter = limiter
        self._clock = clock
        self._per_minute = per_minute
        self._over: dict[str, float] = {}  # until when an address has used up its minute
        self._lane = asyncio.Lock()

    async def __call__(self, key: Key) -> Known:
        """Whose the key is. Raises AuthenticationFailed, RequestRateExceeded."""
        known = self._recognised(key)
        if known is not None:
            return known
        if self._over and self._is_over(_network()):
            async with self._lane:
                return await self._counted(key)
        return await self._counted(key)

    async def _counted(self, key: Key) -> Known:
        try:
            return await self._authenticate(key)
        except AuthenticationFailed:
            network = _network()
            decision = self._limiter.hit(f"failed:{network}", self._per_minute)
            if decision.allowed:
                raise
            if len(self._over) >= _MOST_OVER:
                self._over.clear()
            self._over[network] = self._clock.monotonic() + decision.reset_seconds
            raise RequestRateExceeded(
                f"Too many refused keys: {self._per_minute} per minute and address are answered.",
                retry_after_seconds=decision.reset_seconds,
            ) from None

    def _is_over(self, network: str) -> bool:
        until = self._over.get(network)
        if until is None:
            return False
        if until <= self._clock.monotonic():
            del self._over[network]
            return False
        return True


def _network() -> str:
    return client_network(ORIGIN.get().address or UNKNOWN)
