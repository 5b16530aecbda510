"""What the protocols find in the server's configuration."""

from __future__ import annotations

from typing import Protocol

from reference_server.api.connection.connections import Connections
from reference_server.usecases.measures import Measures


class Measured(Protocol):
    """What the server's configuration offers to the protocols besides uvicorn's own."""

    connections: Connections
    measures: Measures
