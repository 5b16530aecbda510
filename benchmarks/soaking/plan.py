"""How much load, and what must hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MEGABYTE: Final = 2**20


@dataclass(frozen=True, slots=True)
class SoakPlan:
    """One run. Orders are spread over `traders` users with `accounts_each`, prices over `sockets`.

    `late_shares`: of the orders, how many are sent again after their answer, and how many twice at once.
    `slope_bytes` is what memory may grow by in a minute, from the second on, beside `order_bytes` for each order: the
    simulated broker lives in the gateway's process and keeps every order and deal, as brokers do.
    """

    seconds: float
    orders_per_second: float = 200.0
    deliveries_per_second: float = 5_000.0
    sockets: int = 100
    traders: int = 2
    accounts_each: int = 2
    event_sockets_each: int = 2
    connections_each: int = 4
    repeated_share: float = 0.04
    doubled_share: float = 0.02
    answer_seconds: float = 30.0
    slope_bytes: int = 2 * MEGABYTE
    order_bytes: int = 2_500

    @property
    def accounts(self) -> int:
        """Accounts that trade."""
        return self.traders * self.accounts_each

    @property
    def price_sockets(self) -> int:
        """Sockets that listen to prices."""
        return self.sockets - self.accounts * self.event_sockets_each
