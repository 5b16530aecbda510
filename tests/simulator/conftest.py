"""Builders: a broker whose prices stand still until a test moves them, and a terminal on it."""

from dataclasses import dataclass
from typing import Any

import pytest

from reference_server.simulator import ManualClock, ManualPrices, SimulatedBroker, SimulatedMetaTrader5


@dataclass
class Desk:
    """A broker, its clock, and one connected terminal."""

    clock: ManualClock
    broker: SimulatedBroker
    mt5: SimulatedMetaTrader5

    def price(self, symbol: str, bid: float, ask: float) -> None:
        """Move a symbol."""
        self.broker.set_price(symbol, bid, ask)

    def send(self, **request: Any) -> Any:
        """Send a request with the usual defaults."""
        return self.mt5.order_send({"symbol": "EURUSD", "volume": 0.1, **request})

    def buy(self, volume: float = 0.1, **more: Any) -> Any:
        """Buy at the market."""
        return self.send(action=1, type=0, volume=volume, **more)

    def sell(self, volume: float = 0.1, **more: Any) -> Any:
        """Sell at the market."""
        return self.send(action=1, type=1, volume=volume, **more)

    def pending(self, kind: int, price: float, **more: Any) -> Any:
        """Place a pending order."""
        return self.send(action=5, type=kind, price=price, **more)

    def deals(self) -> Any:
        """Every deal of the account."""
        return self.mt5.history_deals_get(0, 2**31 - 1)


def open_desk(server: str = "TonpoSim-Demo", **options: Any) -> Desk:
    """A desk on a server of that name."""
    clock = ManualClock()
    broker = SimulatedBroker(clock=clock, prices=ManualPrices(), **options)
    mt5 = SimulatedMetaTrader5(broker)
    assert mt5.initialize(login=42, password="secret", server=server)
    return Desk(clock, broker, mt5)


@pytest.fixture
def desk() -> Desk:
    """A hedging account of 10,000 US dollars at 1:100."""
    return open_desk()


@pytest.fixture
def netting() -> Desk:
    """The same on a netting server."""
    return open_desk("TonpoSim-Netting")
