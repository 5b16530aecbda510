"""One socket: whose it is, what it has subscribed, and what waits to be written to it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reference_server.domain.errors import InvalidBody, Violation
from reference_server.domain.user import User
from reference_server.usecases.message_rate import MessageRate
from reference_server.usecases.outbox import DEFAULT_EVENTS, CloseCode, Outbox
from reference_server.usecases.topics import Topic

if TYPE_CHECKING:
    from reference_server.usecases.feed import Feed

DEFAULT_SYMBOLS = 500
DEFAULT_SOCKETS = 1_000
DEFAULT_MESSAGES_PER_SECOND = 50


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """What one socket may hold: symbols subscribed, and events that wait for a slow consumer; and sockets per user.

    `messages_per_second`: what a socket may say, see MessageRate.
    """

    symbols: int = DEFAULT_SYMBOLS
    events: int = DEFAULT_EVENTS
    sockets: int = DEFAULT_SOCKETS
    messages_per_second: int = DEFAULT_MESSAGES_PER_SECOND


class Session:
    """One open socket. `feed` is that of the account it is bound to, None while the user has no usable one."""

    __slots__ = ("_limits", "_symbols", "account_id", "feed", "introduced", "outbox", "rate", "topics", "user")

    def __init__(
        self, user: User, *, account_id: str | None = None, limits: SessionLimits | None = None, now: float = 0.0
    ) -> None:
        self._limits = limits or SessionLimits()
        self.user = user
        self.account_id = account_id
        """The account that the socket was opened for, None for the user's only one."""
        self.feed: Feed | None = None
        self.introduced = asyncio.Event()
        """Set while the socket was told the state of its account, so that what follows can be told; or is closed."""
        self.topics: set[Topic] = set()
        self._symbols: dict[str, None] = {}
        self.outbox = Outbox(events=self._limits.events)
        self.rate = MessageRate(self._limits.messages_per_second, now)

    @property
    def symbols(self) -> tuple[str, ...]:
        """All symbols subscribed now, in the order in which they were."""
        return tuple(self._symbols)

    @property
    def is_closed(self) -> bool:
        """Whether nothing more is told to the socket, which may be there for a while still."""
        return self.outbox.close_code is not None

    def check_room(self, symbols: Iterable[str]) -> None:
        """Raise InvalidBody when these would be more symbols than one socket may subscribe."""
        if len(self._symbols.keys() | set(symbols)) > self._limits.symbols:
            raise InvalidBody(
                f"One socket may subscribe {self._limits.symbols} symbols at most.",
                violations=(Violation("/symbols", f"more than {self._limits.symbols} symbols in all"),),
            )

    def add(self, topics: Iterable[Topic]) -> list[Topic]:
        """Note these topics as subscribed; return those that are new."""
        fresh = [topic for topic in topics if topic not in self.topics]
        self.topics.update(fresh)
        return fresh

    def note_symbols(self, symbols: Iterable[str]) -> None:
        """Remember the order in which symbols were subscribed."""
        self._symbols.update(dict.fromkeys(symbols))

    def remove(self, symbols: Iterable[str]) -> tuple[tuple[str, ...], list[Topic]]:
        """Forget every topic of these symbols; return the symbols and topics that were subscribed."""
        gone = {symbol: None for symbol in symbols if symbol in self._symbols}
        for symbol in gone:
            del self._symbols[symbol]
        topics = [topic for topic in self.topics if topic.symbol in gone]
        for topic in topics:
            self.topics.discard(topic)
            self.outbox.forget_market(topic)
        return tuple(gone), topics

    def reply(self, message: bytes) -> None:
        """Queue the answer to one of the socket's own messages; it is never dropped."""
        self.outbox.put_event(message)

    def close(self, code: CloseCode) -> None:
        """Ask the edge to close the socket with this code. It is told no state any more, so nobody may wait for it."""
        self.outbox.close(code)
        self.introduced.set()
