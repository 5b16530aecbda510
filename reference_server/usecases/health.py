"""The gateway's own state."""

from __future__ import annotations

from dataclasses import dataclass

from reference_server.usecases.readiness import Readiness
from reference_server.usecases.streams import Streams
from reference_server.usecases.supervision import Supervisor


@dataclass(frozen=True, slots=True)
class Health:
    """Answer of the health check. `websocket`: open sockets; `accounts`: accounts logged in now.

    `status`: `ok`, or `degraded` when storage takes no writes, no account can be connected, or the gateway is stopping.
    """

    status: str
    version: str
    websocket: int
    accounts: int
    capabilities: tuple[str, ...]


class HealthUseCases:
    """What anyone may ask of the gateway itself."""

    def __init__(
        self,
        supervisor: Supervisor,
        streams: Streams,
        *,
        version: str,
        capabilities: tuple[str, ...] = (),
        readiness: Readiness,
    ) -> None:
        self._supervisor = supervisor
        self._streams = streams
        self._version = version
        self._capabilities = capabilities
        self._readiness = readiness

    async def get_health(self) -> Health:
        """Status, version and active connection counts. Source: Tonpo docs, "GET /health"."""
        is_whole = not (self._readiness.is_draining or self._supervisor.is_failing)
        return Health(
            "ok" if is_whole and await self._readiness.storage_answers() else "degraded",
            self._version,
            self._streams.open_sessions,
            self._supervisor.active_accounts,
            self._capabilities,
        )

    async def get_readiness(self) -> None:
        """Raises Draining, StorageUnavailable: new requests should go elsewhere."""
        await self._readiness.check()
