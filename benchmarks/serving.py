"""What the benchmark's own server processes share: uvicorn, and commands by line.

A process prints `{"port": N}` once it listens, then one answer per line of standard input, and ends with that input.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Awaitable, Callable, Iterable
from time import perf_counter_ns
from typing import Any

import uvicorn
import uvloop
from starlette.types import ASGIApp

from reference_server.api.server import GatewayServer, listen, server_config

Command = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


def run(main: Callable[[], Awaitable[None]]) -> None:
    """Run a server process on the gateway's event loop."""

    async def all_of_it() -> None:
        await main()

    uvloop.run(all_of_it())


def stock_config(app: ASGIApp) -> uvicorn.Config:
    """Return uvicorn as anybody would run it for speed: its own protocols on httptools and uvloop, no access log."""
    return uvicorn.Config(app, http="httptools", loop="uvloop", access_log=False, log_level="warning", lifespan="off")


async def serve(app: ASGIApp, command: Command, *, is_gateway: bool) -> None:
    """Serve until standard input ends, with the gateway's own settings of uvicorn or with stock ones."""
    listener = listen("127.0.0.1", 0)
    try:
        server = GatewayServer(server_config(app, lifespan=False)) if is_gateway else uvicorn.Server(stock_config(app))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve(sockets=[listener]))
            say({"port": listener.getsockname()[1]})
            async for message in CommandLines():
                say(await command(message))
            server.should_exit = True
    finally:
        listener.close()


def say(answer: dict[str, Any]) -> None:
    """Answer by one line."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


class CommandLines:
    """Lines of standard input as JSON, read by a thread so that the loop never waits for them."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        threading.Thread(target=self._read, daemon=True, name="commands").start()

    def _read(self) -> None:
        for line in sys.stdin:
            self._loop.call_soon_threadsafe(self._queue.put_nowait, json.loads(line))
        self._loop.call_soon_threadsafe(self._queue.put_nowait, None)

    def __aiter__(self) -> CommandLines:
        return self

    async def __anext__(self) -> dict[str, Any]:
        message = await self._queue.get()
        if message is None:
            raise StopAsyncIteration
        return message


class Rounds:
    """Which symbols get a tick in each round: `width` of them, in turn."""

    def __init__(self, symbols: Iterable[str], width: int) -> None:
        self._symbols = list(symbols)
        self._width = width
        self._at = 0

    def next(self) -> list[str]:
        """The symbols of the next round."""
        chosen = [self._symbols[(self._at + step) % len(self._symbols)] for step in range(self._width)]
        self._at = (self._at + self._width) % len(self._symbols)
        return chosen


async def push(tick: Callable[[list[str]], Awaitable[None]], rounds: Rounds, rate: float, seconds: float) -> int:
    """Play rounds of ticks for that long, at `rate` rounds a second, or as fast as possible when it is 0."""
    started = perf_counter_ns()
    ends = started + seconds * 1e9
    played = 0
    while perf_counter_ns() < ends:
        await tick(rounds.next())
        played += 1
        delay = (started + played / rate * 1e9 - perf_counter_ns()) / 1e9 if rate else 0.0
        await asyncio.sleep(max(0.0, delay))
    return played
