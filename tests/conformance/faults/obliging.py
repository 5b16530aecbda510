"""Faults in what the unusual gateway leaves out, and the gateway that does it all."""

import json
from collections.abc import Callable
from typing import Any, ClassVar

from aiohttp import web

from tests.conformance.faults.fault import Fault
from tests.conformance.unusual_broker import Broker
from tests.conformance.unusual_gateway import Owner, Socket, UnusualGateway

Message = dict[str, Any]


class ObligingSocket(Socket):
    async def say(self, message: Message) -> None:
        channels = vars(self).get("channels")
        if message["type"] in ("tick", "quote") and channels and message["type"] not in channels:
            return
        await super().say(message)


class ObligingGateway(UnusualGateway):
    """Names reasons, narrows by channels, and tells of closed positions."""

    socket_class: type[Socket] = ObligingSocket
    closed: ClassVar[Message] = {"volume": 0, "event": "closed"}
    reason = "symbol_not_found"

    async def hear(self, owner: Owner, socket: Socket, text: str) -> None:
        try:
            message = json.loads(text)
        except ValueError:
            message = {}
        if isinstance(message, dict) and message.get("type") == "subscribe":
            vars(socket)["channels"] = message.get("channels")
            unknown = set(message["symbols"]) - set(Broker.PRICES)
            if unknown:
                echo = {"request_id": message["request_id"]}
                await self.refuse(socket, message["symbols"])
                await socket.say({"type": "error", "code": 404, "message": "?", "reason": self.reason, **echo})
                return
        await super().hear(owner, socket, text)

    async def refuse(self, socket: Socket, symbols: list[str]) -> None:
        """What happens to the known symbols of a message with an unknown one: nothing."""

    async def close(self, owner: Owner, request: web.Request) -> Any:
        broker, body = self.desk(owner).broker, await self.body(request)
        rows = [row for row in broker.rows() if row["ticket"] == body.get("ticket")]
        answer = await super().close(owner, request)
        if rows and body["ticket"] not in broker.open:
            await self.tell(owner, {"type": "position", **rows[0], **self.closed})
        return answer


class NoReason(ObligingGateway):
    reason = "unknown"


class HalfSubscribed(ObligingGateway):
    async def refuse(self, socket: Socket, symbols: list[str]) -> None:
        socket.symbols |= set(symbols) & set(Broker.PRICES)


class AllChannels(ObligingGateway):
    socket_class = Socket


class NoQuotes(ObligingSocket):
    async def say(self, message: Message) -> None:
        if message["type"] != "quote":
            await super().say(message)


class TicksOnly(ObligingGateway):
    socket_class = NoQuotes


class ClosedWithVolume(ObligingGateway):
    closed: ClassVar[Message] = {"event": "closed"}


class ClosedWithoutEvent(ObligingGateway):
    closed: ClassVar[Message] = {"volume": 0}


class DropsWhenBusy(ObligingSocket):
    async def say(self, message: Message) -> None:
        said = vars(self).setdefault("said", [0])
        said[0] += 1
        if said[0] < 1000 or message["type"] not in ("position", "orderResult"):
            await super().say(message)


class LosesEvents(ObligingGateway):
    socket_class = DropsWhenBusy


def fault(name: str, gateway: Callable[[], UnusualGateway], caught_by: str, requirement: str) -> Fault:
    return Fault(name, gateway, caught_by, requirement, correct=ObligingGateway)


FAULTS = [
    fault("another reason", NoReason, "stream.unknown-symbol", "TONPO-WS-200"),
    fault("half of a message", HalfSubscribed, "stream.unknown-symbol", "TONPO-WS-200"),
    fault("channels are ignored", AllChannels, "ticks.channels-narrow", "TONPO-TICK-130"),
    fault("a channel is empty", TicksOnly, "ticks.channels-narrow", "TONPO-TICK-130"),
    fault("closed with a volume", ClosedWithVolume, "events.position-opens-and-closes", "TONPO-EVT-090"),
    fault("closed without event", ClosedWithoutEvent, "events.position-opens-and-closes", "TONPO-EVT-090"),
    fault("a busy socket loses events", LosesEvents, "stream.slow-consumer", "TONPO-WS-220"),
]
