from typing import Any

from aiohttp import WSMsgType, web

from tests.conformance.faults.fault import Fault
from tests.conformance.faults.sockets import saying, with_facts
from tests.conformance.faults.stream_subscriptions import kind_of
from tests.conformance.unusual_gateway import Owner, Socket, UnusualGateway


def deaf_to(kind: str) -> type[UnusualGateway]:
    """Return a gateway that ignores messages of a type ("" are those that are not JSON)."""

    class Deaf(UnusualGateway):
        async def hear(self, owner: Owner, socket: Socket, text: str) -> None:
            if kind_of(text)[0] != kind:
                await super().hear(owner, socket, text)

    return Deaf


class ClosesOnGarbage(UnusualGateway):
    async def hear(self, owner: Owner, socket: Socket, text: str) -> None:
        await super().hear(owner, socket, text)
        if not kind_of(text)[0]:
            await socket.response.close(code=1007)


class ForgetsOnGarbage(UnusualGateway):
    async def hear(self, owner: Owner, socket: Socket, text: str) -> None:
        if not kind_of(text)[0]:
            socket.symbols.clear()
        await super().hear(owner, socket, text)


class OneSymbolAsText(UnusualGateway):
    async def hear(self, owner: Owner, socket: Socket, text: str) -> None:
        kind, message = kind_of(text)
        if kind == "subscribe" and isinstance(message.get("symbols"), str):
            await socket.say({"type": "subscribed", "request_id": message.get("request_id", "")})
        else:
            await super().hear(owner, socket, text)


class StrictWebSocket(web.WebSocketResponse[Any]):
    async def __anext__(self) -> Any:
        frame = await super().__anext__()
        if frame.type is WSMsgType.BINARY:
            await self.close(code=1003)
        return frame


class ClosesOnBinary(UnusualGateway):
    response_class = StrictWebSocket


def pong_for_error(_: Socket, message: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"type": "notice"}] if message.get("code") == "bad_frame" else [message]


FAULTS = [
    Fault("garbage is passed over", saying(pong_for_error), "stream.text-that-is-not-json", "TONPO-WS-100"),
    Fault("garbage closes", ClosesOnGarbage, "stream.text-that-is-not-json", "TONPO-WS-130"),
    Fault("error without message", with_facts("error", message=None), "stream.text-that-is-not-json", "TONPO-WS-090"),
    Fault("error with no code", with_facts("error", code=None), "stream.unknown-type", "TONPO-WS-090"),
    Fault("unknown types are ignored", deaf_to("no-such-type"), "stream.unknown-type", "TONPO-WS-110"),
    Fault("errors without request_id", with_facts("error", request_id=None), "stream.unknown-type", "TONPO-WS-160"),
    Fault("a symbol as text", OneSymbolAsText, "stream.malformed-subscribe", "TONPO-WS-120"),
    Fault("garbage ends subscriptions", ForgetsOnGarbage, "stream.survives-bad-messages", "TONPO-WS-130"),
    Fault("binary frames close", ClosesOnBinary, "stream.survives-bad-messages", "TONPO-WS-130"),
]
