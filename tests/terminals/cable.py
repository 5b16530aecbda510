"""A TCP relay between an agent and its gateway, which a test can cut, or make silent without either end being told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

UP, DOWN = "to the gateway", "to the agent"


class _Strand:
    """One connection through the cable."""

    def __init__(self, writers: dict[str, asyncio.StreamWriter]) -> None:
        self.writers = writers
        self.open = {UP: asyncio.Event(), DOWN: asyncio.Event()}
        for direction in self.open.values():
            direction.set()

    async def pump(self, direction: str, reader: asyncio.StreamReader) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                await self.open[direction].wait()
                self.writers[direction].write(data)
                await self.writers[direction].drain()
        if self.open[direction].is_set():
            self.writers[direction].close()

    def cut(self) -> None:
        for writer in self.writers.values():
            writer.transport.abort()


class Cable:
    """Leads to one port. New connections pass, whatever has befallen the earlier ones."""

    def __init__(self) -> None:
        self.port = 0
        self.connections = 0
        self._far_port = 0
        self._strands: list[_Strand] = []

    @asynccontextmanager
    async def laid_to(self, port: int) -> AsyncIterator[None]:
        """Lead there while the block lasts."""
        self._far_port = port
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            self.cut()
            await server.wait_closed()

    def cut(self) -> None:
        """Break every connection; both ends are told."""
        for strand in self._strands:
            strand.cut()
        self._strands.clear()

    def hold(self, *directions: str) -> None:
        """Let nothing through any more, of the connections that there are; neither end is told."""
        for strand in self._strands:
            for direction in directions or (UP, DOWN):
                strand.open[direction].clear()

    def let_go(self) -> None:
        """Let through what was held back, and what follows."""
        for strand in self._strands:
            for direction in strand.open.values():
                direction.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._far_port)
        except OSError:
            writer.transport.abort()
            return
        strand = _Strand({UP: far_writer, DOWN: writer})
        self._strands.append(strand)
        await asyncio.gather(strand.pump(UP, reader), strand.pump(DOWN, far_reader))
