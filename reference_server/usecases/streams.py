"""The stream: opening and closing sockets, and what their messages ask for."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence

from reference_server.domain.account import Account, AccountState
from reference_server.domain.errors import (
    AccountAmbiguous,
    AccountLoginFailed,
    AccountNotFound,
    AccountNotReady,
    SocketLimitReached,
    SymbolNotFound,
)
from reference_server.domain.market import Timeframe
from reference_server.domain.trading import Position
from reference_server.domain.user import User
from reference_server.usecases.account_book import AccountBook
from reference_server.usecases.feed import Feed
from reference_server.usecases.feeds import Feeds
from reference_server.usecases.outbox import CloseCode
from reference_server.usecases.ports import Clock, Terminal
from reference_server.usecases.session import Session, SessionLimits
from reference_server.usecases.supervision import Supervisor
from reference_server.usecases.topics import Channel, topics_of

_log = logging.getLogger(__name__)


class Streams:
    """Every open socket.

    A socket that names an account is bound to it until it is deleted. Any other is bound to the user's only usable
    account as soon as there is one, also while the socket is open, until that account is deleted or refused; then to
    the next. While it is bound to none it hears of the states of all of the user's accounts.
    """

    def __init__(
        self,
        book: AccountBook,
        supervisor: Supervisor,
        feeds: Feeds,
        clock: Clock,
        *,
        limits: SessionLimits | None = None,
    ) -> None:
        self._book = book
        self._supervisor = supervisor
        self._feeds = feeds
        self._clock = clock
        self._limits = limits or SessionLimits()
        self._sessions: dict[str, dict[Session, None]] = {}
        self._closing: CloseCode | None = None
        self.open_sessions = 0
        book.listen(self._account_changed)

    async def open_session(self, user: User, account_id: str | None = None, since_seq: int | None = None) -> Session:
        """Begin the session of a socket, which `end_session` ends. Without `account_id` it waits for a usable account.

        `since_seq`: number of the last account event that the client knows. Raises SocketLimitReached, and for an
        account that is named and not the user's, or deleted, AccountNotFound; what keeps storage from being used.
        """
        if len(self._sessions.get(user.user_id, ())) >= self._limits.sockets:
            raise SocketLimitReached(
                f"{self._limits.sockets} sockets of this user are open, which is all that this gateway allows.",
                retry_after_seconds=1.0,
            )
        session = Session(user, account_id=account_id, limits=self._limits, now=self._clock.monotonic())
        self._sessions.setdefault(user.user_id, {})[session] = None
        self.open_sessions += 1
        if self._closing is not None:
            session.close(self._closing)
        try:
            await self._bind_first(session, since_seq)
        except BaseException:
            self.end_session(session)
            raise
        return session

    def end_session(self, session: Session) -> None:
        """The socket is gone: end its subscriptions. Safe to call twice."""
        of_user = self._sessions.get(session.user.user_id, {})
        if session not in of_user:
            return
        del of_user[session]
        if not of_user:
            del self._sessions[session.user.user_id]
        self.open_sessions -= 1
        self._unbind(session)

    def sessions(self) -> Iterator[Session]:
        """Every open session."""
        for of_user in self._sessions.values():
            yield from of_user

    async def subscribe(
        self,
        session: Session,
        symbols: Sequence[str],
        *,
        timeframe: Timeframe | None = None,
        channels: Iterable[Channel] | None = None,
    ) -> tuple[str, ...]:
        """Add market data to the session and return all symbols that are subscribed now.

        One refused symbol, and nothing of the message is subscribed. No price is sent before the next change. Raises
        SymbolNotFound, InvalidBody, AccountNotFound, AccountAmbiguous, AccountLoginFailed, AccountNotReady,
        TerminalUnavailable. Assumption: what was subscribed before stays; `unsubscribe` first to narrow it.
        """
        topics = topics_of(symbols, channels, timeframe)
        session.check_room(symbols)
        feed, terminal = await self._bound_terminal(session)
        for symbol in symbols:
            if not await feed.market.knows_symbol(terminal, symbol):
                raise SymbolNotFound(f"The broker has no symbol {symbol}.")
        if session.feed is not feed:  # the account or the socket went away meanwhile
            raise AccountNotReady(retry_after_seconds=1.0)
        session.note_symbols(symbols)
        fresh = session.add(topics)
        if fresh:
            feed.market.add(session.outbox, fresh)
        return session.symbols

    def unsubscribe(self, session: Session, symbols: Iterable[str]) -> tuple[str, ...]:
        """End all market data of these symbols; return those that were subscribed."""
        removed, topics = session.remove(symbols)
        if topics and session.feed is not None:
            session.feed.market.remove(session.outbox, topics)
        return removed

    async def get_positions(self, session: Session) -> Sequence[Position]:
        """Open positions of the session's account. Raises what `subscribe` raises, but for the symbols."""
        _, terminal = await self._bound_terminal(session)
        return await terminal.positions()

    def close_user(self, user_id: str) -> None:
        """Close every socket of a user whose key was revoked. Made for `UserUseCases.on_key_revoked`."""
        for session in self._sessions.get(user_id, {}):
            session.close(CloseCode.KEY_REVOKED)

    def close_all(self, code: CloseCode = CloseCode.RESTARTING) -> None:
        """Close every socket, and every one that still arrives: the gateway shuts down."""
        self._closing = code
        for session in self.sessions():
            session.close(code)

    async def _bound_terminal(self, session: Session) -> tuple[Feed, Terminal]:
        if session.feed is None:
            await self._bind(session, None)
        await self._introduction(session)
        feed = session.feed
        if feed is None or session.is_closed:
            raise AccountNotReady(retry_after_seconds=1.0)
        account = await self._book.select_account(session.user.user_id, feed.account_id)
        return feed, self._supervisor.terminal_of(account)

    async def _introduction(self, session: Session) -> None:
        """Wait until the socket was told the state of its account: nothing of the account goes before it.

        Who waited may find another account, or the state to be told anew; or a socket that is closed.
        """
        while session.feed is not None and not session.is_closed and not session.introduced.is_set():
            await session.introduced.wait()

    async def _bind_first(self, session: Session, since_seq: int | None) -> None:
        if session.account_id is None:
            try:
                await self._bind(session, since_seq)
            except (AccountNotFound, AccountAmbiguous, AccountLoginFailed):
                return  # there is none to choose yet: told to the messages that need one
        else:
            account = await self._book.get(session.user.user_id, session.account_id)
            if account.state is AccountState.DELETED:
                raise AccountNotFound
            self._join(session, account, since_seq)

    async def _bind(self, session: Session, since_seq: int | None) -> None:
        account = await self._book.select_account(session.user.user_id, session.account_id)
        self._join(session, account, since_seq)

    def _join(self, session: Session, account: Account, since_seq: int | None = None) -> None:
        of_user = self._sessions.get(session.user.user_id, {})
        if session.feed is None and session in of_user:
            session.feed = self._feeds.join(account, session, since_seq)

    def _unbind(self, session: Session) -> None:
        feed, session.feed = session.feed, None
        if feed is not None:
            self._feeds.leave(feed, session)
        session.remove(session.symbols)

    def _account_changed(self, account: Account) -> None:
        of_user = tuple(self._sessions.get(account.user_id, ()))
        unbound = [session for session in of_user if session.feed is None and session.account_id is None]
        self._feeds.change_status(account, unbound)
        for session in of_user:
            if session.feed is not None and session.feed.account_id == account.account_id and not account.counts:
                self._end_of(session, account)
            if session.feed is None and session.account_id is None:
                self._bind_now(session)

    def _end_of(self, session: Session, account: Account) -> None:
        """The session's account is deleted or refused; a socket that named it hears of it while it exists."""
        if session.account_id is None or account.state is AccountState.DELETED:
            self._unbind(session)
        else:
            self.unsubscribe(session, session.symbols)

    def _bind_now(self, session: Session) -> None:
        choice = self._book.choose_now(session.user.user_id)
        if choice is None:
            return
        try:
            self._join(session, choice)
        except Exception:
            _log.exception("a socket could not be bound to %s and is closed", choice.account_id)
            session.close(CloseCode.INTERNAL_ERROR)
