"""Requests per minute and user, by plan. Source: Tonpo docs, "Rate Limits"; design, capability `rate-limit-headers`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from reference_server.domain.errors import RequestRateExceeded
from reference_server.domain.user import User
from reference_server.usecases.ports import RateDecision, RateLimiter

RATE_LIMIT: Final = "tonpo.rate_limit"
"""Where the scope holds the headers that tell the caller's limit, for answers that are errors as well."""

RawHeaders = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """Counts a request and refuses it when nothing is left."""

    limiter: RateLimiter

    def count_request(self, user: User) -> tuple[RateDecision, RawHeaders] | None:
        """Count a request with a key; return the decision and the headers that tell it, None for an unlimited plan."""
        per_minute = user.plan.requests_per_minute
        if per_minute is None:
            return None
        decision = self.limiter.hit(f"user:{user.user_id}", per_minute)
        left = b'"default";r=%d;t=%d' % (decision.remaining, math.ceil(decision.reset_seconds))
        return decision, ((b"ratelimit", left), (b"ratelimit-policy", b'"default";q=%d;w=60' % per_minute))


def rate_exceeded(user: User, decision: RateDecision) -> RequestRateExceeded:
    """Return the refusal of a request for which nothing was left."""
    plan = user.plan
    return RequestRateExceeded(
        f"Too many requests: the plan {plan.name} allows {plan.requests_per_minute} per minute.",
        retry_after_seconds=decision.reset_seconds,
    )
