"""Sockets of a trial: read all the time by a loop in a thread of its own, each message held against the contract."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import aiohttp
import orjson

from conformance.contract import Contract
from tests.trials.model import Account
from tests.trials.wire import Transcript

T = TypeVar("T")
ACCOUNT_EVENTS = ("position", "orderResult", "account", "accountStatus")


@dataclass(eq=False)
class Socket:
    """One connection: what came over it, and how it ended. `since_seq`: what its client said that it knew."""

    account: Account
    key: str
    since_seq: int | None = None
    messages: list[dict[str, Any]] = field(default_factory=list)
    heard_at: list[float] = field(default_factory=list)
    """When each message came, in seconds of the machine's clock."""
    problems: list[str] = field(default_factory=list)
    close_code: int | None = None
    refused: int | None = None
    """HTTP status where there was no upgrade."""
    task: asyncio.Task[None] | None = None
    opened: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def last_seq(self) -> int | None:
        """Number of the last account event that it told or included."""
        for message in reversed(self.messages):
            if "seq" in message:
                return int(message["seq"])
        return self.since_seq

    def tickets(self) -> set[int]:
        """Every ticket that it told of."""
        found = {int(one["ticket"]) for one in self.messages if one["type"] in ("position", "orderResult")}
        for message in self.messages:
            if message["type"] == "snapshot":
                found |= {int(position["ticket"]) for position in message.get("positions", ())}
        return found - {0}


class LoopThread:
    """An event loop that runs between the steps of a trial, too."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="sockets", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], within: float = 30.0) -> T:
        """Do this there and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(within)

    def close(self) -> None:
        """Stop the loop."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


class Sockets:
    """All sockets of one trial."""

    def __init__(self, thread: LoopThread, contract: Contract, transcript: Transcript) -> None:
        self._thread = thread
        self._contract = contract
        self._transcript = transcript
        self.all: list[Socket] = []

    def open(self, url: str, account: Account, since_seq: int | None = None) -> Socket:
        """Connect, or be refused."""
        socket = Socket(account, account.user.key, since_seq)
        self.all.append(socket)
        self._thread.run(self._begin(url, socket))
        assert socket.opened.wait(30), "a socket neither opened nor failed"
        self._transcript.note(
            f"socket {self.name(socket)} of {account.login}, since {since_seq}: {socket.refused or 'open'}"
        )
        return socket

    def close(self, socket: Socket) -> None:
        """Leave."""
        task = socket.task
        if task is not None:
            self._thread.loop.call_soon_threadsafe(task.cancel)
            assert socket.ended.wait(30), "a socket did not close"
            self._transcript.note(f"socket {self.name(socket)} is closed by its client")

    def open_ones(self) -> list[Socket]:
        """Those that are connected."""
        return [socket for socket in self.all if not socket.ended.is_set()]

    def name(self, socket: Socket) -> str:
        """What the transcript calls it."""
        return f"s{self.all.index(socket)}"

    async def _begin(self, url: str, socket: Socket) -> None:
        socket.task = asyncio.get_running_loop().create_task(self._follow(url, socket))

    async def _follow(self, url: str, socket: Socket) -> None:
        query = {"account_id": socket.account.account_id}
        if socket.since_seq is not None:
            query["since_seq"] = str(socket.since_seq)
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(f"{url}/ws", headers={"X-API-Key": socket.key}, params=query) as connection,
            ):
                socket.opened.set()
                async for frame in connection:
                    self._receive(socket, frame.data)
                socket.close_code = connection.close_code
        except aiohttp.WSServerHandshakeError as refusal:
            socket.refused = refusal.status
        except (aiohttp.ClientError, OSError):
            socket.close_code = 1006
        finally:
            socket.opened.set()
            socket.ended.set()

    def _receive(self, socket: Socket, data: Any) -> None:
        message = orjson.loads(data)
        problem = self._contract.incoming_message_problem(message)
        if problem is not None:
            socket.problems.append(f"{problem}: {data!r}")
        socket.heard_at.append(time.time())
        socket.messages.append(message)
        if message["type"] not in ("account", "heartbeat"):
            self._transcript.note(f"  {self.name(socket)} {data[:240]}")
