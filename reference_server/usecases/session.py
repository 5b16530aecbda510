"""One socket: whose it is, what it has subscribed, and what waits to be written to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from reference_server.domain.errors import InvalidBody, Violation
from reference_server.domain.market import Timeframe
from reference_server.domain.user import User
from reference_server.usecases.outbox import DEFAULT_EVENTS, CloseCode, Outbox

if TYPE_CHECKING:
    from reference_server.usecases.feed import Feed

DEFAULT_SYMBOLS = 500
DEFAULT_SOCKETS = 1_000


class Channel(StrEnum):
    """A kind of market data."""

    TICK = "tick"
    QUOTE = "quote"
    CANDLE = "candle"


@dataclass(frozen=True, slots=True)
class Topic:
    """One stream of market data; also the key under which the newest message waits."""

    channel: Channel
    symbol: str
    timeframe: Timeframe | None = None


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """What one socket may hold: symbols subscribed, and events that wait for a slow consumer; and sockets per user."""

    symbols: int = DEFAULT_SYMBOLS
    events: int = DEFAULT_EVENTS
    sockets: int = DEFAULT_SOCKETS


def topics_of(
    symbols: Iterable[str], channels: Iterable[Channel] | None, timeframe: Timeframe | None
) -> frozenset[Topic]:
    """The topics that a `subscribe` message asks for.

    Without `channels`: ticks and quotes, and candles when a timeframe is given; `channels` narrows that. Raises
    InvalidBody for candles without a timeframe.
    """
    if channels is None:
        wanted = {Channel.TICK, Channel.QUOTE} | ({Channel.CANDLE} if timeframe is not None else set())
    else:
        wanted = set(channels)
        if Channel.CANDLE in wanted and timeframe is None:
            raise InvalidBody(
                "Candles need a timeframe.", violations=(Violation("/timeframe", "required for the channel candle"),)
            )
    return frozenset(
        Topic(channel, symbol, timeframe if channel is Channel.CANDLE else None)
        for symbol in symbols
        for channel in wanted
    )


class Session:
    """One open socket. `feed` is that of the account it is bound to, None while the user has no usable one."""

    __slots__ = ("_limits", "_symbols", "account_id", "feed", "outbox", "topics", "user")

    def __init__(self, user: User, *, account_id: str | None = None, limits: SessionLimits | None = None) -> None:
        self._limits = limits or SessionLimits()
        self.user = user
        self.account_id = account_id
        """The account that the socket was opened for, None for the user's only one."""
        self.feed: Feed | None = None
        self.topics: set[Topic] = set()
        self._symbols: dict[str, None] = {}
        self.outbox = Outbox(events=self._limits.events)

    @property
    def symbols(self) -> tuple[str, ...]:
        """All symbols subscribed now, in the order in which they were."""
        return tuple(self._symbols)

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
        """Ask the edge to close the socket with this code."""
        self.outbox.close(code)
