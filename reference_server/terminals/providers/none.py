"""The provider of a gateway that has no terminals of its own: every account waits for its node."""

from __future__ import annotations

from typing import NoReturn

from reference_server.domain.account import Mt5Credentials
from reference_server.usecases.ports import BrokerUnreachable, Listener


class NoTerminals:
    """Implements Terminals, and opens none."""

    async def open(self, _account_id: str, _credentials: Mt5Credentials, _listener: Listener) -> NoReturn:
        """Say what the account waits for. Raises BrokerUnreachable."""
        raise BrokerUnreachable(
            "This gateway has no terminals of its own: enrol a node with the auth_token of the account."
        )

    async def close(self) -> None:
        """There is nothing to close."""
