"""The load generator's process: takes one job per line of standard input, answers one line per job.

It runs on a core of its own. Requests are prepared bytes, connections are kept alive, and of an answer only what tells
success is read; so that the server is what limits the rate.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter_ns
from typing import Any, Final, cast

import uvloop

from benchmarks.listening import ListenJob, listen

MAGIC: Final = b"1000000000"
"""Stands in a paced request for a number of its own, by which the server's records are matched."""

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_DRAIN_SECONDS: Final = 5.0


class WrongAnswer(Exception):
    """An answer that no client would want."""


@dataclass(frozen=True, slots=True)
class RequestJob:
    """What to send: `requests` in turn over each of `connections`, every answer 200 and with `expected` in it.

    Without `rate` each connection sends as soon as it has its answer; with it, that many requests a second are sent in
    all, each with a number of its own in the place of MAGIC.
    """

    port: int
    requests: list[str]
    expected: str
    connections: int
    seconds: float
    warm_up_seconds: float
    rate: float | None = None


@dataclass(slots=True)
class Tally:
    """What came of a job. Times in nanoseconds of the system's monotonic clock."""

    latencies: list[int] = field(default_factory=list)
    exchanges: dict[int, tuple[int, int]] = field(default_factory=dict)
    wrong: int = 0
    first_wrong: str = ""


class Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, job: RequestJob, tally: Tally, first: int, lost: asyncio.Future[None]) -> None:
        self._requests = [one.encode("ascii") for one in job.requests]
        self._expected = job.expected.encode("ascii")
        self._repeats = job.rate is None
        self._next = first
        self._tally = tally
        self._lost = lost
        self._rest = b""
        self._sent_at = 0
        self._number = 0
        self.is_counting = False
        self.is_idle = True
        self.is_closing = False
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast(asyncio.Transport, transport)

    def send(self, number: int = 0) -> None:
        """Send the next request."""
        request = self._requests[self._next % len(self._requests)]
        self._next += 1
        if number:
            self._number = number
            request = request.replace(MAGIC, b"%d" % number)
        self.is_idle = False
        self._sent_at = perf_counter_ns()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Judge an answer once it is whole."""
        if self._rest:
            data = self._rest + data
        end = data.find(b"\r\n\r\n")
        length = _LENGTH.search(data, 0, end + 2) if end >= 0 else None
        if length is None or len(data) < end + 4 + int(length[1]):
            self._rest = data
            return
        self._rest = b""
        now = perf_counter_ns()
        tally = self._tally
        if data[9:12] != b"200" or data.find(self._expected, end) < 0:
            tally.wrong += 1
            tally.first_wrong = tally.first_wrong or data[:600].decode("utf-8", "replace")
        if self.is_counting:
            tally.latencies.append(now - self._sent_at)
            if self._number:
                tally.exchanges[self._number] = (self._sent_at, now)
        self.is_idle = True
        if self._repeats and not self.is_closing:
            self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        """A server that hangs up fails the job."""
        if not self.is_closing and not self._lost.done():
            self._lost.set_exception(WrongAnswer(f"the server closed a connection ({exc})"))


async def send_requests(job: RequestJob) -> dict[str, Any]:
    """Run one job of requests. Raises WrongAnswer, OSError."""
    loop = asyncio.get_running_loop()
    tally = Tally()
    lost: asyncio.Future[None] = loop.create_future()
    connections = [
        (await loop.create_connection(partial(Connection, job, tally, at, lost), "127.0.0.1", job.port))[1]
        for at in range(job.connections)
    ]
    sending = loop.create_task(_pace(job, connections)) if job.rate else None
    try:
        if sending is None:
            for one in connections:
                one.send()
        await _wait(job.warm_up_seconds, lost)
        _count(connections, True)
        started = perf_counter_ns()
        await _wait(job.seconds, lost)
        seconds = (perf_counter_ns() - started) / 1e9
        if sending is None:
            _count(connections, False)
        else:
            sending.cancel()
        for one in connections:
            one.is_closing = True
        await _drain(connections)
    finally:
        if sending is not None:
            sending.cancel()
        for one in connections:
            one.is_closing = True
            one.transport.abort()
    if tally.wrong:
        raise WrongAnswer(f"{tally.wrong} answers were not what they should be, first:\n{tally.first_wrong}")
    return {"count": len(tally.latencies), "seconds": seconds, **percentiles(tally.latencies),
            "exchanges": [[number, *times] for number, times in tally.exchanges.items()]}  # fmt: skip


def percentiles(nanoseconds: list[int]) -> dict[str, float]:
    """Give the middle and the 99th percentile in milliseconds; zeros of nothing."""
    if not nanoseconds:
        return {"p50_ms": 0.0, "p99_ms": 0.0}
    ordered = sorted(nanoseconds)
    return {
        "p50_ms": ordered[len(ordered) // 2] / 1e6,
        "p99_ms": ordered[min(len(ordered) * 99 // 100, len(ordered) - 1)] / 1e6,
    }


def _count(connections: list[Connection], on: bool) -> None:
    for one in connections:
        one.is_counting = on


async def _pace(job: RequestJob, connections: list[Connection]) -> None:
    """Send at the rate, whatever the answers do; a connection that is still waiting is passed over."""
    assert job.rate is not None
    started = perf_counter_ns()
    number = int(MAGIC)
    while True:
        number += 1
        due = started + (number - int(MAGIC)) / job.rate * 1e9
        await asyncio.sleep(max(0.0, (due - perf_counter_ns()) / 1e9))
        while True:
            idle = next((one for one in connections if one.is_idle), None)
            if idle is not None:
                break
            await asyncio.sleep(0.0002)
        idle.send(number)


async def _wait(seconds: float, lost: asyncio.Future[None]) -> None:
    try:
        await asyncio.wait_for(asyncio.shield(lost), seconds)
    except TimeoutError:
        return


async def _drain(connections: list[Connection]) -> None:
    """Let requests in flight be answered, so that the next job finds an idle server."""
    deadline = perf_counter_ns() + _DRAIN_SECONDS * 1e9
    while not all(one.is_idle for one in connections):
        if perf_counter_ns() > deadline:
            raise WrongAnswer(f"no answer within {_DRAIN_SECONDS:.0f} seconds")
        await asyncio.sleep(0.001)


async def _run(job: dict[str, Any]) -> dict[str, Any]:
    kind = job.pop("kind")
    if kind == "requests":
        return await send_requests(RequestJob(**job))
    return await listen(ListenJob(**job), lambda: _say({"ready": True}))


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Serve jobs until standard input ends."""
    for line in sys.stdin:
        try:
            answer = uvloop.run(_run(json.loads(line)))
        except (WrongAnswer, ValueError, OSError) as wrong:
            answer = {"failed": str(wrong)}
        _say(answer)


if __name__ == "__main__":
    main()
