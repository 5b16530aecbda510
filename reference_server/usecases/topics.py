"""What of the market a socket can subscribe."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from reference_server.domain.errors import InvalidBody, Violation
from reference_server.domain.market import Timeframe


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
