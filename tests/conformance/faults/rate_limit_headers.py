"""Gateways whose answers say something wrong about the limit of requests, or nothing."""

import time

from tests.conformance.faults.registering import fault, faults_of
from tests.conformance.knowing_gateway import KnowingGateway
from tests.conformance.unusual_gateway import Owner, Problem

LEFT, REFUSALS, PROMISE = "rate-limit-headers.left", "rate-limit-headers.refusals", "rate-limit-headers.promise"


class SteadyGateway(KnowingGateway):
    """A correct gateway whose limit refills by the second, and which says as little as it may."""

    def count_request(self, owner: Owner) -> None:
        now = time.monotonic()
        refilled = int(now - owner.asked[0]) if owner.asked else 0
        for _ in range(min(refilled, len(owner.asked))):
            owner.asked.pop()
        if owner.asked and refilled:
            owner.asked[0] += refilled
        if len(owner.asked) >= 60:
            raise Problem(429, "slow down", {"Retry-After": "1"})
        # The first holds the time from which the refilling is counted.
        owner.asked.append(now)

    def limit_headers(self, owner: Owner, status: int) -> dict[str, str]:
        return {"RateLimit": f'"a, b";r={self.left(owner)}', "RateLimit-Policy": '"a, b";q=120;w=120'}

    def left(self, owner: Owner) -> int:
        return 60 - len(owner.asked)


class Silent(KnowingGateway):
    """Leaves out headers on some answers."""

    silent: tuple[int, ...] = ()
    left_out: tuple[str, ...] = ("RateLimit", "RateLimit-Policy")

    def limit_headers(self, owner: Owner, status: int) -> dict[str, str]:
        headers = super().limit_headers(owner, status)
        gone = self.left_out if not self.silent or status in self.silent else ()
        return {name: value for name, value in headers.items() if name not in gone}


@fault(LEFT, "RLH-010", KnowingGateway)
class NoPolicy(Silent):
    left_out = ("RateLimit-Policy",)


@fault(LEFT, "RLH-010", KnowingGateway)
class SilentAboutTheUnknown(Silent):
    silent = (404,)


@fault(REFUSALS, "RLH-010", KnowingGateway)
class SilentOnBadRequests(Silent):
    silent = (400,)


@fault(REFUSALS, "RLH-010", KnowingGateway)
class SilentOnConflicts(Silent):
    silent = (409,)


@fault(PROMISE, "RLH-010", KnowingGateway)
class SilentWhenRefusing(Silent):
    silent = (429,)


@fault(LEFT, "RLH-010", KnowingGateway)
class BareNumbers(KnowingGateway):
    def limit_headers(self, owner: Owner, status: int) -> dict[str, str]:
        return {"RateLimit": str(60 - len(owner.asked)), "RateLimit-Policy": "60"}


@fault(LEFT, "RLH-010", KnowingGateway)
class AnOlderDraft(KnowingGateway):
    def limit_headers(self, owner: Owner, status: int) -> dict[str, str]:
        return {"RateLimit": f"limit=60, remaining={60 - len(owner.asked)}, reset=9", "RateLimit-Policy": "60;w=60"}


class Replacing(KnowingGateway):
    """Says something else in place of a text."""

    texts: tuple[tuple[str, str], ...] = ()

    def limit_headers(self, owner: Owner, status: int) -> dict[str, str]:
        headers = super().limit_headers(owner, status)
        for old, new in self.texts:
            headers = {name: value.replace(old, new) for name, value in headers.items()}
        return headers


@fault(LEFT, "RLH-020", KnowingGateway)
class AnotherPlansPolicy(Replacing):
    texts = (("q=60", "q=100"),)


@fault(LEFT, "RLH-020", KnowingGateway)
class LimitOfAnHour(Replacing):
    texts = (("w=60", "w=3600"),)


@fault(LEFT, "RLH-020", KnowingGateway)
class TwoNames(Replacing):
    texts = (("burst;q", "other;q"),)


@fault(LEFT, "RLH-020", KnowingGateway)
class SecondsOfTheDay(KnowingGateway):
    def limit_headers(self, owner: Owner, status: int) -> dict[str, str]:
        return {"RateLimit": f'"a";r=5;t={int(time.time())}', "RateLimit-Policy": '"a";q=60;w=60'}


@fault(LEFT, "RLH-020", SteadyGateway)
class NothingIsEverUsed(SteadyGateway):
    def left(self, owner: Owner) -> int:
        return 60


@fault(LEFT, "RLH-020", SteadyGateway)
class MoreIsLeftThanThereIs(SteadyGateway):
    def left(self, owner: Owner) -> int:
        return 1000 - len(owner.asked)


@fault(LEFT, "RLH-020", SteadyGateway)
class UsedIsCalledLeft(SteadyGateway):
    def left(self, owner: Owner) -> int:
        return len(owner.asked)


@fault(PROMISE, "RLH-030", KnowingGateway)
class RefusedWithSomeLeft(KnowingGateway):
    def count_request(self, owner: Owner) -> None:
        if len(owner.asked) >= 55:
            raise Problem(429, "slow down", {"Retry-After": "60"})
        super().count_request(owner)


@fault(PROMISE, "RLH-030", SteadyGateway)
class LastOneIsRefused(SteadyGateway):
    def left(self, owner: Owner) -> int:
        return 61 - len(owner.asked)


FAULTS = faults_of(globals())
