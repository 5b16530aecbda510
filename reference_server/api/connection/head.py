"""What the head of a request says, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote

import httptools

MAX_HEAD_BYTES: Final = 65_536
"""Bounds request line and headers together; no request of the contract comes near."""

HEAD_TOO_LARGE: Final = f"The head of the request is larger than {MAX_HEAD_BYTES} bytes."


def problem_of_head(
    version: str, url: bytes, headers: Sequence[tuple[bytes, bytes]], *, may_be_large: bool
) -> str | None:
    """Say what is wrong with a head that the parser takes. `may_be_large`: it has to be measured.

    Source: RFC 9112, 2.6 and 3.2.
    """
    if version not in ("1.1", "1.0"):
        return "The request is not HTTP/1.1."
    hosts = [name for name, _ in headers].count(b"host")
    if hosts > 1 or (hosts == 0 and version == "1.1"):
        return "A request has exactly one Host header."
    if may_be_large:
        size = len(url) + sum(len(name) + len(value) + 4 for name, value in headers)
        if size > MAX_HEAD_BYTES:
            return HEAD_TOO_LARGE
    return None


def target_of(url: bytes) -> tuple[str, bytes, bytes]:
    """Return the path in clear, the path as it was sent, and the query of a request's target.

    Raises HttpParserInvalidURLError, UnicodeDecodeError.
    """
    if url.startswith(b"/") and not url.startswith(b"//") and b"#" not in url:
        raw_path, _, query = url.partition(b"?")
    else:
        parsed = httptools.parse_url(url)
        raw_path, query = parsed.path, parsed.query or b""
    path = raw_path.decode("ascii")
    return unquote(path) if "%" in path else path, raw_path, query
