"""Who may call the gateway."""

from __future__ import annotations

from dataclasses import dataclass

from reference_server.domain.plans import Plan


@dataclass(frozen=True, slots=True)
class User:
    """A registered user. Time in ms since the epoch, UTC."""

    user_id: str
    plan: Plan
    created_at_ms: int
