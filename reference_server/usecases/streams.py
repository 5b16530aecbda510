"""The stream: opening and closing sockets, and what their messages ask for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reference_server.domain.account import Account
from reference_server.domain.errors import AccountNotReady, GatewayError, SocketLimitReached, SymbolNotFound
from reference_server.domain.market import Timeframe
from reference_server.domain.trading import Position
from reference_server.domain.user import User
from reference_server.usecases.account_book import AccountBook
from reference_server.usecases.feed import Feed, Feeds
from reference_server.usecases.outbox import CloseCode
from reference_server.usecases.ports import Terminal
from reference_server.usecases.session import Channel, Session, SessionLimits, topics_of
from reference_server.usecases.supervision import Supervisor


class Streams:
    """Every open socket.

    A socket is bound to an account as soon as the user has a usable one, also while the socket is open. When that
    account is deleted or refused, the socket's subscriptions end and it is bound to the next one.
    """

    def __init__(
        self, book: AccountBook, supervisor: Supervisor, feeds: Feeds, *, limits: SessionLimits | None = None
    ) -> None:
        self._book = book
        self._supervisor = supervisor
        self._feeds = feeds
        self._limits = limits or SessionLimits()
        self._sessions: dict[str, dict[Session, None]] = {}
        self._closing: CloseCode | None = None
        self.open_sessions = 0
        book.listen(self._account_changed)

    async def open_session(self, user: User, account_id: str | None = None) -> Session:
        """Begin the session of a socket, which `end_session` ends. It waits for a usable account.

        Raises SocketLimitReached.
        """
        if len(self._sessions.get(user.user_id, ())) >= self._limits.sockets:
            raise SocketLimitReached(
                f"{self._limits.sockets} sockets of this user are open, which is all that this gateway allows.",
                retry_after_seconds=1.0,
            )
        session = Session(user, account_id=account_id, limits=self._limits)
        self._sessions.setdefault(user.user_id, {})[session] = None
        self.open_sessions += 1
        if self._closing is not None:
            session.close(self._closing)
        try:
            await self._bind(session)
        except GatewayError:
            pass  # an unusable account is told to the messages that need one
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
            if not await feed.knows_symbol(terminal, symbol):
                raise SymbolNotFound(f"The broker has no symbol {symbol}.")
        if session.feed is not feed:  # the account or the socket went away meanwhile
            raise AccountNotReady(retry_after_seconds=1.0)
        session.note_symbols(symbols)
        fresh = session.add(topics)
        if fresh:
            feed.add(session, fresh)
        return session.symbols

    def unsubscribe(self, session: Session, symbols: Iterable[str]) -> tuple[str, ...]:
        """End all market data of these symbols; return those that were subscribed."""
        removed, topics = session.remove(symbols)
        if topics and session.feed is not None:
            session.feed.remove(session, topics)
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
        for of_user in self._sessions.values():
            for session in of_user:
                session.close(code)

    async def _bound_terminal(self, session: Session) -> tuple[Feed, Terminal]:
        if session.feed is None:
            await self._bind(session)
        feed = session.feed
        if feed is None:
            raise AccountNotReady(retry_after_seconds=1.0)
        account = await self._book.select_account(session.user.user_id, feed.account_id)
        return feed, self._supervisor.terminal_of(account)

    async def _bind(self, session: Session) -> None:
        account = await self._book.select_account(session.user.user_id, session.account_id)
        self._join(session, account)

    def _join(self, session: Session, account: Account) -> None:
        of_user = self._sessions.get(session.user.user_id, {})
        if session.feed is None and session in of_user:
            session.feed = self._feeds.join(account.account_id, session)

    def _unbind(self, session: Session) -> None:
        if session.feed is not None:
            self._feeds.leave(session.feed, session)
            session.feed = None
        session.remove(session.symbols)

    def _account_changed(self, account: Account) -> None:
        for session in self._sessions.get(account.user_id, {}):
            if not account.counts and session.feed is not None and session.feed.account_id == account.account_id:
                self._unbind(session)
            if session.feed is None:
                choice = self._book.choose_now(account.user_id, session.account_id)
                if choice is not None:
                    self._join(session, choice)
