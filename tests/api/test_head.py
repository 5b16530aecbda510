"""The head of a request: its target is read as the parser's own reader does, and what is wrong with it is named."""

from __future__ import annotations

from urllib.parse import unquote

import httptools
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reference_server.api.connection.head import HEAD_TOO_LARGE, MAX_HEAD_BYTES, problem_of_head, target_of

HOST = (b"host", b"x")
PIECES = st.lists(st.sampled_from([b"/", b"a", b"?", b"%2F", b"%25", b"%", b"#", b"=", b":", b"//", b".."]), max_size=8)


@given(st.builds(lambda start, pieces: start + b"".join(pieces), st.sampled_from([b"/", b"http://h", b""]), PIECES))
@example(b"/ws?api_key=a?b")
@example(b"//host/path")
def test_a_target_is_read_as_httptools_reads_it(url: bytes) -> None:
    try:
        parsed = httptools.parse_url(url)
    except httptools.HttpParserInvalidURLError:
        return
    path: bytes | None = parsed.path
    if path is not None:
        assert target_of(url) == (unquote(path.decode("ascii")), path, parsed.query or b"")


def test_a_target_that_is_not_ascii_is_refused() -> None:
    with pytest.raises(UnicodeDecodeError):
        target_of(b"/\xc3\xa4")


@pytest.mark.parametrize(
    ("version", "headers", "problem"),
    [
        ("1.1", [HOST], None),
        ("1.0", [], None),
        ("2.0", [HOST], "not HTTP/1.1"),
        ("1.1", [], "exactly one Host"),
        ("1.1", [HOST, HOST], "exactly one Host"),
        ("1.0", [HOST, HOST], "exactly one Host"),
    ],
)
def test_a_version_and_one_host(version: str, headers: list[tuple[bytes, bytes]], problem: str | None) -> None:
    told = problem_of_head(version, b"/", headers, may_be_large=False)
    assert told is None if problem is None else problem in (told or "")


def test_a_head_that_came_in_one_piece_is_measured() -> None:
    large = [HOST, (b"x", b"y" * MAX_HEAD_BYTES)]
    assert problem_of_head("1.1", b"/", large, may_be_large=True) == HEAD_TOO_LARGE
    assert problem_of_head("1.1", b"/", [HOST], may_be_large=True) is None, "a body came along"
