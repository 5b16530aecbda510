"""What clients without a valid key may do, by address: requests per minute, and refused keys per minute.

A valid key is served from any address at any time: someone who guesses must not be able to keep a bot that shares the
address from closing its positions. Beyond the limit a refused key is answered 429 in place of 401, and keys that are
not known are looked up one after the other, so that guessing costs the gateway little and everyone else nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from reference_server.api.clients import UNKNOWN
from reference_server.api.failures import refuse
from reference_server.api.keys import Authenticate
from reference_server.api.websocket import deny
from reference_server.domain.addresses import client_network
from reference_server.domain.errors import ApiKeyInvalid, RequestRateExceeded
from reference_server.domain.user import User
from reference_server.usecases.auditing import ORIGIN
from reference_server.usecases.ports import Clock, RateLimiter

Recognised = Callable[[str], User | None]
"""Returns the user of a key that was looked up a moment ago, without a look-up."""

_MOST_OVER = 10_000


class PublicRate:
    """Counts requests that need no key or carry none, and refuses them when the address's minute is used up."""

    def __init__(self, app: ASGIApp, limiter: RateLimiter, per_minute: int) -> None:
        self._app = app
        self._limiter = limiter
        self._per_minute = per_minute

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 429."""
        if carries_key(scope):
            await self._app(scope, receive, send)
            return
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


def carries_key(scope: Scope) -> bool:
    """Whether authentication will decide over this request: it is for the API or the stream, and brings some key."""
    path: str = scope["path"]
    is_stream = path == "/ws"
    if not is_stream and not path.startswith("/api/"):
        return False
    for name, _ in scope["headers"]:
        if name == b"x-api-key":
            return True
    return is_stream and b"api_key=" in scope["query_string"]


class GuardedAuthentication:
    """Authenticates, and counts refused keys by client address."""

    def __init__(
        self, authenticate: Authenticate, recognised: Recognised, limiter: RateLimiter, clock: Clock, per_minute: int
    ) -> None:
        self._authenticate = authenticate
        self._recognised = recognised
        self._limiter = limiter
        self._clock = clock
        self._per_minute = per_minute
        self._over: dict[str, float] = {}  # until when an address has used up its minute
        self._lane = asyncio.Lock()

    async def __call__(self, key: str) -> User:
        """The user of the key. Raises ApiKeyInvalid, RequestRateExceeded."""
        if self._over and self._is_over(_network()):
            user = self._recognised(key)
            if user is not None:
                return user
            async with self._lane:
                return await self._counted(key)
        return await self._counted(key)

    async def _counted(self, key: str) -> User:
        try:
            return await self._authenticate(key)
        except ApiKeyInvalid:
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
