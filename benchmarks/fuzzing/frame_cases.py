"""Bytes on WebSockets that are nearly frames, and handshakes that are nearly ones."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from benchmarks.fuzzing.cases import Due, RawCase, name_of
from benchmarks.fuzzing.cast import WRONG_KEYS, Cast, User
from benchmarks.fuzzing.message_cases import BINARY, TEXT, MessageCases
from benchmarks.fuzzing.raw_cases import due_of, split

_MASK: Final = b"\x9a\x31\x5c\xe7"
_PING_TEXT: Final = b'{"type":"ping"}'
CLOSE, PING, PONG = 8, 9, 10
_CLOSE_CODES: Final = (0, 999, 1000, 1001, 1004, 1005, 1006, 1007, 1015, 1016, 2999, 3000, 4408, 4999, 5000, 65_535)
_HANDSHAKE_SHARE: Final = 0.35

Bytes = tuple[bytes, Due]


def frame(opcode: int, payload: bytes, *, is_final: bool = True, reserved: int = 0, is_masked: bool = True) -> bytes:
    """Compose a frame as a client sends it, or as none may."""
    first = opcode | reserved << 4 | (0x80 if is_final else 0)
    length = len(payload)
    if length < 126:
        sized = bytes((length,))
    else:
        sized = b"\x7e" + length.to_bytes(2, "big") if length < 65_536 else b"\x7f" + length.to_bytes(8, "big")
    if not is_masked:
        return bytes((first,)) + sized + payload
    masked = int.from_bytes(payload, "big") ^ int.from_bytes((_MASK * (length // 4 + 1))[:length], "big")
    return bytes((first, sized[0] | 0x80)) + sized[1:] + _MASK + masked.to_bytes(length, "big")


def handshake(path: str, headers: list[tuple[str, str]]) -> bytes:
    """Compose the request of a handshake."""
    return (
        f"GET {path} HTTP/1.1\r\n".encode("latin-1", "replace")
        + b"".join(f"{name}: {value}\r\n".encode("latin-1", "replace") for name, value in headers)
        + b"\r\n"
    )


def good_headers(key: str) -> list[tuple[str, str]]:
    """List the headers of a handshake that is accepted."""
    return [
        ("Host", "127.0.0.1"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", "13"),
        ("X-API-Key", key),
    ]


class FrameCases:
    """Makes frames and handshakes, the same for the same seed, index and cast."""

    def __init__(self, messages: MessageCases, cast: Cast, seed: int) -> None:
        self._messages = messages
        self._cast = cast
        self._seed = seed

    def make(self, index: int) -> RawCase:
        """Make what is sent on one connection."""
        name = name_of("raw_socket", self._seed, index)
        random = Random(name)
        sender = random.choice(self._cast.traders)
        if random.random() < _HANDSHAKE_SHARE:
            content = self._handshake(sender, random)
            pieces = split(content, random) if random.random() < 0.2 else (content,)
            return RawCase(name, sender.name, pieces, due_of(content), is_socket=False)
        payload = self._messages.make(random.randrange(1_000_000)).payload
        content, due = random.choice(_FRAMES)(payload, random)
        pieces = split(content, random) if random.random() < 0.25 else (content,)
        return RawCase(name, sender.name, pieces, due, is_socket=True)

    def _handshake(self, sender: User, random: Random) -> bytes:
        headers = good_headers(sender.key)
        path = "/ws"
        at = random.randrange(len(headers))
        name, value = headers[at]
        match random.randrange(8):
            case 0:
                del headers[at]
            case 1:
                headers[at] = (
                    name,
                    random.choice(("", "x", value.upper(), value * 2, value + "\x00", "8", "é", "a" * 70_000)),
                )
            case 2:
                headers.append(headers[at])
            case 3:
                headers[5] = ("X-API-Key", random.choice(WRONG_KEYS))
            case 4:
                path = "/ws?" + random.choice(
                    (
                        *(
                            "account_id=",
                            "account_id=x&account_id=y",
                            "account_id=" + "a" * 200,
                            "since_seq=-1",
                            "since_seq=1e3",
                        ),
                        *(
                            "since_seq=99999999999999999999",
                            "since_seq=0",
                            "since_seq=٣",
                            "since_seq=5&since_seq=5",
                            "a=b&" * 150,
                        ),
                        *(
                            "since_seq=9223372036854775807",
                            "since_seq=%30",
                            "%00",
                            "account_id=" + self._cast.witness.account_ids[0],
                        ),
                    )
                )
            case 5:
                path = random.choice(("/", "/ws/", "/WS", "/health", "/api/orders", "/ws%00", "//ws", "/ws;x", "/w%73"))
            case 6:
                extra = (
                    *(
                        ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits=99"),
                        ("Origin", "null"),
                    ),
                    *(("Sec-WebSocket-Protocol", "a, b"), ("Content-Length", "5"), ("Transfer-Encoding", "chunked")),
                )
                headers.append(random.choice(extra))
            case _:
                content = bytearray(handshake(path, headers))
                for _ in range(random.choice((1, 2, 5))):
                    content[random.randrange(len(content))] ^= 1 << random.randrange(8)
                return bytes(content)
        return handshake(path, headers)


def _bad_opcode(payload: bytes, random: Random) -> Bytes:
    return frame(random.choice((3, 4, 5, 6, 7, 11, 12, 15)), payload[:100]), "close"


def _unmasked(_payload: bytes, _random: Random) -> Bytes:
    return frame(TEXT, _PING_TEXT, is_masked=False), "close"


def _reserved(_payload: bytes, random: Random) -> Bytes:
    return frame(TEXT, _PING_TEXT, reserved=random.randrange(1, 8)), "close"


def _fragmented(payload: bytes, random: Random) -> Bytes:
    cut = random.randrange(len(payload) + 1)
    between = random.choice((b"", frame(PING, b"x"), frame(PONG, b"")))
    if len(payload) > 60_000 or not _is_text(payload):
        return frame(TEXT, payload[:cut], is_final=False) + between + frame(0, payload[cut:]), "end"
    return frame(TEXT, payload[:cut], is_final=False) + between + frame(0, payload[cut:]), "answer"


def _many_fragments(_payload: bytes, random: Random) -> Bytes:
    count = random.choice((10, 100, 1_000))
    parts = b"".join(frame(0, b" ", is_final=False) for _ in range(count))
    return frame(TEXT, _PING_TEXT, is_final=False) + parts + frame(0, b""), "answer"


def _out_of_turn(_payload: bytes, random: Random) -> Bytes:
    return random.choice((frame(0, _PING_TEXT), frame(TEXT, b"a", is_final=False) + frame(TEXT, _PING_TEXT))), "close"


def _huge(_payload: bytes, random: Random) -> Bytes:
    length = random.choice((65_537, 2**31, 2**62))
    return bytes((0x81, 0xFF)) + length.to_bytes(8, "big") + _MASK + b"a" * 50, "close"


def _unfinished(payload: bytes, random: Random) -> Bytes:
    whole = frame(TEXT, payload)
    return whole[: random.randrange(1, len(whole))], "end"


def _bad_text(_payload: bytes, random: Random) -> Bytes:
    wrong = random.choice((b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b'{"type":"ping\xfe"}', b"\xf5\x80\x80\x80"))
    return frame(TEXT, wrong), "close"


def _closing(_payload: bytes, random: Random) -> Bytes:
    code = random.choice(_CLOSE_CODES).to_bytes(2, "big")
    body = random.choice((b"", b"\x03", code, code + b"why", code + b"\xff", code + b"a" * 123))
    return frame(CLOSE, body) + random.choice((b"", frame(TEXT, _PING_TEXT), b"garbage")), "close"


def _control(_payload: bytes, random: Random) -> Bytes:
    kind = random.choice((PING, PONG))
    if random.random() < 0.3:
        return frame(kind, b"a" * random.choice((126, 1_000))), "close"
    if random.random() < 0.3:
        return frame(kind, b"a", is_final=False), "close"
    return frame(kind, b"a" * random.choice((0, 1, 125))) + frame(TEXT, _PING_TEXT), "answer"


def _long_form(_payload: bytes, random: Random) -> Bytes:
    # a length in more bytes than it needs, which RFC 6455, 5.2 forbids and many readers take
    masked = frame(TEXT, _PING_TEXT)[2:]
    size = random.choice((b"\xfe" + len(_PING_TEXT).to_bytes(2, "big"), b"\xff" + len(_PING_TEXT).to_bytes(8, "big")))
    return b"\x81" + size + masked, "answer"


def _burst(_payload: bytes, random: Random) -> Bytes:
    return frame(random.choice((TEXT, BINARY)), _PING_TEXT) * random.choice((2, 20, 100)), "answer"


def _flipped(payload: bytes, random: Random) -> Bytes:
    content = bytearray(frame(TEXT, payload[:2_000]))
    for _ in range(random.choice((1, 1, 3))):
        content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    return bytes(content), "end"


def _noise(_payload: bytes, random: Random) -> Bytes:
    return random.choice((random.randbytes(40), b"GET /health HTTP/1.1\r\n\r\n", b"\x00" * 300)), "end"


def _empty(_payload: bytes, random: Random) -> Bytes:
    return frame(random.choice((TEXT, BINARY)), b""), "answer"


def _is_text(payload: bytes) -> bool:
    try:
        payload.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


_FRAMES: Final[tuple[Callable[[bytes, Random], Bytes], ...]] = (
    _bad_opcode, _unmasked, _reserved, _fragmented, _many_fragments, _out_of_turn, _huge, _unfinished, _bad_text,
    _closing, _control, _long_form, _burst, _flipped, _noise, _empty,
)  # fmt: skip
