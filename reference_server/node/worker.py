"""A life of the worker that is the account's terminal: from the gateway's `Start` to `Exited`, that tells its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec

from reference_server.terminals.providers.processes import Sources
from reference_server.terminals.workers.control import LONGEST_WHY, Exited, text_of
from reference_server.terminals.workers.framing import framed
from reference_server.terminals.workers.lines import LocalLine
from reference_server.terminals.workers.process import COMMAND, DRAINING_SECONDS
from reference_server.terminals.workers.protocol import Given
from reference_server.terminals.workers.sources import OfNode
from reference_server.terminals.workers.worker_log import pass_on
from reference_server.usecases.ports import BrokerUnreachable

Say = Callable[[str | bytes], Awaitable[None]]
"""Sends a message to the gateway; one that cannot be sent any more is dropped."""

GiveUp = Callable[[], Awaitable[None]]
"""Ends the connection: what the worker said last may not have been told."""

MOST_UNREAD_BYTES: Final = 2**23
"""For a worker that does not read; a call of the gateway is some kilobytes, and one waits at a time."""

_log = logging.getLogger("tonpo.node")


class NodeWorker:
    """Starts one child and passes bytes both ways until it has ended."""

    def __init__(
        self,
        life: int,
        account_id: str,
        sources: Sources,
        say: Say,
        give_up: GiveUp,
        *,
        worker_lock: str,
        piece_bytes: int,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self.life = life
        self._account_id = account_id
        self._sources = sources
        self._say = say
        self._give_up = give_up
        self._worker_lock = worker_lock
        self._piece_bytes = piece_bytes
        self._command = command
        self._early = bytearray()
        self._line: LocalLine | None = None
        self._is_over = False
        self.has_ended = False
        """Whether it is gone: another may be started, though its end may not have been told yet."""
        self._why = ""
        self._secrets: set[str] = set()
        self._running = asyncio.get_running_loop().create_task(self._run(), name=f"node-worker {life}")

    def take(self, data: bytes) -> None:
        """Pass on what the gateway sends, or keep it until there is somebody to take it."""
        if self._is_over:
            return
        if self._line is None:
            self._early += data
            unread = len(self._early)
        else:
            self._line.write(data)
            unread = self._line.unread_bytes
        if unread > MOST_UNREAD_BYTES:
            self.kill("it does not read")

    def hide(self, secret: str) -> None:
        """Keep this text out of the log of what it writes."""
        if secret:
            self._secrets.add(secret)

    def kill(self, why: str) -> None:
        """End it at once. Safe to call twice."""
        self._why = self._why or why
        self._is_over = True
        if self._line is not None:
            self._line.kill()

    async def gone(self) -> None:
        """Wait until it has ended."""
        await asyncio.wait({self._running})

    async def _run(self) -> None:
        try:
            source = await self._sources.take(self._account_id)
            assert not isinstance(source, OfNode)
            try:
                why = await self._live(msgspec.msgpack.encode(Given(source, self._worker_lock)))
            finally:
                self._sources.give_back(source)
        except BrokerUnreachable as failed:  # before there was a worker
            why = str(failed)
        except Exception:  # the edge of a task: the gateway must not take what it has heard for all there was
            _log.exception("the worker was left by a defect")
            await self._give_up()
            return
        self.has_ended = True
        await self._say(text_of(Exited(self.life, (self._why or why)[:LONGEST_WHY])))

    async def _live(self, given: bytes) -> str:
        """Start it, relay until its end, and return how it ended. Raises BrokerUnreachable where none was started."""
        if self._is_over:
            return self._why
        try:
            line = await LocalLine.start(self._command)
        except OSError as failed:
            raise BrokerUnreachable(f"no process can be started: {failed.strerror or failed}") from failed
        loop = asyncio.get_running_loop()
        ending = loop.create_task(line.exited.wait())
        reading = loop.create_task(self._relay(line, ending))
        logging_ = loop.create_task(pass_on(line.log, self._secrets))
        try:
            line.write(framed(given) + self._early)
            self._line = line
            if self._why:  # it was killed while it was started
                line.kill()
            await asyncio.wait({ending, reading}, return_when=asyncio.FIRST_COMPLETED)
            if not ending.done():  # nothing can come of it any more
                self.kill("it closed its output")
            await ending
            await reading  # however long the gateway takes: its end is told behind its last word
            await asyncio.wait({logging_}, timeout=DRAINING_SECONDS)
        finally:
            line.kill()
            await line.exited.wait()
            for task in (reading, logging_, ending):
                task.cancel()
            await asyncio.wait({reading, logging_, ending})
            self._is_over = True
            line.end_input()
            line.close()
        return line.ending()

    async def _relay(self, line: LocalLine, ending: asyncio.Task[Any]) -> None:
        """Pass on all that it says. A dead one has said all when its output ends, or when nothing comes any more."""
        while True:
            reading = asyncio.ensure_future(line.reports.read(self._piece_bytes))
            try:
                await asyncio.wait({reading, ending}, return_when=asyncio.FIRST_COMPLETED)
                if not reading.done():
                    await asyncio.wait({reading}, timeout=DRAINING_SECONDS)
                piece = reading.result() if reading.done() else b""
            finally:
                reading.cancel()
                await asyncio.wait({reading})
            if not piece:
                return
            await self._say(piece)
