import json
from typing import Any

from tests.conformance.faults.fault import Fault
from tests.conformance.faults.sockets import with_facts, without
from tests.conformance.unusual_gateway import Owner, Socket, UnusualGateway


def kind_of(text: str) -> tuple[str, dict[str, Any]]:
    """Return the type of a client's message and the message, empty when it is not one."""
    try:
        message = json.loads(text)
    except ValueError:
        return "", {}
    if not isinstance(message, dict):
        return "", {}
    return str(message.get("type")), message


class NewestOnly(UnusualGateway):
    async def hear(self, owner: Owner, socket: Socket, text: str) -> None:
        if kind_of(text)[0] == "subscribe":
            socket.symbols.clear()
        await super().hear(owner, socket, text)


class NeverEnough(UnusualGateway):
    async def hear(self, owner: Owner, socket: Socket, text: str) -> None:
        symbols = set(socket.symbols)
        await super().hear(owner, socket, text)
        if kind_of(text)[0] == "unsubscribe":
            socket.symbols |= symbols


class AllOrNothing(UnusualGateway):
    async def hear(self, owner: Owner, socket: Socket, text: str) -> None:
        await super().hear(owner, socket, text)
        if kind_of(text)[0] == "unsubscribe":
            socket.symbols.clear()


class OneListPerUser(UnusualGateway):
    async def hear(self, owner: Owner, socket: Socket, text: str) -> None:
        await super().hear(owner, socket, text)
        for other in owner.sockets:
            other.symbols |= socket.symbols


class NeedsRequestId(UnusualGateway):
    async def hear(self, owner: Owner, socket: Socket, text: str) -> None:
        kind, message = kind_of(text)
        if kind == "subscribe" and "request_id" not in message:
            await socket.say({"type": "error", "code": 400, "message": "request_id?"})
        else:
            await super().hear(owner, socket, text)


CONFIRMED, POSITIONS = "stream.subscription-is-confirmed", "stream.positions-are-those-of-rest"

FAULTS = [
    Fault("no confirmation", without("subscribed"), CONFIRMED, "TONPO-WS-050"),
    Fault("not echoed", with_facts("subscribed", request_id=None), CONFIRMED, "TONPO-WS-060"),
    Fault("always the same id", with_facts("subscribed", request_id="req_001"), CONFIRMED, "TONPO-WS-060"),
    Fault("replaces subscriptions", NewestOnly, "stream.subscriptions-add-up", "TONPO-WS-170"),
    Fault("needs a request_id", NeedsRequestId, "stream.subscriptions-add-up", "TONPO-WS-170"),
    Fault("unsubscribe has no effect", NeverEnough, "stream.unsubscribe-ends-market-data", "TONPO-WS-180"),
    Fault("unsubscribe ends all", AllOrNothing, "stream.unsubscribe-ends-market-data", "TONPO-WS-180"),
    Fault("no answer to unsubscribe", without("unsubscribed"), "stream.unsubscribe-ends-market-data", "TONPO-WS-180"),
    Fault("other positions", with_facts("positions", positions=[{"ticket": 1}]), POSITIONS, "TONPO-WS-190"),
    Fault("one list for all sockets", OneListPerUser, "stream.several-connections", "TONPO-WS-210"),
]  # fmt: skip
