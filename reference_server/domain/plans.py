"""What a plan allows. Source: Tonpo docs, "Rate Limits"."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """Limits of one plan; None is unlimited."""

    name: str
    requests_per_minute: int | None
    trades_per_day: int | None
    accounts: int | None
    """Assumption: the docs say that the number of accounts depends on the plan and give no figures."""


PLANS: dict[str, Plan] = {
    plan.name: plan
    for plan in (
        Plan("free", requests_per_minute=60, trades_per_day=10, accounts=1),
        Plan("basic", requests_per_minute=100, trades_per_day=50, accounts=3),
        Plan("pro", requests_per_minute=500, trades_per_day=200, accounts=10),
        Plan("enterprise", requests_per_minute=None, trades_per_day=None, accounts=None),
    )
}
