"""What the server and the application behind it share: how it stops, which connections are open, what is counted."""

from __future__ import annotations

from dataclasses import dataclass, field

from reference_server.api.clients import TrustedProxies
from reference_server.api.connection.connections import Connections
from reference_server.config import Settings
from reference_server.metrics import Counts
from reference_server.usecases.measures import Measures, NoMeasures
from reference_server.usecases.readiness import Drain

SLACK_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Runtime:
    """One for each running gateway. `counts` is None where nobody reads them."""

    drain: Drain = field(default_factory=Drain)
    proxies: TrustedProxies = field(default_factory=TrustedProxies)
    connections: Connections = field(default_factory=Connections)
    counts: Counts | None = None

    @property
    def measures(self) -> Measures:
        """The instruments that parts are handed."""
        return self.counts or NoMeasures()


def runtime_of(settings: Settings) -> Runtime:
    """Return the runtime that the settings ask for."""
    proxies = TrustedProxies(settings.trusted_proxies)
    connections = Connections(settings.max_connections, settings.max_connections_per_address, proxies)
    return Runtime(Drain(), proxies, connections, Counts() if settings.metrics_port else None)


def longest_request_seconds(settings: Settings) -> float:
    """How long a request may take to end: an order, its deadline, and the search for its lost answer."""
    return (settings.order_deadline_ms + settings.lost_order_answer_ms) / 1000 + SLACK_SECONDS
