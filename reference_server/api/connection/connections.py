"""How many connections are open, in all and by client address."""

from __future__ import annotations

from reference_server.api.clients import UNKNOWN, TrustedProxies
from reference_server.domain.addresses import client_network
from reference_server.domain.errors import ConnectionLimitReached, ConnectionsExhausted, GatewayError


class Connections:
    """Counts connections and refuses those beyond the limits.

    A trusted proxy brings the connections of many clients: it has no limit of its own.
    """

    def __init__(
        self, most: int = 10_000, most_per_address: int = 1_000, proxies: TrustedProxies | None = None
    ) -> None:
        self._most = most
        self._most_per_address = most_per_address
        self._proxies = proxies or TrustedProxies()
        self._by_network: dict[str, int] = {}
        self.open = 0
        self.refused = 0

    def enter(self, address: str | None) -> GatewayError | None:
        """Count a new connection; return why it must be refused, or None. Every one is counted until it leaves."""
        self.open += 1
        network = client_network(address or UNKNOWN)
        count = self._by_network[network] = self._by_network.get(network, 0) + 1
        if self.open > self._most:
            self.refused += 1
            return ConnectionsExhausted(retry_after_seconds=1.0)
        if count > self._most_per_address and not self._proxies.trusts(address or UNKNOWN):
            self.refused += 1
            return ConnectionLimitReached(
                f"Too many connections: {self._most_per_address} of one address may be open.", retry_after_seconds=1.0
            )
        return None

    def leave(self, address: str | None) -> None:
        """A connection that was counted is gone."""
        self.open -= 1
        network = client_network(address or UNKNOWN)
        count = self._by_network.get(network, 0) - 1
        if count > 0:
            self._by_network[network] = count
        else:
            self._by_network.pop(network, None)
