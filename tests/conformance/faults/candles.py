from tests.conformance.faults.fault import Fault
from tests.conformance.faults.sockets import Message, saying, with_facts
from tests.conformance.unusual_gateway import Owner, Socket, UnusualGateway


def upside_down(_: Socket, message: Message) -> list[Message]:
    is_candle = message["type"] == "candle"
    return [{**message, "high": message["low"], "low": message["high"]} if is_candle else message]


def growing(_: Socket, message: Message) -> list[Message]:
    return [{**message, "complete": False}, message] if message["type"] == "candle" else [message]


class Unasked(UnusualGateway):
    async def hear(self, owner: Owner, socket: Socket, text: str) -> None:
        await super().hear(owner, socket, text)
        socket.charts |= socket.symbols


JUDGE = "candles.closed-bars"

FAULTS = [
    Fault("no timeframe", with_facts("candle", timeframe=None), JUDGE, "TONPO-TICK-080"),
    Fault("a volume with decimals", with_facts("candle", volume=1.5), JUDGE, "TONPO-TICK-080"),
    Fault("no complete", with_facts("candle", complete=None), JUDGE, "TONPO-TICK-080"),
    Fault("high below low", saying(upside_down), JUDGE, "TONPO-TICK-090"),
    Fault("close above high", with_facts("candle", close=10**6), JUDGE, "TONPO-TICK-090"),
    Fault("bars that still grow", saying(growing), JUDGE, "TONPO-TICK-100"),
    Fault("another timeframe", with_facts("candle", timeframe="M5"), JUDGE, "TONPO-TICK-110"),
    Fault("candles without timeframe", Unasked, JUDGE, "TONPO-TICK-110"),
]
