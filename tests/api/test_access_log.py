"""The access log: one line per request, without secrets, that nobody can forge."""

from __future__ import annotations

import asyncio
import io
import json

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send

from reference_server.api.access import Access
from reference_server.api.access_log import MOST_LINES, AccessLines
from reference_server.telemetry import scrub


async def lines_of(*requests: tuple[str, str, str], as_json: bool = True) -> list[str]:
    """Serve requests (method, path, query) with an application that answers 204; return what was logged."""
    stream = io.StringIO()

    async def answer(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(_message: Message) -> None:
        pass

    log = AccessLines(stream, scrub, as_json=as_json)
    application = Access(answer, log=log)
    for method, path, query in requests:
        scope: Scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": []}
        await application(scope, receive, send)
    log.flush()
    return stream.getvalue().removesuffix("\n").split("\n")


async def test_a_line_says_method_path_status_duration_and_request_id() -> None:
    (line,) = await lines_of(("GET", "/health", ""))
    record = json.loads(line)
    assert (record["method"], record["path"], record["status"]) == ("GET", "/health", 204)
    assert record["ms"] >= 0
    assert record["request_id"].startswith("req_")
    assert record["timestamp"].endswith("Z")


@pytest.mark.parametrize("as_json", [True, False])
async def test_neither_the_query_nor_a_key_in_the_path_is_logged(as_json: bool) -> None:
    key = "sk_live_" + "tonpo_0123456789"
    logged = await lines_of(("GET", "/ws", f"api_key={key}"), ("GET", f"/api/{key}", ""), as_json=as_json)
    assert len(logged) == 2
    assert not any(key in line or "api_key" in line for line in logged)


@pytest.mark.parametrize("as_json", [True, False])
async def test_a_path_cannot_forge_a_line(as_json: bool) -> None:
    logged = await lines_of(("GET", "/a\n2026 [info] GET /forged 200\x1b[2J\u2028", ""), as_json=as_json)
    assert len(logged) == 1
    assert "\x1b" not in logged[0]


async def test_request_ids_differ() -> None:
    logged = await lines_of(*[("GET", "/health", "")] * 100)
    assert len({json.loads(line)["request_id"] for line in logged}) == 100


async def test_lines_are_written_together_and_a_thousand_of_them_at_once() -> None:
    stream = io.StringIO()
    log = AccessLines(stream, scrub, as_json=False)
    for number in range(MOST_LINES):
        assert stream.getvalue() == ""
        log("GET", f"/{number}", 200, 1.0, "req_1")
    assert stream.getvalue().count("\n") == MOST_LINES


async def test_a_line_is_written_soon_when_no_other_comes() -> None:
    written = asyncio.Event()

    class Telling(io.StringIO):
        def write(self, text: str) -> int:
            written.set()
            return super().write(text)

    AccessLines(Telling(), scrub, as_json=True)("GET", "/", 200, 1.0, "req_1")
    await asyncio.wait_for(written.wait(), 5)


@given(path=st.text(max_size=300), ms=st.floats(0, 1e7), status=st.integers(0, 999))
@example(path='/"\\\n\x00', ms=0.005, status=200)
def test_whatever_the_path_is_a_line_is_json(path: str, ms: float, status: int) -> None:
    assume(not any(0xD800 <= ord(one) < 0xE000 for one in path))
    stream = io.StringIO()
    log = AccessLines(stream, scrub, as_json=True)
    log._lines.append((1_764_381_958_000_001_999, "GET", path, status, ms, "req_1"))
    log.flush()
    record = json.loads(stream.getvalue())
    assert (record["path"], record["status"], record["request_id"]) == (path, status, "req_1")
    assert record["ms"] == pytest.approx(ms, abs=0.0051)
    assert record["timestamp"] == "2025-11-29T02:05:58.000001Z"
