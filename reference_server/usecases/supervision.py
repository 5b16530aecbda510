"""Keeps each account's terminal running: connects, watches, reconnects, and stops it.

One owned task per account walks it through its states; each step is stored before it counts.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass, field
from functools import partial
from random import Random

from reference_server.domain.account import Account, AccountState, Mt5Credentials
from reference_server.domain.errors import AccountNotFound, AccountNotReady, TerminalUnavailable
from reference_server.domain.events import ConnectionChanged, TerminalEvent
from reference_server.usecases.account_book import AccountBook
from reference_server.usecases.backoff import Backoff
from reference_server.usecases.completion import within
from reference_server.usecases.feeds import Feeds
from reference_server.usecases.ports import (
    Accounts,
    BrokerUnreachable,
    Clock,
    Listener,
    LoginRefused,
    Terminal,
    Terminals,
    Vault,
)

_log = logging.getLogger(__name__)
_S = AccountState
_Step = Callable[[Account], Account]

ReadyListener = Callable[[str, Terminal], None]
"""Told each terminal that can be used from now on, with its account's id; must not block or raise."""


class _Over(Exception):
    """The account is deleted or refused: nothing is left to supervise."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the supervisor waits, in seconds.

    `opening`: for a terminal to start and log in; the docs' client waits 180 s for an active account. `regaining`: for
    a living terminal to find its broker again by itself before it is replaced. `closing`: for it to log out.
    """

    opening: float = 60.0
    regaining: float = 30.0
    closing: float = 10.0
    backoff: Backoff = field(default_factory=Backoff)


class _Link:
    """What one terminal last said of its connection."""

    __slots__ = ("alive", "changed", "connected", "detail", "is_over", "was_lost")

    def __init__(self) -> None:
        self.connected = True
        self.alive = True
        self.was_lost = False
        self.detail = ""
        self.is_over = False
        self.changed = asyncio.Event()

    def note(self, event: ConnectionChanged) -> None:
        self.alive = self.alive and event.alive
        self.connected = event.connected and self.alive
        if not self.connected:
            self.was_lost = True
            self.detail = event.detail
        self.changed.set()

    async def lost(self) -> bool:
        """Wait for a loss, also one that is over already; tell whether the terminal is alive."""
        while not self.was_lost:
            await self._next()
        return self.alive

    async def regained(self) -> bool:
        """Wait for the connection or for the terminal's death; tell whether it is alive."""
        while self.alive and not self.connected:
            await self._next()
        self.was_lost = not self.alive
        return self.alive

    async def _next(self) -> None:
        self.changed.clear()
        await self.changed.wait()


class _Run:
    """One supervised account."""

    __slots__ = ("account_id", "failures", "next_attempt_at", "stopping", "task", "user_id")

    def __init__(self, account: Account) -> None:
        self.account_id = account.account_id
        self.user_id = account.user_id
        self.failures = 0
        self.next_attempt_at = 0.0
        self.stopping = False
        self.task: asyncio.Task[None] | None = None


class Supervisor:
    """Owns the running terminals."""

    def __init__(
        self,
        book: AccountBook,
        stored: Accounts,
        vault: Vault,
        terminals: Terminals,
        feeds: Feeds,
        clock: Clock,
        random: Random,
        *,
        patience: Patience | None = None,
    ) -> None:
        self._book = book
        self._stored = stored
        self._vault = vault
        self._terminals = terminals
        self._feeds = feeds
        self._clock = clock
        self._random = random
        self._patience = patience or Patience()
        self._runs: dict[str, _Run] = {}
        self._ready: dict[str, Terminal] = {}
        self._stopped = False
        self.on_ready: list[ReadyListener] = []

    async def start(self) -> None:
        """Take up every stored account that ought to have a terminal; states of a dead process are brought back."""
        for account in await self._stored.to_connect():
            self.supervise(account)

    def supervise(self, account: Account) -> None:
        """Keep this account connected from now on. Does nothing when it already is, or after `stop`."""
        if self._stopped or account.account_id in self._runs:
            return
        run = self._runs[account.account_id] = _Run(account)
        run.task = asyncio.get_running_loop().create_task(
            self._keep(run),
            name=f"supervise {account.account_id}",
            context=Context(),  # what happens to the account from now on is not of the request that created it
        )

    async def release(self, account_id: str) -> None:
        """Stop the account's terminal and wait until it is gone. Safe to call twice."""
        run = self._runs.get(account_id)
        if run is not None:
            await self._end((run,))

    async def renew(self, account: Account) -> None:
        """Stop the account's terminal and open another at once: what its terminals come from has changed."""
        await self.release(account.account_id)
        self.supervise(account)

    async def stop(self) -> None:
        """Stop every terminal and wait until all are gone. Stored states stay for the next start."""
        self._stopped = True
        await self._end(tuple(self._runs.values()))
        await self._terminals.close()

    def terminal_of(self, account: Account) -> Terminal:
        """The terminal of an active account. Raises AccountNotReady with the seconds to wait."""
        terminal = self._ready.get(account.account_id)
        if terminal is None:
            raise AccountNotReady(retry_after_seconds=self._retry_after(account.account_id))
        return terminal

    @property
    def active_accounts(self) -> int:
        """How many accounts are logged in now."""
        return len(self._ready)

    @property
    def is_failing(self) -> bool:
        """Whether there are accounts to connect and none is or could be: each has failed at least once in a row."""
        return bool(self._runs) and not self._ready and all(run.failures for run in self._runs.values())

    def _retry_after(self, account_id: str) -> float:
        run = self._runs.get(account_id)
        return 1.0 if run is None else max(1.0, run.next_attempt_at - self._clock.monotonic())

    async def _end(self, runs: tuple[_Run, ...]) -> None:
        tasks = []
        for run in runs:
            self._ready.pop(run.account_id, None)
            if run.task is not None:
                if not run.stopping:  # a second cancellation would cut the closing of the terminal short
                    run.stopping = True
                    run.task.cancel()
                tasks.append(run.task)
        if tasks:
            await asyncio.wait(tasks)

    async def _keep(self, run: _Run) -> None:
        try:
            while True:
                try:
                    await self._attempt(run)
                except (_Over, AccountNotFound):
                    return
                except Exception:  # the edge of a loop: one account's trouble must not end its supervision
                    _log.exception("supervision_interrupted", extra={"account_id": run.account_id})
                await self._wait(run)
        finally:
            if self._runs.get(run.account_id) is run:
                del self._runs[run.account_id]

    async def _wait(self, run: _Run) -> None:
        seconds = self._patience.backoff.seconds(run.failures, self._random)
        run.failures += 1
        run.next_attempt_at = self._clock.monotonic() + seconds
        await self._clock.sleep(seconds)

    async def _attempt(self, run: _Run) -> None:
        """One life of a terminal. Returns when another one should be tried. Raises _Over."""
        account = await self._change(run, _rest)
        await self._move(run, _S.CONNECTING if account.state is _S.CREATED else _S.RECONNECTING)
        link = _Link()
        try:
            terminal = await self._open(run, link)
        except LoginRefused as refusal:
            await self._move(run, _S.LOGIN_FAILED, str(refusal) or "The broker refused the credentials.")
            raise _Over from None
        except (BrokerUnreachable, TerminalUnavailable) as failure:
            await self._move(run, _S.DISCONNECTED, str(failure) or "The broker cannot be reached.")
            return
        except TimeoutError:
            await self._move(run, _S.DISCONNECTED, "The broker did not answer in time.")
            return
        try:
            await self._serve(run, terminal, link)
        finally:
            link.is_over = True
            self._ready.pop(run.account_id, None)
            self._feeds.detach(run.account_id)
            await self._close(run, terminal)

    async def _serve(self, run: _Run, terminal: Terminal, link: _Link) -> None:
        while True:
            await self._move(run, _S.ACTIVE, then=partial(self._make_ready, run, terminal, link))
            is_alive = await link.lost()
            await self._move(run, _S.DISCONNECTED, link.detail or "The terminal lost its broker.")
            if not is_alive:
                return
            await self._move(run, _S.RECONNECTING)
            try:
                if not await within(self._clock, self._patience.regaining, link.regained()):
                    return
            except TimeoutError:
                return

    def _make_ready(self, run: _Run, terminal: Terminal, link: _Link) -> None:
        """Let the terminal be used, in the moment in which the account says that it can be."""
        run.failures = 0
        run.next_attempt_at = 0.0
        if link.was_lost or link.is_over or run.stopping:
            return
        self._ready[run.account_id] = terminal
        self._feeds.attach(run.account_id, terminal)
        for listener in tuple(self.on_ready):
            listener(run.account_id, terminal)

    async def _open(self, run: _Run, link: _Link) -> Terminal:
        credentials = await self._credentials(run)
        opened: list[Terminal] = []

        async def opening() -> None:
            opened.append(await self._terminals.open(run.account_id, credentials, self._listener(run, link)))

        try:
            await within(self._clock, self._patience.opening, opening())
        except BaseException:
            for terminal in opened:  # it came up in the very moment in which it was no longer wanted
                await self._close(run, terminal)
            raise
        return opened[0]

    async def _credentials(self, run: _Run) -> Mt5Credentials:
        sealed = await self._stored.sealed_credentials(run.account_id)
        while sealed is not None:
            try:
                return self._vault.open(run.account_id, sealed)
            except ValueError:
                before, sealed = sealed, await self._stored.sealed_credentials(run.account_id)
                if sealed == before:  # else a rotation of the master key has wrapped them anew between reading and here
                    raise BrokerUnreachable(
                        "The stored credentials cannot be read: the encryption key has changed."
                    ) from None
        raise BrokerUnreachable("The credentials of the account are missing.")

    def _listener(self, run: _Run, link: _Link) -> Listener:
        publish = self._feeds.publish
        account_id = run.account_id

        def listen(event: TerminalEvent) -> None:
            if link.is_over:  # a terminal that was replaced has no say any more
                return
            if type(event) is not ConnectionChanged:
                publish(account_id, event)
                return
            link.note(event)
            if link.was_lost:
                self._ready.pop(account_id, None)

        return listen

    async def _close(self, run: _Run, terminal: Terminal) -> None:
        try:
            await within(self._clock, self._patience.closing, terminal.close())
        except Exception:  # the edge to another process: a terminal that cannot log out is left behind
            _log.exception("terminal_not_closed", extra={"account_id": run.account_id})

    async def _move(
        self, run: _Run, state: AccountState, reason: str | None = None, *, then: Callable[[], None] | None = None
    ) -> None:
        def step(account: Account) -> Account:
            kept = account.last_error if state is _S.RECONNECTING else None
            return account.moved_to(state, last_error=reason or kept)

        await self._change(run, step, then)

    async def _change(self, run: _Run, step: _Step, then: Callable[[], None] | None = None) -> Account:
        def unless_over(account: Account) -> Account:
            if not account.counts:
                raise _Over
            return step(account)

        return await self._book.change(run.user_id, run.account_id, unless_over, then)


def _rest(account: Account) -> Account:
    """Bring a state from which no attempt can begin, such as one that a dead process left, to one from which it can."""
    if account.state in (_S.CREATED, _S.DISCONNECTED):
        return account
    return account.moved_to(_S.DISCONNECTED, last_error=account.last_error or "The connection was interrupted.")
