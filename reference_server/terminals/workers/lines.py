"""A worker as its user sees it, wherever it runs: what is written to it, what it says, and its end."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from reference_server.terminals.workers.framing import LONGEST_FRAME
from reference_server.terminals.workers.spawning import Ending, environment


class Line(Protocol):
    """What leads to one worker process."""

    pid: int
    """On this machine; 0 for a process elsewhere."""
    reports: asyncio.StreamReader
    """Its output, framed; ends with it."""
    log: asyncio.StreamReader | None
    """What else it writes; None where that stays at the other end."""
    longest_frame: int
    """Of its output, in bytes; what claims to be longer is no frame."""
    exited: asyncio.Event
    """Set when it has ended, or when nothing can be heard of it any more."""
    is_end_certain: bool
    """Whether `reports` holds all that it ever said once `exited` is set: what it did not say, it did not do."""

    def write(self, data: bytes) -> None:
        """Send it bytes, without waiting."""
        ...

    def hide(self, secret: str) -> None:
        """Keep this text out of what is logged of it at the other end."""
        ...

    def kill(self) -> None:
        """End it at once; `exited` follows. Safe to call twice."""
        ...

    def ending(self) -> str:
        """How it ended, as a clause."""
        ...

    def end_input(self) -> None:
        """Nothing is written to it any more."""
        ...

    def close(self) -> None:
        """Free what is held for it, once it has ended."""
        ...


class LocalLine:
    """Leads to a child of this process."""

    is_end_certain = True
    longest_frame = LONGEST_FRAME

    def __init__(
        self, child: asyncio.subprocess.Process, transport: asyncio.SubprocessTransport, exited: asyncio.Event
    ) -> None:
        assert child.stdin is not None
        assert child.stdout is not None
        self._child = child
        self._input = child.stdin
        self._transport = transport
        self.pid = child.pid
        self.reports = child.stdout
        self.log = child.stderr
        self.exited = exited

    @classmethod
    async def start(cls, command: Sequence[str]) -> LocalLine:
        """Start a worker. Raises OSError.

        Neither its arguments nor its environment hold a secret, and Ctrl-C in the console does not reach it.
        """
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.subprocess_exec(
            lambda: Ending(loop),
            *command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            start_new_session=sys.platform != "win32",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        return cls(asyncio.subprocess.Process(transport, protocol, loop), transport, protocol.exited)

    def write(self, data: bytes) -> None:
        """Send it bytes, without waiting."""
        self._input.write(data)

    @property
    def unread_bytes(self) -> int:
        """How much of what was written it has not taken yet, beyond what the pipe holds."""
        return self._input.transport.get_write_buffer_size()

    def hide(self, secret: str) -> None:
        """Its log is read by whoever holds this line."""

    def kill(self) -> None:
        """End it at once. Safe to call twice."""
        if self._child.returncode is None:
            with suppress(ProcessLookupError):
                self._child.kill()

    def ending(self) -> str:
        """How it ended, as a clause."""
        return f"it ended with status {self._child.returncode}"

    def end_input(self) -> None:
        """Nothing is written to it any more."""
        self._input.close()

    def close(self) -> None:
        """Free the pipes."""
        self._transport.close()
