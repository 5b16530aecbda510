"""One WebSocket to the target, read continuously, so that pings are answered and no message is missed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
from yarl import URL

from conformance.contract import Contract
from conformance.errors import HarnessFault, NoAnswer, StreamRefused
from conformance.exchange import Exchange, Frame, Headers, Transcript
from conformance.wire import Outgoing, Wire

__all__ = ["Message", "Stream", "Violation", "open_stream"]

Message = dict[str, Any]
Where = Callable[[Message], bool]

LARGEST_MESSAGE = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Violation:
    """A received frame that the contract does not allow, and why."""

    frame: Frame
    problem: str


class Stream:
    """An open WebSocket. Every message can be taken once; those not waited for stay in the record.

    A gateway may interleave other messages at any time, so every wait looks for *the* message among all that arrive.
    """

    def __init__(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        name: str,
        contract: Contract,
        transcript: Transcript,
        clock: Callable[[], float],
        began: float,
    ) -> None:
        self.name = name
        self.violations: list[Violation] = []
        self.close_code: int | None = None
        self._socket = socket
        self._contract = contract
        self._transcript = transcript
        self._clock = clock
        self._began = began
        self._messages: list[tuple[Message, float]] = []
        self._taken: set[int] = set()
        self._changed = asyncio.Event()
        self._is_closed = False
        self._is_flowing = asyncio.Event()
        self._is_flowing.set()

    # -- sending -------------------------------------------------------------------------------------------------------

    async def send(self, message: Message) -> None:
        """Send a message that the contract allows. Raises HarnessFault for any other, NoAnswer on a dead socket."""
        problem = self._contract.outgoing_message_problem(message)
        if problem is not None:
            raise HarnessFault(f"the suite was about to send an invalid {message.get('type')} message: {problem}")
        await self.send_text(orjson.dumps(message).decode())

    async def send_text(self, text: str) -> None:
        """Send any text frame, valid or not."""
        await self._deliver(text, self._socket.send_str(text))

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary frame."""
        await self._deliver(f"<{len(data)} bytes>", self._socket.send_bytes(data))

    async def _deliver(self, text: str, sending: Any) -> None:
        self._record("sent", text)
        try:
            await sending
        except (aiohttp.ClientError, OSError) as problem:
            raise NoAnswer(f"the WebSocket {self.name} is closed (code {self.close_code})") from problem

    # -- receiving -----------------------------------------------------------------------------------------------------

    async def wait_for(self, kind: str, *, where: Where | None = None, within: float) -> Message | None:
        """Take the first message of this `type` that satisfies `where`; None when none comes `within` seconds."""
        return await self._first(
            lambda message: message.get("type") == kind and (where is None or where(message)), within
        )

    async def wait_any(self, *, where: Where, within: float) -> Message | None:
        """Take the first message of any type that satisfies `where`; None when none comes `within` seconds."""
        return await self._first(where, within)

    def received(self, kind: str | None = None) -> list[Message]:
        """Return every message so far, taken or not, of one type or of all."""
        return [message for message, _ in self._messages if kind is None or message.get("type") == kind]

    def mark(self) -> int:
        """Return a mark for `since`."""
        return len(self._messages)

    def since(self, mark: int, kind: str | None = None) -> list[Message]:
        """Return the messages that arrived after `mark`."""
        return [message for message, _ in self._messages[mark:] if kind is None or message.get("type") == kind]

    async def watch(self, seconds: float) -> list[Message]:
        """Return all that arrives in the next `seconds`; ends early when the socket closes."""
        mark = self.mark()
        await self.wait_closed(within=seconds)
        return self.since(mark)

    async def wait_closed(self, *, within: float) -> int | None:
        """Return the close code, 1006 for a close without one; None when the socket is still open afterwards."""
        await self._until(lambda: self._is_closed, within)
        return (self.close_code or 1006) if self._is_closed else None

    def stop_reading(self) -> None:
        """Take in nothing more, pings of the protocol included, until `go_on_reading`; buffers in between fill up."""
        self._is_flowing.clear()

    def go_on_reading(self) -> None:
        """Take in again what came meanwhile, and what follows."""
        self._is_flowing.set()

    @property
    def is_open(self) -> bool:
        """Say whether the socket is open."""
        return not self._is_closed

    async def close(self) -> None:
        """Close the socket from this side."""
        await self._socket.close()

    # -- inside --------------------------------------------------------------------------------------------------------

    async def _first(self, wanted: Where, within: float) -> Message | None:
        position = 0
        result: Message | None = None

        def look() -> bool:
            nonlocal position, result
            while position < len(self._messages):
                message, index = self._messages[position][0], position
                position += 1
                if index not in self._taken and wanted(message):
                    self._taken.add(index)
                    result = message
                    return True
            return self._is_closed

        await self._until(look, within)
        return result

    async def _until(self, condition: Callable[[], bool], within: float) -> None:
        try:
            async with asyncio.timeout(within):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return

    async def read(self) -> None:
        """Read until the socket closes."""
        async for frame in self._socket:
            await self._is_flowing.wait()
            if frame.type is aiohttp.WSMsgType.TEXT:
                self._take_in(frame.data)
            elif frame.type is aiohttp.WSMsgType.BINARY:
                recorded = self._record("received", f"<{len(frame.data)} bytes>")
                self.violations.append(Violation(recorded, "a binary frame; messages are JSON text"))
        self.close_code = self._socket.close_code
        self._is_closed = True
        self._record("closed", f"code {self.close_code}")
        self._changed.set()

    def _take_in(self, text: str) -> None:
        frame = self._record("received", text)
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError:
            self.violations.append(Violation(frame, "the frame is not JSON"))
            return
        kind = message.get("type") if isinstance(message, dict) else None
        if not isinstance(kind, str) or kind in self._contract.sent_by_gateway:
            problem = self._contract.incoming_message_problem(message)
            if problem is not None:
                self.violations.append(Violation(frame, problem))
        if isinstance(message, dict):
            self._messages.append((message, frame.at_ms))
            self._changed.set()

    def _record(self, direction: Any, text: str) -> Frame:
        at_ms = (self._clock() - self._began) * 1000
        frame = Frame(self._transcript.next_number(), self.name, direction, text, at_ms)
        self._transcript.add(frame)
        return frame


@asynccontextmanager
async def open_stream(
    wire: Wire,
    contract: Contract,
    transcript: Transcript,
    *,
    name: str,
    headers: Headers,
    query: Mapping[str, str],
    began: float,
    opened: Callable[[Stream], None],
) -> AsyncIterator[Stream]:
    """Open `/ws`. Raises StreamRefused with the HTTP answer when the handshake is refused, NoAnswer without one."""
    url = wire.target.base
    url = url.with_path(url.path.rstrip("/") + "/ws").with_query(query)
    seconds = wire.target.timeouts.request
    wire.sent += 1
    try:
        async with asyncio.timeout(seconds):
            socket = await wire.session.ws_connect(
                url, headers=list(headers), autoping=True, max_msg_size=LARGEST_MESSAGE, ssl=wire.tls
            )
    except aiohttp.WSServerHandshakeError as problem:
        exchange = await handshake(wire, transcript, headers=headers, query=query, began=began)
        raise StreamRefused(f"the WebSocket handshake got HTTP {problem.status}, not 101", exchange) from problem
    except TimeoutError as problem:
        raise NoAnswer(f"no answer to the WebSocket handshake within {seconds:g} s") from problem
    except (aiohttp.ClientError, OSError) as problem:
        raise NoAnswer(f"the WebSocket handshake failed: {problem or type(problem).__name__}") from problem
    stream = Stream(socket, name, contract, transcript, wire.clock, began)
    transcript.add(Frame(transcript.next_number(), name, "opened", str(url), (wire.clock() - began) * 1000))
    opened(stream)
    reader = asyncio.create_task(stream.read())
    try:
        yield stream
    finally:
        stream.go_on_reading()
        await socket.close()
        await asyncio.wait([reader], timeout=seconds)
        reader.cancel()


async def handshake(
    wire: Wire, transcript: Transcript, *, headers: Headers, query: Mapping[str, str], began: float
) -> Exchange:
    """Ask for the WebSocket by plain HTTP; return the exchange: status 101, or the refusal with its body."""
    asked = (
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dG9ucG8tY29uZm9ybWFuYw=="),
    )
    target = str(URL("/ws").with_query(query))
    return await wire.send(Outgoing("GET", target, (*asked, *headers), user="stream"), transcript, began)
