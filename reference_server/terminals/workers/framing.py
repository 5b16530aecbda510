"""Messages on a pipe: four bytes of length, big-endian, then msgpack."""

from __future__ import annotations

import asyncio
import os
from typing import Final

HEADER_BYTES: Final = 4
LONGEST_FRAME: Final = 2**26
"""Bytes; far above any answer (10,000 symbols are half a megabyte), and a limit to what a broken peer can claim."""


class BrokenFrame(Exception):
    """What came from the pipe is no message."""


def framed(payload: bytes) -> bytes:
    """Return the payload with its length in front."""
    return len(payload).to_bytes(HEADER_BYTES, "big") + payload


async def read_frame(stream: asyncio.StreamReader, longest: int = LONGEST_FRAME) -> bytes | None:
    """Read one payload; None at the end of the stream, also in the middle of a frame. Raises BrokenFrame."""
    try:
        length = _length(await stream.readexactly(HEADER_BYTES), longest)
        return await stream.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def read_frame_blocking(descriptor: int) -> bytes | None:
    """Read one payload from a file descriptor; None at its end, also in the middle of a frame. Raises BrokenFrame."""
    header = _exactly(descriptor, HEADER_BYTES)
    return None if header is None else _exactly(descriptor, _length(header))


def write_frame_blocking(descriptor: int, payload: bytes) -> None:
    """Write all of it. Raises OSError when nobody reads any more."""
    rest = memoryview(framed(payload))
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _length(header: bytes, longest: int = LONGEST_FRAME) -> int:
    length = int.from_bytes(header, "big")
    if length > longest:
        raise BrokenFrame(f"a frame of {length} bytes")
    return length


def _exactly(descriptor: int, count: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < count:
        part = os.read(descriptor, count - len(parts))
        if not part:
            return None
        parts += part
    return bytes(parts)
