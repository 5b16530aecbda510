"""Requests per minute and user, by plan. Source: Tonpo docs, "Rate Limits"."""

from __future__ import annotations

from dataclasses import dataclass

from reference_server.domain.errors import RequestRateExceeded
from reference_server.domain.user import User
from reference_server.usecases.ports import RateLimiter


@dataclass(frozen=True, slots=True)
class Limits:
    """Counts a request and refuses it when its window is full."""

    limiter: RateLimiter

    def count_request(self, user: User) -> None:
        """Count a request with a key. Raises RequestRateExceeded."""
        per_minute = user.plan.requests_per_minute
        if per_minute is None:
            return
        decision = self.limiter.hit(f"user:{user.user_id}", per_minute)
        if not decision.allowed:
            raise RequestRateExceeded(
                f"Too many requests: the plan {user.plan.name} allows {per_minute} per minute.",
                retry_after_seconds=decision.reset_seconds,
            )
