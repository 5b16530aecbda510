import time
from abc import ABC, abstractmethod
from typing import Any

from tests.conformance.faults.fault import Fault, at_broker
from tests.conformance.unusual_broker import Broker
from tests.conformance.unusual_gateway import Owner, Socket, UnusualGateway


class RewrittenTicks(UnusualGateway, ABC):
    """Tells the time of ticks otherwise than it is."""

    @abstractmethod
    def rewritten(self, milliseconds: int) -> int: ...

    async def feed(self, owner: Owner, socket: Socket) -> None:
        say = socket.say

        async def changed(message: dict[str, Any]) -> None:
            await say(message | {"time": self.rewritten(message["time"])} if "time" in message else message)

        socket.say = changed  # type: ignore[method-assign]
        await super().feed(owner, socket)


class Seconds(RewrittenTicks):
    def rewritten(self, milliseconds: int) -> int:
        return milliseconds // 1000


class BrokersClock(RewrittenTicks):
    def rewritten(self, milliseconds: int) -> int:
        return milliseconds + 2 * 3_600_000


class OpenTimeOfTheBroker(Broker):
    def rows(self) -> list[dict[str, Any]]:
        opened = int((time.time() + 3 * 3600) * 1000)
        return [row | {"openTime": opened} for row in super().rows()]


CHECK = "times.of-what-happens-now"

FAULTS = [
    Fault("ticks in seconds", Seconds, CHECK, "TONPO-TIME-010"),
    Fault("ticks by the broker's clock", BrokersClock, CHECK, "TONPO-TIME-010"),
    Fault("positions by the broker's clock", at_broker(OpenTimeOfTheBroker), CHECK, "TONPO-TIME-010"),
]
