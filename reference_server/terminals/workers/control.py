"""What gateway and agent say to each other besides a worker's messages: JSON in the text messages of a WebSocket.

Its binary messages are pieces of the worker's standard input and output, in order, cut anywhere: an agent passes them
on unread. One worker runs at a time. `Start` begins a life; the gateway's bytes for it follow; `Exited` comes behind
the last byte that the worker ever said. What comes for a life that is over is dropped.
"""

from __future__ import annotations

from typing import Final

import msgspec


class Welcome(msgspec.Struct, frozen=True, tag=True):
    """The gateway's first message. `piece_bytes`: the longest binary message that it takes.

    Each side sends a `Beat` every `beat_seconds`; who hears nothing at all for `missed` of them gives the other up.
    """

    protocol: int
    account_id: str
    piece_bytes: int
    beat_seconds: float
    missed: int


class Start(msgspec.Struct, frozen=True, tag=True):
    """Start a worker."""

    life: int


class Kill(msgspec.Struct, frozen=True, tag=True):
    """End it at once."""

    life: int


class Hide(msgspec.Struct, frozen=True, tag=True):
    """Keep this text out of what is logged of the worker."""

    text: str


class Exited(msgspec.Struct, frozen=True, tag=True):
    """The worker has ended, or was never started; all that it said has been sent. `why` is a clause."""

    life: int
    why: str


class Beat(msgspec.Struct, frozen=True, tag=True):
    """The other side is there. `at_ms`: when it said so, by a clock of its own; the gateway says it before each call.

    An agent whose machine has slept finds calls that were sent long ago: it must not carry them out now.
    """

    at_ms: int = 0


FromGateway = Welcome | Start | Kill | Hide | Beat
FromAgent = Exited | Beat

LONGEST_WHY: Final = 200
"""Characters of `Exited.why`: with it the message is shorter than any gateway's limit."""


def text_of(message: FromGateway | FromAgent) -> str:
    """Return the message for its way."""
    return msgspec.json.encode(message).decode("utf-8")
