"""The gateway's own state."""

from __future__ import annotations

from dataclasses import dataclass

from reference_server.usecases.streams import Streams
from reference_server.usecases.supervision import Supervisor


@dataclass(frozen=True, slots=True)
class Health:
    """Answer of the health check. `websocket`: open sockets; `accounts`: accounts logged in now."""

    status: str
    version: str
    websocket: int
    accounts: int
    capabilities: tuple[str, ...]


class HealthUseCases:
    """What anyone may ask of the gateway itself."""

    def __init__(
        self, supervisor: Supervisor, streams: Streams, *, version: str, capabilities: tuple[str, ...] = ()
    ) -> None:
        self._supervisor = supervisor
        self._streams = streams
        self._version = version
        self._capabilities = capabilities

    def get_health(self) -> Health:
        """Status, version and active connection counts. Source: Tonpo docs, "GET /health"."""
        return Health(
            "ok", self._version, self._streams.open_sessions, self._supervisor.active_accounts, self._capabilities
        )
