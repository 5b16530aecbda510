"""Gateways that do not keep the plans' limits."""

import time
from typing import Any

from aiohttp import web

from tests.conformance.faults.accounts import RoomForSeveral
from tests.conformance.faults.registering import fault, faults_of
from tests.conformance.unusual_gateway import REQUESTS_PER_MINUTE, Handler, Owner, Problem, UnusualGateway


class Bucket(UnusualGateway):
    """A correct gateway whose limit refills by the second instead of by the minute."""

    def count_request(self, owner: Owner) -> None:
        now = time.monotonic()
        while owner.asked and owner.asked[0] <= now:
            owner.asked.popleft()
        if len(owner.asked) >= REQUESTS_PER_MINUTE:
            raise Problem(429, "slow down", {"Retry-After": str(int(owner.asked[0] - now) + 1)})
        seconds = 60 / REQUESTS_PER_MINUTE
        owner.asked.append(max(now, owner.asked[-1] if owner.asked else now) + seconds)


class _LimitOf(UnusualGateway):
    """Allows fewer requests or trades than the plan has."""

    requests, trades = 60, 10

    def count_request(self, owner: Owner) -> None:
        super().count_request(owner)
        if len(owner.asked) > self.requests:
            raise Problem(429, "slow down", {"Retry-After": "60"})

    async def order(self, owner: Owner, request: web.Request) -> Any:
        if owner.trades >= self.trades:
            raise Problem(429, "enough for today", {"Retry-After": "3600"})
        return await super().order(owner, request)


@fault("limits.requests-per-minute", "LIM-010")
class NoLimitOfRequests(UnusualGateway):
    def count_request(self, owner: Owner) -> None:
        return


@fault("limits.requests-per-minute", "LIM-020")
class OneRequestLess(_LimitOf):
    requests = 59


@fault("limits.requests-per-minute", "LIM-030")
class RetryAfterAsADate(UnusualGateway):
    def refusal(self, status: int, text: str, headers: dict[str, str]) -> web.Response:
        late = {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"} if status == 429 else headers
        return super().refusal(status, text, late)


@fault("limits.requests-per-minute", "LIM-030")
class NoRetryAfter(UnusualGateway):
    def refusal(self, status: int, text: str, headers: dict[str, str]) -> web.Response:
        return super().refusal(status, text, {} if status == 429 else headers)


@fault("limits.served-again", "LIM-040", Bucket)
class RetryAfterIsTooShort(UnusualGateway):
    def refusal(self, status: int, text: str, headers: dict[str, str]) -> web.Response:
        return super().refusal(status, text, {"Retry-After": "1"} if status == 429 else headers)


@fault("limits.trades-per-day", "LIM-050")
class NoLimitOfTrades(UnusualGateway):
    async def order(self, owner: Owner, request: web.Request) -> Any:
        owner.trades = 0
        return await super().order(owner, request)


@fault("limits.trades-per-day", "LIM-060")
class OneTradeLess(_LimitOf):
    trades = 9


@fault("limits.trades-per-day", "LIM-070")
class OneTradeTooManyIsExecuted(UnusualGateway):
    async def order(self, owner: Owner, request: web.Request) -> Any:
        if owner.trades >= 10:
            self.desk(owner).broker.place(await self.body(request))
        return await super().order(owner, request)


@fault("limits.accounts", "LIM-080")
class TooManyAccountsAre400(UnusualGateway):
    async def create_account(self, owner: Owner, request: web.Request) -> Any:
        try:
            return await super().create_account(owner, request)
        except Problem as problem:
            raise Problem(400 if problem.status == 403 else problem.status, problem.text) from None


@fault("limits.accounts", "LIM-080")
class RefusedAccountsAreProvisioned(RoomForSeveral):
    async def create_account(self, owner: Owner, request: web.Request) -> Any:
        is_too_many = bool(owner.living())
        answer = await super().create_account(owner, request)
        if is_too_many:
            raise Problem(403, "one account per free user")
        return answer


@fault("limits.accounts", "LIM-080")
class MoreAccountsThanStated(RoomForSeveral):
    async def me(self, owner: Owner, request: web.Request) -> Any:
        return {**await super().me(owner, request), "limits": {"accounts": 2}}


@fault("limits.accounts", "LIM-090")
class DeletedAccountsCount(UnusualGateway):
    async def create_account(self, owner: Owner, request: web.Request) -> Any:
        if owner.terminals:
            raise Problem(403, "one account per free user")
        return await super().create_account(owner, request)


@fault("limits.requests-per-minute", "LIM-100")
class OneLimitForAll(UnusualGateway):
    is_full = False

    @web.middleware
    async def edge(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self.is_full and request.path.startswith("/api"):
            return self.refusal(429, "slow down", {"Retry-After": "1"})
        answer = await UnusualGateway.edge(self, request, handler)
        self.is_full = self.is_full or answer.status == 429
        return answer


@fault("limits.trades-per-day", "LIM-130")
class ClosingCountsAsATrade(UnusualGateway):
    async def close(self, owner: Owner, request: web.Request) -> Any:
        if owner.trades >= 10:
            raise Problem(429, "enough for today", {"Retry-After": "3600"})
        return await super().close(owner, request)


FAULTS = faults_of(globals())
