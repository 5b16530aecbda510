"""The four ways in which cases are sent, each over several connections at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.fuzzing.answers import BadAnswer, Frame, HttpAnswer
from benchmarks.fuzzing.cases import HttpCase, MessageCase, RawCase
from benchmarks.fuzzing.cast import Cast, User
from benchmarks.fuzzing.findings import Findings
from benchmarks.fuzzing.frame_cases import CLOSE, PING, PONG, frame, good_headers, handshake
from benchmarks.fuzzing.judge import ANSWERS, Judge
from benchmarks.fuzzing.raw_cases import methods_of
from benchmarks.fuzzing.secrets_kept import Secrets
from benchmarks.fuzzing.wire import Wire

_PAUSE_SECONDS: Final = 0.002
"""Between the pieces of one request, so that they arrive one by one."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long an answer, and an end, may take, in seconds."""

    answer_seconds: float = 10.0
    end_seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class Lane:
    """What every way of sending needs. `done` is told of each case that was sent."""

    port: int
    cast: Cast
    judge: Judge
    findings: Findings
    secrets: Secrets
    deadlines: Deadlines
    done: Callable[[], None]

    async def open(self) -> Wire:
        """Connect."""
        return await Wire.open(self.port, self.deadlines.answer_seconds)


async def send_requests(lane: Lane, cases: Iterator[HttpCase]) -> None:
    """Send requests one after the other over a connection that is kept."""
    wire: Wire | None = None
    for case in cases:
        if wire is None:
            wire = await lane.open()
        try:
            await _write(wire, case.pieces)
            answer = await wire.answer(is_to_head=case.method == "HEAD")
        except BadAnswer as bad:
            lane.findings.add("answers", case.name, str(bad))
            answer = None
        except TimeoutError:
            lane.findings.add("hangs", case.name, f"{case.operation}: no answer")
            answer = None
        except (EOFError, OSError):
            lane.findings.add("answers", case.name, f"{case.operation}: the connection was closed without an answer")
            answer = None
        if answer is not None:
            lane.judge.answer(case.name, case.sender, case.operation, answer, has_body=case.method != "HEAD")
            _note_issued(lane, case, answer)
        if answer is None or answer.closes or wire.has_ended:
            wire.abort()
            wire = None
        lane.done()
    if wire is not None:
        wire.abort()


def _note_issued(lane: Lane, case: HttpCase, answer: HttpAnswer) -> None:
    if case.operation in ("createUser", "rotateApiKey") and answer.status in (200, 201) and case.method == "POST":
        issued: dict[str, Any] = json.loads(answer.body)
        if "api_key" in issued:
            lane.secrets.add_key(issued["api_key"], case.sender if case.operation == "rotateApiKey" else "a new user")
            if case.operation == "rotateApiKey":
                lane.cast.spinner.key = issued["api_key"]


async def send_raw(lane: Lane, cases: Iterator[RawCase]) -> None:
    """Send bytes, each case on a connection of its own, which must be gone once the client has ended it."""
    users = {user.name: user for user in lane.cast.everybody}
    for case in cases:
        wire = await lane.open()
        try:
            if case.is_socket:
                await _shake(wire, users[case.sender])
            await _write_what_is_taken(wire, case.pieces)
            await _settle(lane, case, wire)
        except BadAnswer as bad:
            lane.findings.add("answers", case.name, str(bad))
        except TimeoutError as late:
            lane.findings.add("hangs", case.name, f"{late or 'no answer'} ({case.due} was due)")
        except (EOFError, OSError):
            if case.is_socket:
                lane.findings.add("answers", case.name, "the handshake was not answered")
        finally:
            wire.abort()
        lane.done()


async def _settle(lane: Lane, case: RawCase, wire: Wire) -> None:
    """Read what is due, end the connection, and read what else comes until it is gone."""
    heads = [] if case.is_socket else [one == b"HEAD" for one in methods_of(b"".join(case.pieces))]
    is_socket = case.is_socket
    is_answered = case.due not in ("answer", "close")
    is_ending = False
    while True:
        if is_answered and not is_ending:
            is_ending = True
            wire.end()
            wire.patience_seconds = lane.deadlines.end_seconds
        try:
            if is_socket:
                found = await wire.frame()
                is_answered = _judge_frame(lane, case, found) or is_answered
                continue
            is_to_head = heads.pop(0) if heads else False
            answer = await wire.answer(is_to_head=is_to_head)
        except TimeoutError:
            raise TimeoutError("the connection outlives its client" if is_ending else "no answer") from None
        except (EOFError, OSError):
            if wire.rest and not is_ending:
                lane.findings.add("answers", case.name, f"the answer was cut off: {wire.rest[:80]!r}")
            return
        is_answered = True
        lane.judge.answer(case.name, case.sender, None, answer, has_body=not is_to_head)
        is_socket = answer.status == 101


def _judge_frame(lane: Lane, case: RawCase, found: Frame) -> bool:
    message = lane.judge.frame(case.name, case.sender, found)
    if found.opcode == CLOSE:
        return True
    return case.due == "answer" and message is not None and message["type"] in ANSWERS


async def send_messages(lane: Lane, cases: Iterator[MessageCase], user: User) -> None:
    """Send messages one after the other over a socket that is kept, each answered before the next."""
    wire: Wire | None = None
    for case in cases:
        if wire is None:
            wire = await lane.open()
            await _shake(wire, user)
        try:
            wire.write(frame(case.opcode, case.payload))
            is_open = await _await_answer(lane, case, wire, user)
        except BadAnswer as bad:
            lane.findings.add("answers", case.name, str(bad))
            is_open = False
        except TimeoutError:
            lane.findings.add("hangs", case.name, "no answer to the message")
            is_open = False
        except (EOFError, OSError):
            lane.findings.add("answers", case.name, "the socket was cut without a close frame")
            is_open = False
        if not is_open:
            wire.abort()
            wire = None
        lane.done()
    if wire is not None:
        wire.abort()


async def _await_answer(lane: Lane, case: MessageCase, wire: Wire, user: User) -> bool:
    """Read until the message is answered; tell whether the socket is still open."""
    async with asyncio.timeout(lane.deadlines.answer_seconds):  # prices come all the time and are no answer
        while True:
            found = await wire.frame()
            message = lane.judge.frame(case.name, user.name, found)
            if found.opcode == PING:
                wire.write(frame(PONG, found.payload))
            if found.opcode == CLOSE:
                return False
            if message is not None and message["type"] in ANSWERS:
                if case.request_id is not None and message.get("request_id") != case.request_id:
                    lane.findings.add("answers", case.name, f"request_id is not echoed: {found.payload[:120]!r}")
                return True


async def _shake(wire: Wire, user: User) -> None:
    """Open the stream. Raises BadAnswer when it is refused."""
    wire.write(handshake(f"/ws?account_id={user.account_ids[0]}", good_headers(user.key)))
    answer = await wire.answer()
    if answer.status != 101:
        raise BadAnswer(f"a good handshake was answered {answer.status}: {answer.body[:200]!r}")


async def _write(wire: Wire, pieces: tuple[bytes, ...]) -> None:
    for number, piece in enumerate(pieces):
        if number:
            await asyncio.sleep(_PAUSE_SECONDS)
        wire.write(piece)


async def _write_what_is_taken(wire: Wire, pieces: tuple[bytes, ...]) -> None:
    """Write pieces until the server has had enough: it may answer and close in the middle of nonsense."""
    try:
        await _write(wire, pieces)
    except OSError:
        return
