"""The feed of each account that is connected, or ought to be, or has a socket."""

from __future__ import annotations

from collections.abc import Iterable

from reference_server.domain.account import Account
from reference_server.domain.events import TerminalEvent
from reference_server.usecases.encoding import Encoder
from reference_server.usecases.feed import Feed
from reference_server.usecases.introductions import Introductions
from reference_server.usecases.ports import StreamPositions, Terminal
from reference_server.usecases.session import Session


class Feeds:
    """Makes feeds when they are needed and drops them when they are not."""

    def __init__(self, encoder: Encoder, positions: StreamPositions, introductions: Introductions) -> None:
        self.encoder = encoder
        self._positions = positions
        self._introductions = introductions
        self._feeds: dict[str, Feed] = {}

    def join(self, account: Account, session: Session, since_seq: int | None = None) -> Feed:
        """Add the session to the account's feed and return it. Raises what keeps numbers from being reserved."""
        feed = self._of(account)
        feed.join(session, since_seq)
        self._introductions.begin(feed)
        return feed

    def leave(self, feed: Feed, session: Session) -> None:
        """Take the session out of its feed."""
        feed.leave(session)
        self._drop_if_idle(feed)

    def change_status(self, account: Account, bystanders: Iterable[Session] = ()) -> None:
        """The account was changed and stored: tell its sockets, and those that are bound to none."""
        feed = self._of(account)
        feed.change_status(account, bystanders)
        self._drop_if_idle(feed)

    def attach(self, account_id: str, terminal: Terminal) -> None:
        """The account's terminal is up, and connected."""
        feed = self._feeds.get(account_id)
        if feed is not None:
            feed.attach(terminal)
            self._introductions.begin(feed)

    def detach(self, account_id: str) -> None:
        """The account's terminal is gone."""
        feed = self._feeds.get(account_id)
        if feed is not None:
            feed.detach()
            self._drop_if_idle(feed)

    def publish(self, account_id: str, event: TerminalEvent) -> None:
        """Spread one event of the account's terminal."""
        feed = self._feeds.get(account_id)
        if feed is not None:
            feed.publish(event)

    async def close(self) -> None:
        """Stop reading states."""
        await self._introductions.close()

    def _of(self, account: Account) -> Feed:
        feed = self._feeds.get(account.account_id)
        if feed is None:
            feed = self._feeds[account.account_id] = Feed(account, self.encoder, self._positions)
        return feed

    def _drop_if_idle(self, feed: Feed) -> None:
        if feed.is_idle and self._feeds.get(feed.account_id) is feed:
            del self._feeds[feed.account_id]
