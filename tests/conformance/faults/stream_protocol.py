import json
from typing import Any

from aiohttp import web

from tests.conformance.faults.fault import Fault
from tests.conformance.faults.sockets import saying, with_facts, without
from tests.conformance.unusual_gateway import Owner, Problem, Socket, UnusualGateway


class HeaderIgnored(UnusualGateway):
    async def stream(self, request: web.Request) -> web.StreamResponse:
        if "api_key" not in request.query:
            raise Problem(401, "no key")
        return await super().stream(request)


class QueryIgnored(UnusualGateway):
    def owner(self, request: web.Request, key: str | None = None) -> Owner:
        return super().owner(request)


class OpenToAll(UnusualGateway):
    def owner(self, request: web.Request, key: str | None = None) -> Owner:
        return next(iter(self.owners.values())) if request.path == "/ws" else super().owner(request, key)


class BeginningIsEnough(UnusualGateway):
    def owner(self, request: web.Request, key: str | None = None) -> Owner:
        given = key or request.headers.get("X-API-Key", "")
        return super().owner(request, next((one for one in self.owners if given and one.startswith(given)), key))


class Forbidden(UnusualGateway):
    def owner(self, request: web.Request, key: str | None = None) -> Owner:
        try:
            return super().owner(request, key)
        except Problem as problem:
            raise Problem(403 if request.path == "/ws" else 401, problem.text) from None


class BinarySocket(Socket):
    async def say(self, message: dict[str, Any]) -> None:
        if message["type"] == "positions":
            await self.response.send_bytes(json.dumps(message).encode())
        else:
            await super().say(message)


class BatchingSocket(Socket):
    async def say(self, message: dict[str, Any]) -> None:
        if message["type"] == "positions":
            await self.response.send_str(json.dumps([message]))
        else:
            await super().say(message)


class Binary(UnusualGateway):
    socket_class = BinarySocket


class Batching(UnusualGateway):
    socket_class = BatchingSocket


def first_pong_only(socket: Socket, message: dict[str, Any]) -> list[dict[str, Any]]:
    if message["type"] != "pong":
        return [message]
    is_first = "ponged" not in vars(socket)
    vars(socket)["ponged"] = True
    return [message] if is_first else []


FAULTS = [
    Fault("the header is ignored", HeaderIgnored, "stream.key-in-header", "TONPO-WS-010"),
    Fault("the query is ignored", QueryIgnored, "stream.key-in-query", "TONPO-WS-020"),
    Fault("no key is needed", OpenToAll, "stream.bad-keys-are-refused", "TONPO-WS-030"),
    Fault("half a key is enough", BeginningIsEnough, "stream.bad-keys-are-refused", "TONPO-WS-030"),
    Fault("a bad key is forbidden", Forbidden, "stream.bad-keys-are-refused", "TONPO-WS-150"),
    Fault("no pong", without("pong"), "stream.ping-is-answered", "TONPO-WS-080"),
    Fault("one pong", saying(first_pong_only), "stream.ping-is-answered", "TONPO-WS-080"),
    Fault("pong without request_id", with_facts("pong", request_id=None), "stream.ping-is-answered", "TONPO-WS-160"),
    Fault("binary frames", Binary, "stream.messages-are-json-objects", "TONPO-WS-070"),
    Fault("messages in arrays", Batching, "stream.messages-are-json-objects", "TONPO-WS-070"),
    Fault("prices as text", with_facts("tick", bid="1.1"), "stream.messages-are-json-objects", "TONPO-WS-140"),
]
