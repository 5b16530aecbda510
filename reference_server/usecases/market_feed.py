"""Market data of one account: the union of what its sockets want, and each message encoded once for all."""

from __future__ import annotations

from collections.abc import Iterable

from reference_server.domain.market import Candle, Tick, Timeframe
from reference_server.usecases.encoding import Encoder
from reference_server.usecases.outbox import Outbox
from reference_server.usecases.ports import Terminal
from reference_server.usecases.topics import Channel, Topic


class _Reader:
    """A topic with the outboxes that want it."""

    __slots__ = ("outboxes", "topic")

    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self.outboxes: dict[Outbox, None] = {}

    def send(self, message: bytes) -> None:
        topic = self.topic
        for outbox in self.outboxes:
            outbox.put_market(topic, message)


class MarketFeed:
    """Spreads ticks and candles over outboxes, and asks the terminal for what is wanted."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._ticks: dict[str, _Reader] = {}
        self._quotes: dict[str, _Reader] = {}
        self._candles: dict[tuple[str, Timeframe], _Reader] = {}
        self._terminal: Terminal | None = None
        self._known: set[str] = set()
        self._watched: tuple[frozenset[str], frozenset[tuple[str, Timeframe]]] = (frozenset(), frozenset())

    def attach(self, terminal: Terminal | None) -> None:
        """Read from this terminal from now on; it is asked for all that is subscribed already."""
        if terminal is self._terminal:
            return
        self._terminal = terminal
        self._known = set()
        self._watched = (frozenset(), frozenset())
        self._watch()

    async def knows_symbol(self, terminal: Terminal, symbol: str) -> bool:
        """Whether the broker has this symbol; asked once per terminal. Raises TerminalUnavailable."""
        if terminal is self._terminal and symbol in self._known:
            return True
        if not await terminal.knows_symbol(symbol):
            return False
        if terminal is self._terminal:
            self._known.add(symbol)
        return True

    def add(self, outbox: Outbox, topics: Iterable[Topic]) -> None:
        """Send the outbox these topics, too."""
        for topic in topics:
            self._reader(topic).outboxes[outbox] = None
        self._watch()

    def remove(self, outbox: Outbox, topics: Iterable[Topic]) -> None:
        """Send the outbox these topics no longer."""
        for topic in topics:
            self._drop(outbox, topic)
        self._watch()

    def tick(self, tick: Tick, *, is_quote: bool) -> None:
        """Spread a tick, and the quote that it makes where bid or ask changed."""
        reader = self._ticks.get(tick.symbol)
        if reader is not None:
            reader.send(self._encoder.tick(tick))
        if is_quote:
            reader = self._quotes.get(tick.symbol)
            if reader is not None:
                reader.send(self._encoder.quote(tick))

    def candle(self, candle: Candle) -> None:
        """Spread a closed candle."""
        reader = self._candles.get((candle.symbol, candle.timeframe))
        if reader is not None:
            reader.send(self._encoder.candle(candle))

    def _reader(self, topic: Topic) -> _Reader:
        if topic.timeframe is not None:
            return self._candles.setdefault((topic.symbol, topic.timeframe), _Reader(topic))
        readers = self._ticks if topic.channel is Channel.TICK else self._quotes
        return readers.setdefault(topic.symbol, _Reader(topic))

    def _drop(self, outbox: Outbox, topic: Topic) -> None:
        reader = self._reader(topic)
        reader.outboxes.pop(outbox, None)
        if reader.outboxes:
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
