"""The baseline: bare Starlette routes and a bare ASGI send loop, on stock uvicorn with httptools and uvloop.

The routes answer the gateway's JSON without asking anyone; the loop sends the gateway's ticks, encoded once for all.
"""

from __future__ import annotations

import time
from time import perf_counter_ns
from typing import Any, Final

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from benchmarks.serving import Rounds, push, run, serve
from benchmarks.stamps import stamped_bid

_SPECIFICATION: Final[dict[str, Any]] = {
    "digits": 5,
    "tickSize": 0.00001,
    "tickValue": 1.0,
    "contractSize": 100_000.0,
    "volumeMin": 0.01,
    "volumeMax": 100.0,
    "volumeStep": 0.01,
    "stopsLevel": 0,
    "fillingModes": ["fok", "ioc"],
    "currencyBase": "EUR",
    "currencyProfit": "USD",
    "currencyMargin": "EUR",
    "sessions": [{"from": 0, "to": 10080}],
}


async def price(request: Request) -> Response:
    """Answer what `GET /api/symbols/{symbol}` answers."""
    symbol = request.path_params["symbol"]
    now_ms = time.time_ns() // 1_000_000
    tick = {"symbol": symbol, "bid": 1.08512, "ask": 1.08524, "last": 1.08518, "volume": 0, "time": now_ms}
    return _json(tick | _SPECIFICATION)


async def order(request: Request) -> Response:
    """Read an order and answer what `POST /api/orders` answers."""
    wanted = orjson.loads(await request.body())
    return _json(
        {
            "ticket": 100_000_123,
            "success": True,
            "error": None,
            "retcode": 10009,
            "price": 1.08524,
            "volume": wanted["volume"],
        }
    )


def _json(value: dict[str, Any]) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")


class BareStream:
    """Sockets with the symbols of each, and one loop that sends to all."""

    def __init__(self) -> None:
        self._sockets: dict[Send, frozenset[str]] = {}

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        await receive()
        await send({"type": "websocket.accept", "headers": []})
        try:
            while (event := await receive())["type"] == "websocket.receive":
                symbols = orjson.loads(event["text"])["symbols"]
                answer = orjson.dumps({"type": "subscribed", "symbols": symbols}).decode("ascii")
                await send({"type": "websocket.send", "text": answer})
                self._sockets[send] = frozenset(symbols)
        finally:
            self._sockets.pop(send, None)

    async def tick(self, digits: dict[str, int], symbols: list[str]) -> None:
        """Send one tick of each symbol to all that have subscribed it."""
        messages = [(symbol, _tick(symbol, digits[symbol])) for symbol in symbols]
        for send, subscribed in list(self._sockets.items()):
            try:
                for symbol, text in messages:
                    if symbol in subscribed:
                        await send({"type": "websocket.send", "text": text})
            except OSError:
                self._sockets.pop(send, None)


def _tick(symbol: str, digits: int) -> str:
    bid = stamped_bid(digits, perf_counter_ns())
    message = {
        "type": "tick",
        "symbol": symbol,
        "bid": bid,
        "ask": round(bid + 10**-digits, digits),
        "last": 0.0,
        "volume": 0.0,
        "time": time.time_ns() // 1_000_000,
    }
    return orjson.dumps(message).decode("ascii")


async def main() -> None:
    """Serve routes and stream; the one command is `push`."""
    stream = BareStream()
    app = Starlette(
        routes=[
            Route("/api/symbols/{symbol}", price),
            Route("/api/orders", order, methods=["POST"]),
            WebSocketRoute("/ws", stream),
        ]
    )

    async def command(message: dict[str, Any]) -> dict[str, Any]:
        digits: dict[str, int] = message["digits"]
        rounds = Rounds(digits, message["width"])
        played = await push(lambda symbols: stream.tick(digits, symbols), rounds, message["rate"], message["seconds"])
        return {"rounds": played}

    await serve(app, command, is_gateway=False)


if __name__ == "__main__":
    run(main)
