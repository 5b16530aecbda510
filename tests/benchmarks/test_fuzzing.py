"""The fuzzer is a tester, so it is tested: against small servers that are wrong, each oracle must say so."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any
from typing import cast as cast_to

import pytest

from benchmarks.fuzzing.answers import BadAnswer, take_answer, take_frame
from benchmarks.fuzzing.cases import HttpCase, MessageCase, RawCase
from benchmarks.fuzzing.cast import Cast, User, login_of, password_of
from benchmarks.fuzzing.contracted import Contracted, read_contract
from benchmarks.fuzzing.findings import Findings
from benchmarks.fuzzing.frame_cases import FrameCases, frame
from benchmarks.fuzzing.http_cases import HttpCases
from benchmarks.fuzzing.judge import Judge
from benchmarks.fuzzing.lanes import Deadlines, Lane, send_messages, send_raw, send_requests
from benchmarks.fuzzing.message_cases import MessageCases
from benchmarks.fuzzing.raw_cases import RawCases, due_of
from benchmarks.fuzzing.secrets_kept import Secrets
from benchmarks.fuzzing.shown import case_of
from benchmarks.fuzzing.subject import Reading, growth_of, read_log

ROOT = Path(__file__).parents[2]
LOGIN = login_of(Random(1))
OTHERS_LOGIN = login_of(Random(2))
PASSWORD = password_of(Random(1))
NAMES = ("trader-1", "trader-2", "trader-3", "trader-4", "scratch", "spinner", "witness")
Answer = Callable[[bytes], bytes | None]


@pytest.fixture(scope="module")
def contracted() -> Contracted:
    return read_contract()


@pytest.fixture
def cast() -> Cast:
    users = [User(name, f"sk_live_tonpo_{name:0>36}", f"usr_{name}", [f"acc_{name}"], []) for name in NAMES]
    return Cast(tuple(users[:4]), *users[4:])


@pytest.fixture
def secrets(cast: Cast) -> Secrets:
    known = Secrets()
    for user in cast.everybody:
        known.add_key(user.key, user.name)
    known.add_login(LOGIN, "trader-1")
    known.add_login(OTHERS_LOGIN, "trader-2")
    return known


@asynccontextmanager
async def serving(answer: Answer, *, closes: bool = True) -> AsyncIterator[int]:
    """Serve what `answer` makes of each read; None is silence. Without `closes` the end of a client changes nothing."""

    opened: list[asyncio.Transport] = []

    class Serving(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast_to(asyncio.Transport, transport)
            opened.append(self.transport)

        def data_received(self, data: bytes) -> None:
            if (content := answer(data)) is not None:
                self.transport.write(content)

        def eof_received(self) -> bool:
            return not closes

    server = await asyncio.get_running_loop().create_server(Serving, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        for one in opened:
            one.abort()
        await asyncio.sleep(0)  # the turn in which they close


def said(status: int, document: Any, **headers: str) -> bytes:
    body = json.dumps(document).encode()
    known = {"content-type": "application/json", "x-request-id": "r1", "content-length": str(len(body)), **headers}
    return f"HTTP/1.1 {status} X\r\n".encode() + b"".join(
        f"{name}: {value}\r\n".encode() for name, value in known.items()
    ) + b"\r\n" + body  # fmt: skip


def error(status: int, reason: str, kind: str = "server_error") -> dict[str, Any]:
    return {"error": "Something.", "code": status, "type": kind, "reason": reason, "request_id": "r1"}


HEALTH = {"status": "ok", "version": "1", "connections": {}, "capabilities": []}
REQUEST = HttpCase("http:1:1", "trader-1", "getHealth", "GET", (b"GET /health HTTP/1.1\r\n\r\n",))
INFO = HttpCase("http:1:2", "trader-1", "getAccountInfo", "GET", (b"GET /api/account HTTP/1.1\r\n\r\n",))


class Fuzzed:
    """A lane over one of the small servers."""

    def __init__(self, contracted: Contracted, cast: Cast, secrets: Secrets) -> None:
        self.findings = Findings()
        self._judge = Judge(contracted, secrets, self.findings, may_miss_accounts="scratch")
        self._cast = cast
        self._secrets = secrets
        self.deadlines = Deadlines()

    def lane(self, port: int) -> Lane:
        return Lane(port, self._cast, self._judge, self.findings, self._secrets, self.deadlines, lambda: None)

    async def run(
        self, answer: Answer, send: Callable[[Lane], Awaitable[None]], *, closes: bool = True
    ) -> Counter[Any]:
        async with serving(answer, closes=closes) as port:
            await send(self.lane(port))
        return self.findings.counts

    async def requests(self, answer: Answer, *cases: HttpCase) -> Counter[Any]:
        return await self.run(answer, lambda lane: send_requests(lane, iter(cases)))

    async def raw(self, answer: Answer, case: RawCase, *, closes: bool = True) -> Counter[Any]:
        return await self.run(answer, lambda lane: send_raw(lane, iter([case])), closes=closes)

    def hurry(self) -> None:
        """What is to be found is that nothing comes: no need to wait for it long."""
        self.deadlines = Deadlines(0.1, 0.1)


@pytest.fixture
def fuzzed(contracted: Contracted, cast: Cast, secrets: Secrets) -> Fuzzed:
    return Fuzzed(contracted, cast, secrets)


async def test_a_sound_server_raises_nothing(fuzzed: Fuzzed) -> None:
    assert await fuzzed.requests(lambda _: said(200, HEALTH), REQUEST, REQUEST) == {}


async def test_a_server_that_answers_500_is_caught(fuzzed: Fuzzed) -> None:
    found = await fuzzed.requests(lambda _: said(500, error(500, "internal_error")), REQUEST)
    assert found == {"server errors": 1}


@pytest.mark.parametrize(("sender", "expected"), [("trader-1", {"server errors": 1}), ("scratch", {})])
async def test_only_a_user_without_accounts_may_be_told_that_its_account_is_not_ready(
    fuzzed: Fuzzed, sender: str, expected: dict[str, int]
) -> None:
    answer = said(503, error(503, "account_not_ready"), **{"retry-after": "1"})
    case = HttpCase("http:1:3", sender, "getAccountInfo", "GET", INFO.pieces)
    assert await fuzzed.requests(lambda _: answer, case) == expected


@pytest.mark.parametrize(
    "answer",
    [
        said(418, error(418, "internal_error")),
        said(404, error(404, "order_not_found", "not_found")),
        said(401, error(400, "invalid_api_key", "authentication_error")),
        said(401, {"message": "no"}),
        said(401, {**error(401, "invalid_api_key"), "request_id": "another"}),
        said(429, error(429, "request_rate", "rate_limit_error")),
        said(404, error(404, "account_not_found", "not_found"), **{"content-type": "text/html"}),
        said(404, error(404, "account_not_found", "not_found")).replace(b"x-request-id: r1\r\n", b""),
        said(302, {}),
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{}",
        b"nonsense\r\n\r\n",
    ],
)
async def test_an_answer_that_the_contract_does_not_have_is_caught(fuzzed: Fuzzed, answer: bytes) -> None:
    assert (await fuzzed.requests(lambda _: answer, INFO))["answers"] == 1


async def test_a_success_that_breaks_its_schema_is_caught_in_the_sample(fuzzed: Fuzzed) -> None:
    found = await fuzzed.requests(lambda _: said(200, {"status": 1}), *[REQUEST] * 20)
    assert found["answers"] == 1


@pytest.mark.parametrize(
    ("shown", "is_leak"),
    [
        (NAMES[1], True),
        (LOGIN, False),
        (OTHERS_LOGIN, True),
        (PASSWORD, True),
        ("sk_live_tonpo_x", True),
        ("acc_1", False),
    ],
)
async def test_a_server_that_shows_what_is_anothers_is_caught(
    fuzzed: Fuzzed, cast: Cast, shown: str, is_leak: bool
) -> None:
    text = next((user.key for user in cast.everybody if user.name == shown), shown)
    found = await fuzzed.requests(lambda _: said(200, {**HEALTH, "version": text}), REQUEST)
    assert found["leaks"] == int(is_leak)


async def test_a_leak_in_a_header_is_caught(fuzzed: Fuzzed, cast: Cast) -> None:
    found = await fuzzed.requests(lambda _: said(200, HEALTH, **{"x-debug": cast.witness.key}), REQUEST)
    assert found["leaks"] == 1


async def test_a_server_that_hangs_is_caught(fuzzed: Fuzzed) -> None:
    fuzzed.hurry()
    assert await fuzzed.requests(lambda _: None, REQUEST) == {"hangs": 1}


async def test_a_server_that_hangs_up_on_a_request_is_caught(fuzzed: Fuzzed) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        await send_requests(fuzzed.lane(server.sockets[0].getsockname()[1]), iter([REQUEST]))
    assert fuzzed.findings.counts == {"answers": 1}


async def test_raw_bytes_that_hold_a_request_must_be_answered(fuzzed: Fuzzed) -> None:
    case = RawCase("raw_http:1:1", "trader-1", REQUEST.pieces, "answer", is_socket=False)
    fuzzed.hurry()
    assert await fuzzed.raw(lambda _: None, case) == {"hangs": 1}


async def test_a_connection_that_outlives_its_client_is_caught(fuzzed: Fuzzed) -> None:
    case = RawCase("raw_http:1:2", "trader-1", (b"GET /",), "end", is_socket=False)
    assert await fuzzed.raw(lambda _: None, case) == {}
    fuzzed.hurry()
    assert await fuzzed.raw(lambda _: None, case, closes=False) == {"hangs": 1}


def streaming(*messages: bytes) -> Answer:
    """Make a server that takes the handshake and answers everything after it with these frames."""

    def answer(content: bytes) -> bytes:
        if content.startswith(b"GET"):
            return b"HTTP/1.1 101 Switching Protocols\r\nx-request-id: r1\r\n\r\n"
        return b"".join(messages)

    return answer


def told(message: Any) -> bytes:
    return frame(1, json.dumps(message).encode(), is_masked=False)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (told({"type": "pong", "request_id": "m1"}), {}),
        (told({"type": "pong", "request_id": "m2"}), {"answers": 1}),
        (told({"type": "pong"}), {"answers": 1}),
        (told({"type": "wrong"}) + told({"type": "pong", "request_id": "m1"}), {"answers": 1}),
        (
            told({"type": "error", "code": 500, "message": "x", "reason": "internal_error", "request_id": "m1"}),
            {"server errors": 1},
        ),
        (
            told({"type": "error", "code": 400, "message": "x", "reason": "account_paused", "request_id": "m1"}),
            {"answers": 1},
        ),
        (told({"type": "pong", "request_id": "m1", "text": PASSWORD}), {"leaks": 1}),
        (frame(8, (1011).to_bytes(2, "big"), is_masked=False), {"server errors": 1}),
        (b"\x81\x82ab", {"answers": 1}),
        (told({"type": "quote", "symbol": "A", "bid": 1, "ask": 1, "time": 1}), {"hangs": 1}),
    ],
)
async def test_what_is_wrong_on_the_stream_is_caught(
    fuzzed: Fuzzed, cast: Cast, message: bytes, expected: dict[str, int]
) -> None:
    case = MessageCase("message:1:1", 1, b'{"type":"ping","request_id":"m1"}', "m1")
    if "hangs" in expected:
        fuzzed.hurry()
    found = await fuzzed.run(streaming(message), lambda lane: send_messages(lane, iter([case]), cast.traders[0]))
    assert found == expected


async def test_a_socket_that_takes_a_frame_which_it_must_refuse_is_caught(fuzzed: Fuzzed) -> None:
    case = RawCase("raw_socket:1:1", "trader-1", (frame(1, b"{}", is_masked=False),), "close", is_socket=True)
    fuzzed.hurry()
    assert await fuzzed.raw(streaming(told({"type": "pong"})), case) == {"hangs": 1}


def test_a_server_that_prints_a_traceback_is_caught(tmp_path: Path, secrets: Secrets) -> None:
    log = tmp_path / "log"
    with log.open("wb") as sink:
        subprocess.run([sys.executable, "-c", "print('fine')\nraise ValueError"], stderr=sink, stdout=sink, check=False)
    assert read_log(log, secrets).bad_lines == ["Traceback (most recent call last):"]


@pytest.mark.parametrize(
    ("line", "is_bad"),
    [
        ('{"event":"request","status":400,"level":"info"}', False),
        ('{"event": "Invalid HTTP request received.", "level": "warning", "logger": "uvicorn.error"}', False),
        ('{"event": "defect", "level": "error", "request_id": "r1"}', True),
        ('{"event": "Task exception was never retrieved", "level": "error", "logger": "asyncio"}', True),
        ("RuntimeWarning: coroutine 'x' was never awaited", True),
        ('{"event": "Executing <Task> took 0.2 seconds", "level": "warning", "logger": "asyncio"}', True),
    ],
)
def test_a_line_of_the_log_that_tells_of_a_defect_is_caught(
    tmp_path: Path, secrets: Secrets, line: str, is_bad: bool
) -> None:
    log = tmp_path / "log"
    log.write_text(line + "\n")
    assert bool(read_log(log, secrets).bad_lines) is is_bad


def test_secrets_in_the_log_are_caught(tmp_path: Path, secrets: Secrets, cast: Cast) -> None:
    log = tmp_path / "log"
    log.write_text(f"key {cast.witness.key}, login {LOGIN}, password {PASSWORD}\n")
    assert read_log(log, secrets).leaks == ["the key of witness", "a login", "a password"]


def test_growth_leaves_out_the_first_fifth() -> None:
    growth = growth_of([Reading(share / 10, 1_000 * (share if share < 2 else 2 + share), 1, 1) for share in range(11)])
    assert growth is not None
    assert growth.grown_bytes == 8_000
    assert growth.slope_bytes == pytest.approx(10_000)


def test_the_same_seed_makes_the_same_cases_and_another_seed_others(contracted: Contracted, cast: Cast) -> None:
    def made(seed: int) -> list[Any]:
        http = HttpCases(contracted, cast, seed)
        messages = MessageCases(contracted, http.sampler, seed)
        kinds = (http, RawCases(http, seed), messages, FrameCases(messages, cast, seed))
        return [kind.make(index) for kind in kinds for index in range(60)]

    assert made(1) == made(1)
    assert made(1) != made(2)


def test_a_case_can_be_made_again_from_its_name() -> None:
    for name in ("http:1:7", "raw_http:1:7", "message:1:7", "raw_socket:1:7"):
        assert case_of(name) == case_of(name)
        assert case_of(name).name == name
    with pytest.raises(ValueError, match="no kind"):
        case_of("x:1:1")


def test_every_operation_is_called_and_no_trader_loses_its_key_or_account(contracted: Contracted, cast: Cast) -> None:
    http = HttpCases(contracted, cast, 1)
    cases = [http.make(index) for index in range(3_000)]
    assert {case.operation for case in cases} >= {one.id for one in contracted.operations}
    for case in cases:
        if case.operation in ("deleteAccount", "createAccount"):
            assert case.sender == "scratch"
        if case.operation == "rotateApiKey":
            assert case.sender == "spinner"


def test_few_new_accounts_are_asked_for_in_a_form_that_can_succeed(contracted: Contracted, cast: Cast) -> None:
    http = HttpCases(contracted, cast, 1)
    sent = [case for case in map(http.make, range(6_000)) if case.operation == "createAccount"]
    assert sum(PASSWORD.split("-")[1].encode() in case.pieces[0] for case in sent) < len(sent) * 0.05


def test_bytes_are_due_an_answer_if_they_hold_a_request_or_cannot_become_one() -> None:
    assert due_of(b"GET / HTTP/1.1\r\n\r\n") == "answer"
    assert due_of(b"GET / HTTP/1.1\r\nA: b\r\n") == "end"
    assert due_of(b"\x16\x03\x01") == "answer"


def test_answers_and_frames_are_read_strictly() -> None:
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}next"
    taken = take_answer(b"HTTP/1.1 100 Continue\r\n\r\n" + whole)
    assert taken is not None
    assert (taken[0].status, taken[0].body, taken[1]) == (200, b"{}", b"next")
    assert take_answer(whole[:-5]) is None
    assert take_frame(b"\x81\x03ab") is None
    with pytest.raises(BadAnswer):
        take_frame(b"\xc1\x01a")


def test_a_short_fuzzing_of_the_gateway_finds_nothing() -> None:
    command = [sys.executable, "-m", "benchmarks.fuzzing", "--count", "3000", "--seed", "1"]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3,000 cases" in done.stdout
