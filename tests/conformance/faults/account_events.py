from typing import Any

from aiohttp import web

from tests.conformance.faults.fault import Fault
from tests.conformance.faults.sockets import Message, saying, with_facts, without
from tests.conformance.unusual_broker import Refused
from tests.conformance.unusual_gateway import Owner, Socket, Terminal, UnusualGateway


def only_rejections(_: Socket, message: Message) -> list[Message]:
    return [] if message["type"] == "orderResult" and message["success"] else [message]


def only_if_subscribed(socket: Socket, message: Message) -> list[Message]:
    is_event = message["type"] in ("orderResult", "position", "account")
    return [] if is_event and not socket.symbols else [message]


class QuietRejection(UnusualGateway):
    async def order(self, owner: Owner, request: web.Request) -> Any:
        try:
            return await super().order(owner, request)
        except Refused as refused:
            return {"success": False, "ticket": 0, "error": str(refused)}

    async def tell(self, owner: Owner, message: Message) -> None:
        if message.get("success") is not False:
            await super().tell(owner, message)


class Optimist(UnusualGateway):
    async def tell(self, owner: Owner, message: Message) -> None:
        await super().tell(owner, {**message, "success": True} if message["type"] == "orderResult" else message)


class FirstSocketOnly(UnusualGateway):
    async def tell(self, owner: Owner, message: Message) -> None:
        for socket in owner.sockets[:1]:
            await socket.say(message)


class QuietModification(UnusualGateway):
    async def modify(self, owner: Owner, request: web.Request) -> Any:
        body = await self.body(request)
        self.desk(owner).broker.modify(body)
        return {"success": True, "ticket": body["ticket"]}


class StaleModification(UnusualGateway):
    async def modify(self, owner: Owner, request: web.Request) -> Any:
        broker, body = self.desk(owner).broker, await self.body(request)
        rows = broker.rows()
        broker.modify(body)
        for row in rows:
            await self.tell(owner, {"type": "position", **row})
        return {"success": True, "ticket": body["ticket"]}


class QuietClose(UnusualGateway):
    async def close(self, owner: Owner, request: web.Request) -> Any:
        body = await self.body(request)
        self.desk(owner).broker.close(body)
        return {"success": True, "ticket": body["ticket"]}


class FiguresBefore(UnusualGateway):
    async def tell_state(self, owner: Owner, terminal: Terminal, ticket: int) -> None:
        rest = {"margin": 0.0, "balance": 10_000.0, "equity": 10_000.0}
        await self.tell(owner, {"type": "account", **rest})


def in_units(_: Socket, message: Message) -> list[Message]:
    return [{**message, "volume": message["volume"] * 100_000} if message["type"] == "position" else message]


OPENS, CHANGES, RESULT = "events.position-opens-and-closes", "events.position-changes", "events.order-result"
REJECTED, FIGURES, EVERYWHERE = "events.order-rejected", "events.account-figures", "events.every-connection"

FAULTS = [
    Fault("no orderResult", saying(only_rejections), RESULT, "TONPO-EVT-010"),
    Fault("another ticket", with_facts("orderResult", ticket=17), RESULT, "TONPO-EVT-010"),
    Fault("a fill without success", with_facts("orderResult", success=False), RESULT, "TONPO-EVT-010"),
    Fault("rejections are kept quiet", QuietRejection, REJECTED, "TONPO-EVT-020"),
    Fault("rejections say success", Optimist, REJECTED, "TONPO-EVT-020"),
    Fault("no position", without("position"), OPENS, "TONPO-EVT-030"),
    Fault("no profit", with_facts("position", profit=None), OPENS, "TONPO-EVT-030"),
    Fault("every position sells", with_facts("position", side="sell"), OPENS, "TONPO-EVT-060"),
    Fault("volumes in units", saying(in_units), OPENS, "TONPO-EVT-060"),
    Fault("getPositions is empty", with_facts("positions", positions=[]), OPENS, "TONPO-WS-190"),
    Fault("modifications are kept quiet", QuietModification, CHANGES, "TONPO-EVT-040"),
    Fault("modified stops as before", StaleModification, CHANGES, "TONPO-EVT-040"),
    Fault("partial closes are kept quiet", QuietClose, CHANGES, "TONPO-EVT-040"),
    Fault("no account message", without("account"), FIGURES, "TONPO-EVT-050"),
    Fault("figures as before", FiguresBefore, FIGURES, "TONPO-EVT-050"),
    Fault("no figures after the close", QuietClose, FIGURES, "TONPO-EVT-050"),
    Fault("margin is missing", with_facts("account", margin=None), FIGURES, "TONPO-EVT-050"),
    Fault("one connection is served", FirstSocketOnly, EVERYWHERE, "TONPO-EVT-080"),
    Fault("events need a subscription", saying(only_if_subscribed), EVERYWHERE, "TONPO-EVT-080"),
]
