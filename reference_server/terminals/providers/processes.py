"""Terminals in worker processes: one for each account, or one for all."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from reference_server.domain.account import Mt5Credentials
from reference_server.domain.errors import TerminalUnavailable
from reference_server.terminals.workers.inline import POLL_INTERVAL_SECONDS
from reference_server.terminals.workers.ledgers import Ledgers
from reference_server.terminals.workers.process import COMMAND, Deadlines, WorkerProcess
from reference_server.terminals.workers.sources import Source
from reference_server.terminals.workers.terminal import WorkerTerminal
from reference_server.terminals.workers.unsettled import Reconciling, Unsettled
from reference_server.usecases.ports import BrokerUnreachable, Clock, Listener


@dataclass(frozen=True, slots=True)
class WorkerTerms:
    """How workers are run. `command` starts one; `queue_length`: calls that may wait in front of each.

    `server_zones`: the clocks of brokers' servers by name, for those that are not to be found out.
    """

    command: Sequence[str] = COMMAND
    deadlines: Deadlines = field(default_factory=Deadlines)
    queue_length: int = 64
    poll_interval_seconds: float = POLL_INTERVAL_SECONDS
    reconciling: Reconciling = field(default_factory=Reconciling)
    server_zones: Mapping[str, str] = field(default_factory=dict)


Start = Callable[[str], Awaitable[WorkerProcess]]
"""Starts a worker for an account. Raises BrokerUnreachable."""


class Sources(Protocol):
    """Where the modules of accounts come from."""

    async def take(self, account_id: str, /) -> Source:
        """Give an account its source. Raises BrokerUnreachable when there is none for it now."""
        ...

    def give_back(self, source: Source, /) -> None:
        """The terminal that had it is gone: it is free."""
        ...


class OneSource:
    """The same source for every account."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def take(self, _account_id: str, /) -> Source:
        """Give it."""
        return self._source

    def give_back(self, _source: Source, /) -> None:
        """Nothing is held."""


class ProcessPerAccount:
    """Opens each terminal in a worker of its own, as the package needs it: it holds one connection for each process."""

    def __init__(
        self, clock: Clock, sources: Sources, terms: WorkerTerms | None = None, *, start: Start | None = None
    ) -> None:
        """`start` runs workers elsewhere than on this machine."""
        self._clock = clock
        self._sources = sources
        self._terms = terms or WorkerTerms()
        self._start = start or self._start_here
        self._ledgers = Ledgers(clock, self._terms.reconciling)
        self._workers: dict[WorkerTerminal, tuple[WorkerProcess, Source]] = {}

    async def open(self, account_id: str, credentials: Mt5Credentials, listener: Listener) -> WorkerTerminal:
        """Start a worker and its terminal, and log in. Raises LoginRefused, BrokerUnreachable."""
        source = await self._sources.take(account_id)
        try:
            process = await self._start(account_id)
        except BaseException:
            self._sources.give_back(source)
            raise
        unsettled = self._ledgers.of(account_id, credentials)
        terminal = WorkerTerminal(process, 0, self._clock, unsettled, self._free)
        self._workers[terminal] = (process, source)
        await _opened(terminal, account_id, credentials, source, listener, self._terms)
        return terminal

    async def close(self) -> None:
        """Close all terminals and wait until no worker is left. Safe to call twice."""
        await asyncio.gather(*(terminal.close() for terminal in list(self._workers)))
        await self._ledgers.close()

    async def _start_here(self, account_id: str) -> WorkerProcess:
        return await _started(account_id, self._terms)

    async def _free(self, terminal: WorkerTerminal) -> None:
        process, source = self._workers.pop(terminal)
        process.kill("its terminal is closed")
        await process.gone()
        self._sources.give_back(source)


class SharedProcess:
    """Opens all terminals in one worker, which hosts the simulated broker; a dead one is replaced at the next open."""

    def __init__(self, clock: Clock, source: Source, terms: WorkerTerms | None = None) -> None:
        self._clock = clock
        self._source = source
        self._terms = terms or WorkerTerms()
        self._ledgers = Ledgers(clock, self._terms.reconciling)
        self._seats = itertools.count()
        self._terminals: set[WorkerTerminal] = set()
        self._process: WorkerProcess | None = None
        self._starting = asyncio.Lock()

    async def open(self, account_id: str, credentials: Mt5Credentials, listener: Listener) -> WorkerTerminal:
        """Start a terminal in the worker and log in. Raises LoginRefused, BrokerUnreachable."""
        process = await self._present()
        unsettled: Unsettled = self._ledgers.of(account_id, credentials)
        terminal = WorkerTerminal(process, next(self._seats), self._clock, unsettled, self._free)
        self._terminals.add(terminal)
        await _opened(terminal, account_id, credentials, self._source, listener, self._terms)
        return terminal

    async def close(self) -> None:
        """Close all terminals, let the worker save what it holds, and wait until it is gone. Safe to call twice."""
        for terminal in list(self._terminals):
            await terminal.close()
        if self._process is not None:
            await self._process.stop()
            self._process = None
        await self._ledgers.close()

    async def _present(self) -> WorkerProcess:
        async with self._starting:
            if self._process is None or not self._process.is_alive:
                self._process = await _started("simulator", self._terms)
            return self._process

    async def _free(self, terminal: WorkerTerminal) -> None:
        self._terminals.discard(terminal)


async def _started(name: str, terms: WorkerTerms) -> WorkerProcess:
    try:
        return await WorkerProcess.start(
            name, command=terms.command, deadlines=terms.deadlines, queue_length=terms.queue_length
        )
    except OSError as failed:
        raise BrokerUnreachable(f"No process can be started for the terminal: {failed.strerror or failed}") from failed


async def _opened(
    terminal: WorkerTerminal,
    account_id: str,
    credentials: Mt5Credentials,
    source: Source,
    listener: Listener,
    terms: WorkerTerms,
) -> None:
    try:
        zone = terms.server_zones.get(credentials.server)
        await terminal.open(account_id, credentials, source, listener, terms.poll_interval_seconds, zone)
    except TerminalUnavailable as lost:
        await terminal.abandon()
        raise BrokerUnreachable(lost.message) from lost
    except BaseException:
        await terminal.abandon()
        raise
