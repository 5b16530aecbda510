"""Fan-in and fan-out of one account: the union of what its sockets want, and each event encoded once for all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from reference_server.domain.events import CandleClosed, TerminalEvent, TickArrived
from reference_server.domain.market import Tick, Timeframe
from reference_server.usecases.ports import Terminal
from reference_server.usecases.session import Channel, Session, Topic


class Encoder(Protocol):
    """Turns events into messages, at most once each. The bytes are opaque here: text, or frames ready to be written."""

    def tick(self, tick: Tick) -> bytes: ...

    def quote(self, tick: Tick) -> bytes: ...

    def event(self, event: TerminalEvent) -> bytes | None:
        """Any other event; None for one that sockets are not told of."""
        ...


class _Reader:
    """A topic with the sessions that want it."""

    __slots__ = ("sessions", "topic")

    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self.sessions: dict[Session, None] = {}

    def send(self, message: bytes) -> None:
        topic = self.topic
        for session in self.sessions:
            session.outbox.put_market(topic, message)


class Feed:
    """What one account's terminal says, spread over its sessions. Lives longer than any one terminal."""

    def __init__(self, account_id: str, encoder: Encoder) -> None:
        self.account_id = account_id
        self._encoder = encoder
        self._sessions: dict[Session, None] = {}
        self._ticks: dict[str, _Reader] = {}
        self._quotes: dict[str, _Reader] = {}
        self._candles: dict[tuple[str, Timeframe], _Reader] = {}
        self._terminal: Terminal | None = None
        self._known: set[str] = set()
        self._watched: tuple[frozenset[str], frozenset[tuple[str, Timeframe]]] = (frozenset(), frozenset())

    @property
    def is_idle(self) -> bool:
        """Whether neither a terminal nor a session needs this feed."""
        return self._terminal is None and not self._sessions

    def attach(self, terminal: Terminal) -> None:
        """Read from this terminal from now on; it is asked for all that is subscribed already."""
        if terminal is self._terminal:
            return
        self._terminal = terminal
        self._known = set()
        self._watched = (frozenset(), frozenset())
        self._watch()

    def detach(self) -> None:
        """The terminal is gone; subscriptions stay for the next one."""
        self._terminal = None

    def join(self, session: Session) -> None:
        """Send this session the account's events, and the market data that it subscribes."""
        self._sessions[session] = None

    def leave(self, session: Session) -> None:
        """End everything of this session."""
        self._sessions.pop(session, None)
        self.remove(session, session.topics)

    async def knows_symbol(self, terminal: Terminal, symbol: str) -> bool:
        """Whether the broker has this symbol; asked once per terminal. Raises TerminalUnavailable."""
        if terminal is self._terminal and symbol in self._known:
            return True
        if not await terminal.knows_symbol(symbol):
            return False
        if terminal is self._terminal:
            self._known.add(symbol)
        return True

    def add(self, session: Session, topics: Iterable[Topic]) -> None:
        """Send the session these topics, too."""
        for topic in topics:
            self._reader(topic).sessions[session] = None
        self._watch()

    def remove(self, session: Session, topics: Iterable[Topic]) -> None:
        """Send the session these topics no longer."""
        for topic in topics:
            self._drop(session, topic)
        self._watch()

    def publish(self, event: TerminalEvent) -> None:
        """Spread one event of the terminal."""
        if type(event) is TickArrived:
            tick = event.tick
            reader = self._ticks.get(tick.symbol)
            if reader is not None:
                reader.send(self._encoder.tick(tick))
            if event.is_quote:
                reader = self._quotes.get(tick.symbol)
                if reader is not None:
                    reader.send(self._encoder.quote(tick))
        elif type(event) is CandleClosed:
            reader = self._candles.get((event.candle.symbol, event.candle.timeframe))
            if reader is not None:
                message = self._encoder.event(event)
                if message is not None:
                    reader.send(message)
        elif self._sessions:
            message = self._encoder.event(event)
            if message is not None:
                for session in self._sessions:
                    session.outbox.put_event(message)

    def _reader(self, topic: Topic) -> _Reader:
        if topic.timeframe is not None:
            return self._candles.setdefault((topic.symbol, topic.timeframe), _Reader(topic))
        readers = self._ticks if topic.channel is Channel.TICK else self._quotes
        return readers.setdefault(topic.symbol, _Reader(topic))

    def _drop(self, session: Session, topic: Topic) -> None:
        reader = self._reader(topic)
        reader.sessions.pop(session, None)
        if reader.sessions:
            return
        if topic.timeframe is not None:
            del self._candles[(topic.symbol, topic.timeframe)]
        else:
            del (self._ticks if topic.channel is Channel.TICK else self._quotes)[topic.symbol]

    def _watch(self) -> None:
        """Tell the terminal what is wanted, only when that has changed."""
        if self._terminal is None:
            return
        wanted = (frozenset(self._ticks.keys() | self._quotes.keys()), frozenset(self._candles))
        if wanted != self._watched:
            self._watched = wanted
            self._terminal.watch(*wanted)


class Feeds:
    """The feed of each account that has a terminal or a session."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._feeds: dict[str, Feed] = {}

    def join(self, account_id: str, session: Session) -> Feed:
        """Add the session to the account's feed and return it."""
        feed = self._of(account_id)
        feed.join(session)
        return feed

    def leave(self, feed: Feed, session: Session) -> None:
        """Take the session out of its feed."""
        feed.leave(session)
        self._drop_if_idle(feed)

    def attach(self, account_id: str, terminal: Terminal) -> None:
        """The account's terminal is up."""
        self._of(account_id).attach(terminal)

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

    def _of(self, account_id: str) -> Feed:
        feed = self._feeds.get(account_id)
        if feed is None:
            feed = self._feeds[account_id] = Feed(account_id, self._encoder)
        return feed

    def _drop_if_idle(self, feed: Feed) -> None:
        if feed.is_idle and self._feeds.get(feed.account_id) is feed:
            del self._feeds[feed.account_id]
