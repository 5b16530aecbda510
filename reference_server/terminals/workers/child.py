"""The inside of a worker process: terminals on an event loop whose thread alone touches the module.

A reader thread brings the messages; it is also what ends the process when the gateway is gone. The gateway sends one
call at a time, trades before reads, and polls run between the calls, so everything is strictly serial.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

import msgspec

from reference_server.domain.errors import GatewayError, InternalError, OutcomeUnknown, TerminalUnavailable
from reference_server.domain.events import TerminalEvent
from reference_server.domain.trading import OrderResult
from reference_server.terminals.workers.framing import read_frame_blocking, write_frame_blocking
from reference_server.terminals.workers.guarded import GuardedTerminal
from reference_server.terminals.workers.inline import InlineTerminal
from reference_server.terminals.workers.protocol import (
    Answered,
    Bars,
    Beat,
    Call,
    Check,
    Close,
    Events,
    Given,
    Look,
    Message,
    Open,
    Past,
    Read,
    Report,
    Sending,
    Stop,
    Told,
    Trade,
    Watch,
    refusal,
    told,
)
from reference_server.usecases.ports import BrokerUnreachable, Listener, LoginRefused

BEAT_SECONDS: Final = 1.0

OpenTerminal = Callable[[Open, Listener, Given | None], Awaitable[InlineTerminal]]
"""Makes the terminal that a message asks for, from what was given. Raises LoginRefused, BrokerUnreachable."""

_log = logging.getLogger(__name__)


class Host:
    """Serves the gateway's messages over the terminals of this process."""

    def __init__(self, report: Callable[[Report], None], open_terminal: OpenTerminal) -> None:
        self._report = report
        self._open_terminal = open_terminal
        self._seats: dict[int, InlineTerminal] = {}
        self._heard: dict[int, list[Told]] = {}
        self._given: Given | None = None

    async def serve(self, inbox: asyncio.Queue[Message]) -> None:
        """Handle messages, one after the other, until told to stop. The caller closes and answers."""
        beating = asyncio.get_running_loop().create_task(self._beat())
        try:
            while True:
                message = await inbox.get()
                if isinstance(message, Watch):
                    self._watch(message)
                elif isinstance(message, Given):
                    self._given = (
                        self._given or message
                    )  # the first is the agent's; another could only be its gateway's
                elif isinstance(message, Stop):
                    await self.close()
                    return
                else:
                    await self._answer(message)
        finally:
            beating.cancel()

    async def close(self) -> None:
        """Close every terminal."""
        for seat in list(self._seats):
            await self._seats.pop(seat).close()

    async def _answer(self, call: Call) -> None:
        has_left = False

        def sending() -> None:
            nonlocal has_left
            has_left = True
            self._report(Sending(call.number))

        report: Report
        try:
            value = await self._result(call, sending)
            report = Answered(call.number, msgspec.Raw(msgspec.msgpack.encode(value)))
        except (GatewayError, LoginRefused, BrokerUnreachable) as error:
            report = refusal(call.number, error)
        except Exception:  # the edge of a process: the gateway is told what it may believe
            _log.exception("a call of the worker ended in a defect")
            report = refusal(call.number, OutcomeUnknown() if has_left else InternalError())
        self._tell_heard()
        self._report(report)

    async def _result(self, call: Call, sending: Callable[[], None]) -> Any:
        if isinstance(call, Open):
            self._seats[call.seat] = await self._open_terminal(call, partial(self._hear, call.seat), self._given)
            return None
        if isinstance(call, Close):
            closed = self._seats.pop(call.seat, None)
            if closed is not None:
                await closed.close()
            return None
        terminal = self._seats.get(call.seat) if not isinstance(call, Stop) else None
        if terminal is None:
            raise TerminalUnavailable
        if isinstance(call, Trade):
            result: OrderResult = terminal.perform(call.intent, sending)
            return result
        if isinstance(call, Look):
            return terminal.look(call.intent)
        if isinstance(terminal, GuardedTerminal):
            terminal.verify()
        if isinstance(call, Past):
            return await getattr(terminal, call.call)(call.query)
        if isinstance(call, Bars):
            return await terminal.candles(call.symbol, call.timeframe, call.from_ms, call.to_ms, call.limit)
        if isinstance(call, Check):
            return await terminal.check_order(call.order)
        assert isinstance(call, Read)
        return await getattr(terminal, call.call)(*call.arguments)

    def _watch(self, message: Watch) -> None:
        terminal = self._seats.get(message.seat)
        if terminal is None:
            return
        try:
            terminal.watch(message.symbols, message.candles)
        except Exception:  # nobody waits for an answer
            _log.exception("market data cannot be watched")

    def _hear(self, seat: int, event: TerminalEvent) -> None:
        """Gather what one poll says, to be told at once after it."""
        if not self._heard:
            asyncio.get_running_loop().call_soon(self._tell_heard)
        self._heard.setdefault(seat, []).append(told(event))

    def _tell_heard(self) -> None:
        heard, self._heard = self._heard, {}
        for seat, events in heard.items():
            self._report(Events(seat, events))

    async def _beat(self) -> None:
        while True:
            self._report(Beat())
            await asyncio.sleep(BEAT_SECONDS)


async def serve_pipes(
    reading: int, writing: int, open_terminal: OpenTerminal, close: Callable[[], Awaitable[None]]
) -> None:
    """Serve messages from one file descriptor with reports to another, until told to stop or the gateway is gone.

    `close` frees what `open_terminal` keeps. When the gateway is gone the process ends at once, whatever it does: what
    counts is at the broker, and nobody is left to hear.
    """
    loop = asyncio.get_running_loop()
    inbox: asyncio.Queue[Message] = asyncio.Queue()
    encoder = msgspec.msgpack.Encoder()
    stop_number = 0

    def report(said: Report) -> None:
        try:
            write_frame_blocking(writing, encoder.encode(said))
        except OSError:
            os._exit(0)

    def read() -> None:
        nonlocal stop_number
        decoder = msgspec.msgpack.Decoder(Message)
        try:
            while (payload := read_frame_blocking(reading)) is not None:
                message: Message = decoder.decode(payload)
                if isinstance(message, Stop):
                    stop_number = message.number
                loop.call_soon_threadsafe(inbox.put_nowait, message)
        finally:
            os._exit(0)

    threading.Thread(target=read, name="messages", daemon=True).start()
    host = Host(report, open_terminal)
    await host.serve(inbox)
    await close()
    report(Answered(stop_number, msgspec.Raw(msgspec.msgpack.encode(None))))
