"""Bytes on HTTP connections that are nearly requests."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from random import Random
from typing import Final

import httptools

from benchmarks.fuzzing.cases import Due, HttpCase, RawCase, name_of
from benchmarks.fuzzing.http_cases import HttpCases

_DANGEROUS: Final = ("createAccount", "deleteAccount", "rotateApiKey")
"""What must not happen by accident, however a request is cut."""
_MOST_PIECES: Final = 4
_GARBAGE: Final = (
    *(
        b"\x00",
        b"\r\n\r\n",
        b"\n",
        b"GET",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\xff" * 64,
    ),
    *(
        b"GET / HTTP/0.9\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET  /  HTTP/1.1\r\n\r\n",
        b"GET http://x/health HTTP/1.1\r\n\r\n",
    ),
    *(
        b"CONNECT x:1 HTTP/1.1\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\n\r\n",
        b"GET /health\r\n\r\n",
        b"get /health http/1.1\r\n\r\n",
    ),
    *(
        b"GET /health HTTP/1.1\r\n : x\r\n\r\n",
        b"GET /health HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
        b"GET /\xc3\xa9 HTTP/1.1\r\n\r\n",
    ),
    *(
        b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /" + b"a" * 70_000,
        b"GET /health HTTP/1.1\r\n" + b"A: b\r\n" * 9_000,
    ),
    *(
        b"GET //health HTTP/1.1\r\n\r\n",
        b"GET /health?\xff HTTP/1.1\r\n\r\n",
        b"GET /health#x HTTP/1.1\r\n\r\n",
        b"GET %2fhealth HTTP/1.1\r\n\r\n",
    ),
)

_HEADERS: Final = (
    *(b"Expect: 100-continue", b"Expect: 200-ok", b"Connection: close", b"Connection: upgrade\r\nUpgrade: h2c"),
    *(b"Upgrade: websocket\r\nConnection: Upgrade", b"Trailer: X-API-Key", b"TE: trailers", b"Host: b", b": empty"),
    *(b"X-API-Key: x", b"Content-Type: text/plain", b"A" * 9_000 + b": b", b"X: " + b"y" * 70_000, b"\xff: \xff"),
    *(b"Connection: \x00", b"X-Forwarded-For: 1.2.3.4", b"Keep-Alive: timeout=0"),
)


class RawCases:
    """Makes raw bytes, the same for the same seed, index and cast."""

    def __init__(self, http: HttpCases, seed: int) -> None:
        self._http = http
        self._seed = seed

    def make(self, index: int) -> RawCase:
        """Make the bytes of one connection."""
        name = name_of("raw_http", self._seed, index)
        random = Random(name)
        case = self._harmless(name, random)
        content = b"".join(case.pieces)
        if random.random() < 0.08:
            content = random.choice(_GARBAGE) + (content if random.random() < 0.3 else b"")
        else:
            for _ in range(random.choice((1, 1, 2, 3))):
                content = random.choice(_CHANGES)(content, random)
        if random.random() < 0.1:
            content += b"".join(self._harmless(name, random, case.sender).pieces)
        pieces = split(content, random) if random.random() < 0.25 else (content,)
        return RawCase(name, case.sender, pieces, due_of(content), is_socket=False)

    def _harmless(self, name: str, random: Random, sender: str | None = None) -> HttpCase:
        while True:
            case = self._http.request(name, random, valid_share=0.9)
            if case.operation not in _DANGEROUS and sender in (None, case.sender):
                return case


def split(content: bytes, random: Random) -> tuple[bytes, ...]:
    """Cut bytes into pieces that are written with a pause between them."""
    cuts = sorted(random.randrange(len(content) + 1) for _ in range(random.randrange(1, _MOST_PIECES)))
    edges = [0, *cuts, len(content)]
    return tuple(content[start:end] for start, end in pairwise(edges) if start < end)


class _Seen:
    """Counts what a parser finds."""

    def __init__(self) -> None:
        self.messages = 0

    def on_message_complete(self) -> None:
        self.messages += 1


def due_of(content: bytes) -> Due:
    """Tell by a parser of our own whether the bytes hold a request, or something that is none."""
    seen = _Seen()
    try:
        httptools.HttpRequestParser(seen).feed_data(content)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return "answer"
    return "answer" if seen.messages else "end"


def methods_of(content: bytes) -> list[bytes]:
    """Tell the methods of the complete requests, in their order: an answer to HEAD has no body."""
    found: list[bytes] = []

    class Reading:
        def on_message_begin(self) -> None:
            found.append(b"")

        def on_headers_complete(self) -> None:
            found[-1] = parser.get_method()

    parser = httptools.HttpRequestParser(Reading())
    try:
        parser.feed_data(content)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return found
    return found


def _flipped(content: bytes, random: Random) -> bytes:
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 8))):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _span(content: bytes, random: Random) -> tuple[int, int]:
    start = random.randrange(len(content))
    return start, min(len(content), start + random.choice((1, 2, 8, 64, 1_000)))


def _without_span(content: bytes, random: Random) -> bytes:
    start, end = _span(content, random)
    return content[:start] + content[end:] or b"\r"


def _doubled_span(content: bytes, random: Random) -> bytes:
    start, end = _span(content, random)
    return content[:end] + content[start:end] * random.choice((1, 1, 1, 50)) + content[end:]


def _inserted(content: bytes, random: Random) -> bytes:
    at = random.randrange(len(content))
    added = random.choice(
        (b"\x00", b"\r", b"\n", b"\r\n", b" ", b"\t", b"\xff\xfe", b":", random.randbytes(16), b"%", b"a" * 2_000)
    )
    return content[:at] + added + content[at:]


def _cut(content: bytes, random: Random) -> bytes:
    return content[: random.randrange(1, len(content) + 1)]


def _line_ends(content: bytes, random: Random) -> bytes:
    head, end, body = content.partition(b"\r\n\r\n")
    other = random.choice((b"\n", b"\r", b"\r\r\n", b"\n\r", b" \r\n", b"\r\n ", b"\x0b\r\n", b"\x00\r\n"))
    lines = head.split(b"\r\n")
    at = random.randrange(len(lines))
    joined = b"".join(line + (other if number == at else b"\r\n") for number, line in enumerate(lines))
    return joined[:-2] + end + body if random.random() < 0.5 else joined + random.choice((b"\n", b"\r\n", b"")) + body


def _length(content: bytes, random: Random) -> bytes:
    value = random.choice(
        (
            b"0",
            b"1",
            b"-1",
            b"99999999999999999999",
            b"1e2",
            b"+5",
            b"5, 5",
            b" ",
            b"0x10",
            b"70000",
            b"5\r\nContent-Length: 6",
        )
    )
    head, end, body = content.partition(b"\r\n\r\n")
    kept = b"\r\n".join(line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length"))
    return kept + b"\r\nContent-Length: " + value + end + body


def _chunked(content: bytes, random: Random) -> bytes:
    head, end, body = content.partition(b"\r\n\r\n")
    kept = b"\r\n".join(line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length"))
    size = random.choice(
        (
            b"%x" % len(body),
            b"%x" % (len(body) + 1),
            b"ffffffffffffffff1",
            b"-1",
            b"0",
            b"",
            b"g",
            b"%x;a=b" % len(body),
            b"00000%x" % len(body),
        )
    )
    coding = random.choice(
        (b"chunked", b"chunked", b"gzip, chunked", b"chunked, chunked", b"identity", b"\x0bchunked", b"xchunked")
    )
    tail = random.choice(
        (b"\r\n0\r\n\r\n", b"\r\n0\r\n\r\n", b"\n0\n\n", b"0\r\n\r\n", b"\r\n0\r\nX-API-Key: x\r\n\r\n", b"")
    )
    extra = random.choice((b"", b"", b"\r\nContent-Length: 3"))
    return kept + b"\r\nTransfer-Encoding: " + coding + extra + end + size + b"\r\n" + body + tail


def _pipelined(content: bytes, random: Random) -> bytes:
    return content * random.choice((2, 3, 10))


def _header(content: bytes, random: Random) -> bytes:
    added = random.choice(_HEADERS)
    head, end, rest = content.partition(b"\r\n")
    return head + end + added + end + rest


_CHANGES: Final[tuple[Callable[[bytes, Random], bytes], ...]] = (
    _flipped, _flipped, _without_span, _doubled_span, _inserted, _cut, _line_ends, _length, _chunked, _pipelined,
    _header,
)  # fmt: skip
