"""One thing that is sent, and what may come of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["http", "raw_http", "message", "raw_socket"]
SHARES: Final[dict[Kind, float]] = {"http": 0.35, "raw_http": 0.25, "message": 0.25, "raw_socket": 0.15}
NAMES: Final[dict[Kind, str]] = {
    "http": "HTTP requests of the contract, mutated",
    "raw_http": "raw bytes on HTTP connections",
    "message": "stream messages of the contract, mutated",
    "raw_socket": "raw bytes on WebSockets, bad handshakes",
}

Due = Literal["answer", "close", "end", "nothing"]
"""What must come: an answer (or a close), a close, either only once the client ends the connection, or nothing."""


@dataclass(frozen=True, slots=True)
class HttpCase:
    """A request in pieces, each written by itself. `operation` is None for a path that none has."""

    name: str
    sender: str
    operation: str | None
    method: str
    pieces: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class RawCase:
    """Bytes for a connection of their own. `is_socket`: to be sent after the handshake of a WebSocket."""

    name: str
    sender: str
    pieces: tuple[bytes, ...]
    due: Due
    is_socket: bool


@dataclass(frozen=True, slots=True)
class MessageCase:
    """A message for an open socket. `request_id` is what its answer must carry, None where that is not known."""

    name: str
    opcode: int
    payload: bytes
    request_id: str | None


def name_of(kind: Kind, seed: int, index: int) -> str:
    """Name a case so that it can be made again, alone."""
    return f"{kind}:{seed}:{index}"
