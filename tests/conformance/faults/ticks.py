from tests.conformance.faults.fault import Fault
from tests.conformance.faults.sockets import Message, saying, with_facts, without
from tests.conformance.unusual_broker import Broker
from tests.conformance.unusual_gateway import Owner, Socket, UnusualGateway


def first_symbol_only(_: Socket, message: Message) -> list[Message]:
    return [] if message["type"] == "tick" and message["symbol"] != "EURUSD" else [message]


def in_seconds(_: Socket, message: Message) -> list[Message]:
    return [{**message, "time": message["time"] // 1000} if message["type"] == "tick" else message]


def crossed(_: Socket, message: Message) -> list[Message]:
    return [{**message, "bid": message["ask"], "ask": message["bid"]} if message["type"] == "quote" else message]


def twice(_: Socket, message: Message) -> list[Message]:
    return [message, message] if message["type"] == "tick" else [message]


def first_quote_only(socket: Socket, message: Message) -> list[Message]:
    if message["type"] != "quote":
        return [message]
    quoted = vars(socket).setdefault("quoted", set())
    is_first = message["symbol"] not in quoted
    quoted.add(message["symbol"])
    return [message] if is_first else []


def backwards(_: Socket, message: Message) -> list[Message]:
    return [{**message, "time": 3_600_000_000_000 - message["time"]} if message["type"] == "tick" else message]


class EverySymbol(UnusualGateway):
    async def hear(self, owner: Owner, socket: Socket, text: str) -> None:
        await super().hear(owner, socket, text)
        if socket.symbols:
            socket.symbols |= set(Broker.PRICES)


class AtOnce(UnusualGateway):
    async def feed(self, owner: Owner, socket: Socket) -> None:
        socket.symbols.add("GBPUSD")
        await super().feed(owner, socket)


FAULTS = [
    Fault("no ticks", without("tick"), "ticks.subscribed-symbols-tick", "TONPO-TICK-010"),
    Fault("one symbol ticks", saying(first_symbol_only), "ticks.subscribed-symbols-tick", "TONPO-TICK-010"),
    Fault("no last", with_facts("tick", last=None), "ticks.subscribed-symbols-tick", "TONPO-TICK-030"),
    Fault("volume as text", with_facts("tick", volume="12"), "ticks.subscribed-symbols-tick", "TONPO-TICK-030"),
    Fault("a time with decimals", with_facts("tick", time=0.5), "ticks.subscribed-symbols-tick", "TONPO-TICK-030"),
    Fault("bid and ask crossed", saying(crossed), "ticks.subscribed-symbols-tick", "TONPO-TICK-040"),
    Fault("bid of zero", with_facts("tick", bid=0), "ticks.subscribed-symbols-tick", "TONPO-TICK-040"),
    Fault("times in seconds", saying(in_seconds), "ticks.subscribed-symbols-tick", "TONPO-TICK-050"),
    Fault("every symbol ticks", EverySymbol, "ticks.only-subscribed-symbols", "TONPO-TICK-020"),
    Fault("ticks before subscribing", AtOnce, "ticks.only-subscribed-symbols", "TONPO-TICK-020"),
    Fault("no quotes", without("quote"), "ticks.changed-prices-yield-quotes", "TONPO-TICK-060"),
    Fault("one quote", saying(first_quote_only), "ticks.changed-prices-yield-quotes", "TONPO-TICK-060"),
    Fault("every tick twice", saying(twice), "ticks.in-order-and-once", "TONPO-TICK-120"),
    Fault("times go back", saying(backwards), "ticks.in-order-and-once", "TONPO-TICK-120"),
]  # fmt: skip
