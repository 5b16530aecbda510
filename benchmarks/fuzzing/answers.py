"""What a server says, read strictly: HTTP answers and WebSocket frames."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.child import BenchmarkFailed


class BadAnswer(BenchmarkFailed):
    """Bytes that no HTTP answer and no frame consist of."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """One answer. Names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes
    head: bytes

    @property
    def closes(self) -> bool:
        """Whether the connection ends behind it."""
        return self.headers.get("connection", "").lower() == "close"


def take_answer(content: bytes, *, is_to_head: bool = False) -> tuple[HttpAnswer, bytes] | None:
    """Take the first answer from the bytes and give the rest; None while it is not whole. Raises BadAnswer."""
    head, end, rest = content.partition(b"\r\n\r\n")
    if not end:
        if content and not b"HTTP/1.1 ".startswith(content[:9]):
            raise BadAnswer(f"no HTTP: {content[:80]!r}")
        return None
    first, *lines = head.split(b"\r\n")
    if not first.startswith(b"HTTP/1.1 ") or not first[9:12].isdigit():
        raise BadAnswer(f"no status line: {first[:80]!r}")
    status = int(first[9:12])
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not name or b"\r" in line or b"\n" in line:
            raise BadAnswer(f"a broken header: {line[:80]!r}")
        headers[name.decode("latin-1").lower()] = value.strip().decode("latin-1")
    if 100 <= status < 200 and status != 101:
        return take_answer(rest, is_to_head=is_to_head)
    is_refusal = status == 400 and headers.get("connection") == "close"  # of what could not be read as any method
    if (is_to_head and not is_refusal) or status in (101, 204, 304):
        return HttpAnswer(status, headers, b"", head), rest
    if headers.get("transfer-encoding") == "chunked":
        return _take_chunked(status, headers, rest, head)
    length = headers.get("content-length", "")
    if not length.isdigit():
        raise BadAnswer(f"an answer without length: {head[:120]!r}")
    if len(rest) < int(length):
        return None
    return HttpAnswer(status, headers, rest[: int(length)], head), rest[int(length) :]


def _take_chunked(status: int, headers: dict[str, str], rest: bytes, head: bytes) -> tuple[HttpAnswer, bytes] | None:
    body = b""
    while True:
        size, end, after = rest.partition(b"\r\n")
        if not end:
            return None
        count = int(size, 16)
        if len(after) < count + 2:
            return None
        body += after[:count]
        rest = after[count + 2 :]
        if count == 0:
            return HttpAnswer(status, headers, body, head), rest


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a server. `code` is that of a close frame."""

    opcode: int
    payload: bytes

    @property
    def code(self) -> int:
        """The close code, 1005 for none."""
        return int.from_bytes(self.payload[:2], "big") if len(self.payload) >= 2 else 1005


def take_frame(content: bytes) -> tuple[Frame, bytes] | None:
    """Take the first frame and give the rest; None while it is not whole. Raises BadAnswer."""
    if len(content) < 2:
        return None
    first, length = content[0], content[1]
    if first & 0x70 or length & 0x80 or first & 0x0F not in (1, 2, 8, 9, 10) or not first & 0x80:
        raise BadAnswer(f"no frame of a server: {content[:40]!r}")
    start = 2
    if length == 126:
        start, length = 4, int.from_bytes(content[2:4], "big")
    elif length == 127:
        start, length = 10, int.from_bytes(content[2:10], "big")
    if len(content) < start + length:
        return None
    return Frame(first & 0x0F, content[start : start + length]), content[start + length :]
