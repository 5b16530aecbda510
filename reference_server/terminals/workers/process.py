"""The gateway's side of a worker process: one call in it at a time, each with a deadline that ends in a kill.

A module call that hangs holds Python's lock, so no time-out inside the worker can work. What is certain at its death:
calls that had not left, and trades that had not said `Sending`, did nothing; of a trade that had, nothing is known.
Where its last words may be lost (`Line.is_end_certain`), nothing is known of any trade that was written to it.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import msgspec

from reference_server.domain.errors import InternalError, OutcomeUnknown, TerminalUnavailable
from reference_server.domain.events import ConnectionChanged, TerminalEvent
from reference_server.terminals.workers.calls import Kind, Waiting
from reference_server.terminals.workers.framing import BrokenFrame, framed, read_frame
from reference_server.terminals.workers.lines import Line, LocalLine
from reference_server.terminals.workers.protocol import (
    Answered,
    Call,
    Events,
    Message,
    Refused,
    Report,
    Sending,
    Stop,
    error_of,
)
from reference_server.terminals.workers.worker_log import pass_on

COMMAND: Final = (sys.executable, "-P", "-m", "reference_server.terminals")

DRAINING_SECONDS: Final = 2.0
"""How long a dead worker's pipe is read to its end: a process that it started may hold it open."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a worker may take, in seconds, before it is killed.

    `opening`: a terminal that starts takes up to 100 s by itself. `trade`: brokers answer within seconds, and the
    terminal gives up sooner than this. `silence`: without any sign while nothing is asked: a poll hangs.
    """

    opening: float = 120.0
    trade: float = 30.0
    read: float = 15.0
    closing: float = 5.0
    silence: float = 60.0

    def of(self, kind: Kind) -> float:
        """Return the deadline of a call."""
        return {Kind.TRADE: self.trade, Kind.READ: self.read, Kind.OPEN: self.opening, Kind.CLOSE: self.closing}[kind]


class WorkerProcess:
    """One child process. `queue_length`: how many calls may wait; one more is refused, and nothing was done."""

    def __init__(self, line: Line, name: str, deadlines: Deadlines | None = None, queue_length: int = 64) -> None:
        self._line = line
        self._name = name
        self._deadlines = deadlines or Deadlines()
        self._queue_length = queue_length
        self._numbers = itertools.count(1)
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(Report)
        self._queue: list[Waiting] = []
        self._current: Waiting | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._listeners: dict[int, Callable[[TerminalEvent], None]] = {}
        self._secrets: set[str] = set()
        self._death = ""
        self._was_misheard = False
        """Whether it said what is no message: `Sending` may have been among it, or behind it."""
        self._heard_at = self._now()
        self.is_alive = True
        loop = asyncio.get_running_loop()
        self._logging = loop.create_task(pass_on(self._line.log, self._secrets, name), name=f"worker-log {name}")
        self._running = loop.create_task(self._run(), name=f"worker {name}")
        self._watching = loop.create_task(self._watch_silence(), name=f"worker-silence {name}")

    @classmethod
    async def start(
        cls,
        name: str,
        *,
        command: Sequence[str] = COMMAND,
        deadlines: Deadlines | None = None,
        queue_length: int = 64,
    ) -> WorkerProcess:
        """Start a worker on this machine. Raises OSError."""
        return cls(await LocalLine.start(command), name, deadlines, queue_length)

    @property
    def pid(self) -> int:
        """The child's process id; 0 where it is not on this machine."""
        return self._line.pid

    def listen(self, seat: int, listener: Callable[[TerminalEvent], None]) -> None:
        """Have a seat's events told; the last is that the terminal has died, unless `leave` comes first."""
        self._listeners[seat] = listener

    def leave(self, seat: int) -> None:
        """Have a seat's events told no longer. Safe to call twice."""
        self._listeners.pop(seat, None)

    def hide(self, secret: str) -> None:
        """Keep this text out of the log of what the worker writes."""
        if secret:
            self._secrets.add(secret)
            self._line.hide(secret)

    async def call(self, kind: Kind, message: Callable[[int], Call]) -> msgspec.Raw:
        """Send the message made for a number and return the answer's value, or raise what the call raised.

        Raises TerminalUnavailable when nothing was done, OutcomeUnknown when a trade left and no answer came.
        """
        if not self.is_alive:
            raise TerminalUnavailable
        if len(self._queue) >= self._queue_length and kind is not Kind.CLOSE:
            raise TerminalUnavailable(
                "Too many requests wait for this terminal: nothing was done. Try again.", retry_after_seconds=1
            )
        number = next(self._numbers)
        try:
            payload = self._encoder.encode(message(number))
        except (ValueError, OverflowError) as unspeakable:  # a lone surrogate, a number beyond 64 bits
            raise InternalError("The request cannot be passed to the terminal: nothing was done.") from unspeakable
        waiting = Waiting(number, kind, payload)
        heapq.heappush(self._queue, waiting)
        self._send_next()
        return await waiting.answer

    def tell(self, message: Message) -> None:
        """Send a message that has no answer."""
        if self.is_alive:
            self._line.write(framed(self._encoder.encode(message)))

    async def stop(self) -> None:
        """Let the worker finish and exit, kill it when that takes too long, and wait until it is gone."""
        try:
            with suppress(TerminalUnavailable):
                await self.call(Kind.CLOSE, Stop)
            await asyncio.wait({self._running}, timeout=self._deadlines.closing)
        finally:
            self.kill("it was no longer needed")
            await self.gone()

    def kill(self, reason: str) -> None:
        """End the worker at once; what had been in it is settled when it is gone. Safe to call twice."""
        if not self._death:
            self._death = reason
        self._line.kill()

    async def gone(self) -> None:
        """Wait until the worker has ended and everything about it is settled.

        A terminal that it started lives on and may hold its standard error open: that is not waited for.
        """
        await asyncio.gather(self._running, self._watching, return_exceptions=True)
        await asyncio.wait({self._logging}, timeout=DRAINING_SECONDS)
        self._logging.cancel()
        await asyncio.gather(self._logging, return_exceptions=True)
        self._line.close()

    def _send_next(self) -> None:
        while self._current is None and self._queue and self.is_alive and not self._death:
            waiting = heapq.heappop(self._queue)
            if waiting.answer.done():  # its caller has left
                continue
            self._current = waiting
            seconds = self._deadlines.of(waiting.kind)
            self._timer = asyncio.get_running_loop().call_later(
                seconds, self.kill, f"it did not answer within {seconds:g} s"
            )
            self._line.write(framed(waiting.payload))

    async def _run(self) -> None:
        """Read reports until the worker's end, then settle what is left."""
        ending = asyncio.get_running_loop().create_task(self._line.exited.wait())
        reading = asyncio.get_running_loop().create_task(self._read())
        try:
            await asyncio.wait({ending, reading}, return_when=asyncio.FIRST_COMPLETED)
            if not ending.done():  # its output has ended or is no protocol: it is of no use any more
                self.kill("it closed its output")
            await ending
            await asyncio.wait({reading}, timeout=DRAINING_SECONDS)
        finally:
            reading.cancel()
            self._settle()

    async def _read(self) -> None:
        try:
            while (payload := await read_frame(self._line.reports, self._line.longest_frame)) is not None:
                self._heard_at = self._now()
                self._take(self._decoder.decode(payload))
        except (BrokenFrame, msgspec.DecodeError) as broken:
            self._was_misheard = True
            self.kill(f"its output is no message: {broken}")

    def _take(self, report: Report) -> None:
        if isinstance(report, Events):
            listener = self._listeners.get(report.seat)
            if listener is not None:
                for wrapped in report.told:
                    self._tell_one(listener, wrapped.event)
            return
        current = self._current
        if current is None or not isinstance(report, (Sending, Answered, Refused)) or report.number != current.number:
            return
        if isinstance(report, Sending):
            current.has_left = True
            return
        self._current = None
        if self._timer is not None:
            self._timer.cancel()
        if isinstance(report, Refused):
            current.fail(error_of(report))
        elif not current.answer.done():
            current.answer.set_result(report.value)
        self._send_next()

    def _settle(self) -> None:
        self.is_alive = False
        if self._timer is not None:
            self._timer.cancel()
        self._watching.cancel()
        reason = self._death or self._line.ending()
        _log.log(logging.INFO if not self._listeners else logging.WARNING, "worker %s is gone: %s", self._name, reason)
        current, self._current = self._current, None
        if current is not None:
            is_silence_an_answer = self._line.is_end_certain and not self._was_misheard
            may_have_left = current.has_left or (current.kind is Kind.TRADE and not is_silence_an_answer)
            current.fail(OutcomeUnknown() if may_have_left else _nothing_done(reason))
        for waiting in self._queue:
            waiting.fail(_nothing_done(reason))
        self._queue.clear()
        listeners, self._listeners = self._listeners, {}
        for listener in listeners.values():
            detail = f"The terminal's process is gone: {reason}."
            self._tell_one(listener, ConnectionChanged(connected=False, alive=False, detail=detail))
        self._line.end_input()

    @staticmethod
    def _tell_one(listener: Callable[[TerminalEvent], None], event: TerminalEvent) -> None:
        try:
            listener(event)
        except Exception:  # a defect of who listens must not end the reading of answers
            _log.exception("an event of a terminal could not be told")

    async def _watch_silence(self) -> None:
        """Kill a worker that says nothing while nothing is asked of it; a call has its own deadline."""
        while self.is_alive:
            await asyncio.sleep(self._deadlines.silence / 4)
            if self._current is not None:
                self._heard_at = self._now()
            elif self._now() - self._heard_at > self._deadlines.silence:
                self.kill(f"it gave no sign for {self._deadlines.silence:g} s")

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def _nothing_done(reason: str) -> TerminalUnavailable:
    return TerminalUnavailable(f"The terminal's process is gone ({reason}): nothing was done.", retry_after_seconds=1)
