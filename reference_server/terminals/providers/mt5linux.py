"""The provider for terminals behind `mt5linux` servers: a Windows Python under Wine, one server for each terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from reference_server.terminals.providers.bridge import RPYC
from reference_server.terminals.providers.unusable import ProviderUnusable
from reference_server.terminals.workers.sources import Bridged, Source
from reference_server.usecases.ports import BrokerUnreachable


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an `mt5linux` server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        """As it is written in the settings."""
        return f"{self.host}:{self.port}"


class Endpoints:
    """Lends each endpoint to one account at a time; an account that comes back gets the one that it had, if free."""

    def __init__(self, endpoints: Sequence[Endpoint], *, path: str | None, timeout_ms: int) -> None:
        self._endpoints = tuple(endpoints)
        self._path = path
        self._timeout_ms = timeout_ms
        self._lent: set[Endpoint] = set()
        self._last: dict[str, Endpoint] = {}

    async def take(self, account_id: str, /) -> Bridged:
        """Lend one. Raises BrokerUnreachable when all are lent."""
        free = [endpoint for endpoint in self._endpoints if endpoint not in self._lent]
        if not free:
            raise BrokerUnreachable(
                f"All {len(self._endpoints)} mt5linux servers serve other accounts: name another in mt5linux_endpoints."
            )
        last = self._last.get(account_id)
        others = set(self._last.values())
        endpoint = last if last in free else next((one for one in free if one not in others), free[0])
        assert endpoint is not None
        self._lent.add(endpoint)
        self._last[account_id] = endpoint
        return Bridged(endpoint.host, endpoint.port, path=self._path, timeout_ms=self._timeout_ms)

    def give_back(self, source: Source, /) -> None:
        """Take an endpoint back."""
        assert isinstance(source, Bridged)
        self._lent.discard(Endpoint(source.host, source.port))


def mt5linux_endpoints(endpoints: Sequence[Endpoint], *, path: str | None, timeout_ms: int) -> Endpoints:
    """Check that rpyc is there and servers are named. Raises ProviderUnusable."""
    if find_spec(RPYC) is None:
        raise ProviderUnusable(
            "terminal = mt5linux: the package rpyc is not installed: pip install 'tonpo-spec[mt5linux]'"
        )
    if not endpoints:
        raise ProviderUnusable(
            'mt5linux_endpoints is empty: name the mt5linux servers, as in mt5linux_endpoints = "localhost:18812"'
        )
    return Endpoints(endpoints, path=path, timeout_ms=timeout_ms)
