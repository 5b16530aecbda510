"""Ask a server for an old version of TLS without a TLS library, which today refuses to ask."""

import asyncio
import secrets
import struct

__all__ = ["offered_version"]

Version = tuple[int, int]

CIPHERS = (0xC009, 0xC00A, 0xC013, 0xC014, 0x0033, 0x0039, 0x002F, 0x0035, 0x000A)
"""What servers of the time of TLS 1.0 and 1.1 agreed on: CBC suites with ECDHE, DHE and RSA."""

HANDSHAKE, SERVER_HELLO = 22, 2


async def offered_version(host: str, port: int, version: Version, seconds: float) -> Version | None:
    """Offer `version` as the newest; return the version that the server agrees to, None when it does not agree.

    Silence, an alert and a closed connection are refusals.
    """
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(client_hello(host, version))
                await writer.drain()
                return _agreed(await reader.readexactly(11))
            finally:
                writer.close()
    except (TimeoutError, OSError, asyncio.IncompleteReadError):
        return None


def client_hello(host: str, version: Version) -> bytes:
    """Return the first record of a handshake that offers `version` and nothing newer."""
    suites = b"".join(struct.pack(">H", one) for one in CIPHERS)
    extensions = _extension(10, _sized(struct.pack(">HHH", 23, 24, 25))) + _extension(11, b"\x01\x00")
    if not host.replace(".", "").isdigit() and ":" not in host:
        extensions += _extension(0, _sized(b"\x00" + _sized(host.encode("idna"))))
    body = bytes(version) + secrets.token_bytes(32) + b"\x00" + _sized(suites) + b"\x01\x00" + _sized(extensions)
    message = b"\x01" + len(body).to_bytes(3) + body
    return bytes((HANDSHAKE, 3, 1)) + _sized(message)


def _agreed(start: bytes) -> Version | None:
    """Read the version out of a ServerHello: record header, message type, length, version."""
    if start[0] != HANDSHAKE or start[5] != SERVER_HELLO:
        return None
    return start[9], start[10]


def _extension(kind: int, data: bytes) -> bytes:
    return struct.pack(">H", kind) + _sized(data)


def _sized(data: bytes) -> bytes:
    return struct.pack(">H", len(data)) + data
