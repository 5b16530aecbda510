"""Carry generated requests to the gateway: paced by user, kept book of, recorded, and stopped in time."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson

from conformance.client import LONGEST_WAIT_SECONDS, Client
from conformance.contract import Operation
from conformance.exchange import Exchange, Headers, Request, Response
from conformance.generation.plan import DISPOSABLE_ONLY, template
from conformance.holdings import User

__all__ = ["Answer", "Courier", "Ended"]

PATIENT_ATTEMPTS = 3
SILENCES = 2
"""Requests in a row without an answer after which no further ones are sent."""

STEP_SECONDS = 0.1


class Ended(Exception):
    """No more requests are sent; `Courier.ended` says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was sent and what came back, for one case of the engine."""

    exchange: Exchange
    operation: str
    is_foreign: bool
    """The method or the path is not the operation's own."""
    has_key: bool


@dataclass(slots=True)
class Courier:
    """Lives in the engine's thread; whoever waits outside may only set `stop`."""

    client: Client
    pool: tuple[User, ...]
    bound: Mapping[str, tuple[User, ...]]
    seconds: float
    stop: threading.Event = field(default_factory=threading.Event)
    ended: str | None = None
    answers: dict[str, Answer] = field(default_factory=dict)
    silences: dict[str, list[Answer]] = field(default_factory=dict)
    on_end: Callable[[], None] = lambda: None
    began: float = field(default_factory=time.monotonic)
    _silent_in_a_row: int = 0

    def user_for(self, operation: Operation) -> User | None:
        """Return whose key a request gets: one of those it is bound to; else, and when they rest, any who may send."""
        bound = self.bound.get(operation.id, ())
        users = (*bound, *(() if operation.id in DISPOSABLE_ONLY else self.pool))
        if operation.is_public or not users:
            return None
        rested = next((user for user in bound if user.pacer.free), None)
        return rested if rested is not None else max(users, key=lambda user: user.pacer.free)

    def admit(self, user: User | None) -> None:
        """Wait until the plan allows a request. Raises Ended."""
        until = time.monotonic() + (user.pacer.wait_seconds() if user is not None else 0.0)
        self._wait(until)
        wire = self.client.wire
        if wire.sent >= self.client.target.budgets.requests:
            self.end(f"the run's budget of {self.client.target.budgets.requests} requests is used up")
            raise Ended
        wire.sent += 1
        if user is not None:
            user.pacer.count()

    def before(self, operation: Operation, user: User | None, request_body: bytes | None) -> None:
        """Write down a creation that is about to be asked for. Raises CouldNotRun."""
        self.client.holdings.before(operation.id, user, _json(request_body))

    def take(
        self, case: str, operation: Operation, user: User | None, request: Request, response: Response, seconds: float
    ) -> None:
        """Record an answer and what it created."""
        self._silent_in_a_row = 0
        answer = self._answer(operation, user, request, response, seconds)
        self.answers[case] = answer
        if not answer.is_foreign:
            match = template(operation.path).fullmatch(self._path(request))
            parameters = {name: unquote(value) for name, value in (match.groupdict() if match else {}).items()}
            self.client.holdings.after(answer.exchange, user if answer.has_key else None, _json(request.body),
                                       parameters)  # fmt: skip

    def miss(self, operation: Operation, user: User | None, request: Request, problem: str, seconds: float) -> None:
        """Record that no answer came; too many of them end it all."""
        answer = self._answer(operation, user, request, Response(0, (), problem.encode()), seconds)
        self.silences.setdefault(operation.id, []).append(answer)
        self._silent_in_a_row += 1
        if self._silent_in_a_row >= SILENCES:
            self.end("the gateway stopped answering")

    def must_repeat(self, attempt: int, user: User | None, status: int, retry_after: str | None) -> bool:
        """Say whether a refusal for the request rate is waited out. Raises Ended."""
        if status != 429 or attempt >= PATIENT_ATTEMPTS:
            return False
        seconds = float(retry_after) if retry_after and retry_after.isdigit() else 1.0
        if seconds > LONGEST_WAIT_SECONDS:
            return False
        if user is not None:
            user.pacer.hold(seconds)
        self._wait(time.monotonic() + seconds)
        return True

    def end(self, reason: str) -> None:
        """Send nothing any more; the first reason stays."""
        if self.ended is None:
            self.ended = reason
            self.on_end()

    def _wait(self, until: float) -> None:
        """Wait, while looking whether it is over. Raises Ended."""
        while True:
            now = time.monotonic()
            if self.stop.is_set():
                self.end("the run was interrupted")
            elif now - self.began > self.seconds:
                self.end(f"the {self.seconds:g} s for generated requests were used up")
            if self.ended is not None:
                raise Ended
            if now >= until:
                return
            self.stop.wait(min(STEP_SECONDS, until - now))

    def _answer(
        self, operation: Operation, user: User | None, request: Request, response: Response, seconds: float
    ) -> Answer:
        is_foreign = request.method != operation.method or not template(operation.path).fullmatch(self._path(request))
        sent_key = next((value for name, value in request.headers if name.lower() == "x-api-key"), None)
        has_key = user is not None and sent_key == user.api_key
        exchange = Exchange(
            number=1,
            request=request,
            response=response,
            operation=None if is_foreign else operation.id,
            user=user.label if user is not None and has_key else "anonymous",
            started_ms=(time.monotonic() - self.began - seconds) * 1000,
            duration_ms=seconds * 1000,
        )
        return Answer(exchange, operation.id, is_foreign, has_key)

    def _path(self, request: Request) -> str:
        return urlsplit(request.url).path.removeprefix(self.client.target.base.path.rstrip("/"))


def _json(body: bytes | None) -> Any:
    try:
        return orjson.loads(body) if body else None
    except orjson.JSONDecodeError:
        return None


def as_headers(mapping: Mapping[str, str]) -> Headers:
    """Return headers as pairs."""
    return tuple((str(name), str(value)) for name, value in mapping.items())
