"""What one account's sockets are told: its events in their order, each behind a state that it belongs to."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from typing import cast

from reference_server.domain.account import Account, AccountState
from reference_server.domain.events import (
    AccountEvent,
    CandleClosed,
    ConnectionChanged,
    Figures,
    Snapshot,
    StatusChanged,
    TerminalEvent,
    TickArrived,
)
from reference_server.usecases.account_events import AccountEvents, Kept
from reference_server.usecases.encoding import Encoder
from reference_server.usecases.market_feed import MarketFeed
from reference_server.usecases.outbox import CloseCode
from reference_server.usecases.ports import StreamPositions, Terminal
from reference_server.usecases.session import Session

_log = logging.getLogger(__name__)


class Feed:
    """One account's events and market data, spread over its sessions. Lives longer than any one terminal.

    A session is told of events once it knows the state that they change: it has been given a snapshot, or was there
    before. Until then it is in `waiting`, and what happens is kept for it.
    """

    def __init__(self, account: Account, encoder: Encoder, positions: StreamPositions) -> None:
        self.account = account
        """As it was stored last."""
        self.events = AccountEvents(account.account_id, encoder, positions)
        self.market = MarketFeed(encoder)
        self.terminal: Terminal | None = None
        self.waiting: dict[Session, None] = {}
        self._live: dict[Session, None] = {}
        self._encoder = encoder

    @property
    def account_id(self) -> str:
        """The account's name."""
        return self.account.account_id

    @property
    def is_idle(self) -> bool:
        """Whether neither the account nor its terminal nor a session needs this feed."""
        return not self.account.counts and self.terminal is None and not self._live and not self.waiting

    @property
    def has_figures(self) -> bool:
        """Whether the account is connected, so that its figures can be read."""
        return self.terminal is not None and self.account.state is AccountState.ACTIVE

    def attach(self, terminal: Terminal) -> None:
        """The account is connected, perhaps again: what happened meanwhile no event tells, so all get its state anew.

        The terminal is asked for all that is subscribed already.
        """
        self.terminal = terminal
        self._number_gap()
        for session in self._live:
            session.introduced.clear()
        self.waiting.update(self._live)
        self._live.clear()
        self.market.attach(terminal)

    def detach(self) -> None:
        """The terminal is gone; subscriptions stay for the next one."""
        self.terminal = None
        self.market.attach(None)

    def join(self, session: Session, since_seq: int | None = None) -> None:
        """Tell this session of the account: what came after `since_seq` if all of it is kept, else its state first.

        Raises what keeps numbers from being reserved.
        """
        newest = self.events.newest
        missed = None if since_seq is None else self.events.since(since_seq)
        if missed is not None:
            session.outbox.put_replay(missed)
            self._admit(session)
        else:
            self.waiting[session] = None
            self._introduce_without_figures(newest)

    def leave(self, session: Session) -> None:
        """End everything of this session."""
        self.waiting.pop(session, None)
        self._live.pop(session, None)
        session.introduced.set()  # whoever waits for it must see that it will not come
        session.introduced.clear()
        self.market.remove(session.outbox, session.topics)

    def introduce(self, sessions: Iterable[Session], seq: int, figures: Figures | None) -> None:
        """Give those of these sessions that still wait the state of the account, read after event `seq`, and what came
        since. They go on waiting where that is not kept."""
        wanted = [session for session in sessions if session in self.waiting]
        missed = self.events.since(seq)
        if not wanted or missed is None:
            return
        message = self._encoder.snapshot(Snapshot(seq, self.account, figures))
        for session in wanted:
            del self.waiting[session]
            session.outbox.put_event(message)
            session.outbox.put_replay(missed)
            self._admit(session)

    def change_status(self, account: Account, bystanders: Iterable[Session] = ()) -> None:
        """Tell that the account was changed and stored; also to `bystanders`, who are bound to no account."""
        self.account = account
        try:
            before = self.events.newest
            kept = self.events.add(StatusChanged(account))
        except Exception:
            self._lose_count()
            return
        self._spread(kept, (*self._live, *bystanders))
        self._introduce_without_figures(before)

    def publish(self, event: TerminalEvent) -> None:
        """Spread one event of the terminal."""
        if type(event) is TickArrived:
            self.market.tick(event.tick, is_quote=event.is_quote)
        elif type(event) is CandleClosed:
            self.market.candle(event.candle)
        elif type(event) is not ConnectionChanged:
            self._tell(cast("AccountEvent", event))

    def heartbeat_of(self, session: Session) -> int | None:
        """Number of the last event that the session knows of, None while it waits for the account's state."""
        return None if session in self.waiting else self.events.newest

    def _tell(self, event: AccountEvent) -> None:
        try:
            kept = self.events.add(event)
        except Exception:
            self._lose_count()
            return
        self._spread(kept, self._live)

    def _spread(self, kept: Kept, sessions: Collection[Session]) -> None:
        if sessions:
            message = self.events.message_of(kept)
            for session in sessions:
                session.outbox.put_event(message)

    def _number_gap(self) -> None:
        try:
            self.events.cut()
        except Exception:
            self._lose_count()

    def _lose_count(self) -> None:
        """Storage gives no number: who cannot be told in order must come back for the state."""
        _log.exception("events of %s could not be numbered: its sockets are closed", self.account_id)
        for session in (*self._live, *self.waiting):
            session.close(CloseCode.INTERNAL_ERROR)

    def _introduce_without_figures(self, seq: int) -> None:
        if self.waiting and not self.has_figures:
            self.introduce(tuple(self.waiting), seq, None)

    def _admit(self, session: Session) -> None:
        self._live[session] = None
        session.introduced.set()
