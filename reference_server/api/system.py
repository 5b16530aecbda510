"""System operations."""

from __future__ import annotations

from reference_server.api.operation import Call, Handlers, Json
from reference_server.usecases.health import HealthUseCases


def system_handlers(health: HealthUseCases) -> Handlers:
    """Return the handlers of the docs' section "System"."""

    async def get_health(_call: Call) -> Json:
        now = await health.get_health()
        return {
            "status": now.status,
            "version": now.version,
            "connections": {"websocket": now.websocket, "accounts": now.accounts},
            "capabilities": list(now.capabilities),
        }

    async def get_liveness(_call: Call) -> Json:
        return {"status": "alive"}

    async def get_readiness(_call: Call) -> Json:
        await health.get_readiness()
        return {"status": "ready"}

    return {"getHealth": get_health, "getLiveness": get_liveness, "getReadiness": get_readiness}
