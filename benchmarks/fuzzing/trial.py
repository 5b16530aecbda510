"""One run: all cases over all lanes, the server watched meanwhile, and looked at afterwards."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from benchmarks.child import BenchmarkFailed
from benchmarks.fuzzing.cases import SHARES, Kind
from benchmarks.fuzzing.contracted import Contracted
from benchmarks.fuzzing.findings import Findings
from benchmarks.fuzzing.frame_cases import FrameCases
from benchmarks.fuzzing.http_cases import HttpCases
from benchmarks.fuzzing.judge import Judge
from benchmarks.fuzzing.lanes import Deadlines, Lane, send_messages, send_raw, send_requests
from benchmarks.fuzzing.message_cases import MessageCases
from benchmarks.fuzzing.raw_cases import RawCases
from benchmarks.fuzzing.stage import Stage, call_everything, delete_accounts
from benchmarks.fuzzing.subject import MEGABYTE, Growth, Reading, growth_of, read_log, read_process

MEMORY_BOUND_BYTES: Final = 32 * MEGABYTE
"""By how much memory may grow between 20 % and 100 % of 100,000 cases; users, orders and deals may take some."""
_WORKERS: Final[dict[Kind, int]] = {"http": 8, "raw_http": 6, "message": 8, "raw_socket": 6}
_READ_EVERY_SECONDS: Final = 0.25
_RETURN_SECONDS: Final = 20.0
_STALL_SECONDS: Final = 60.0

T = TypeVar("T")


@dataclass(slots=True)
class Outcome:
    """What came of a run."""

    findings: Findings
    judge: Judge
    sent: dict[Kind, int]
    seconds: float
    readings: list[Reading] = field(default_factory=list)
    before: Reading | None = None
    after: Reading | None = None
    growth: Growth | None = None
    warnings: Counter[str] = field(default_factory=Counter)
    created_accounts: int = 0


class Numbers(Iterator[int]):
    """The numbers of the cases of one kind, shared by the workers of a lane."""

    def __init__(self, count: int) -> None:
        self._numbers = iter(range(count))

    def __next__(self) -> int:
        return next(self._numbers)


def counts_of(count: int) -> dict[Kind, int]:
    """Share a number of cases among the kinds."""
    return {kind: round(count * share) for kind, share in SHARES.items()}


async def run_trial(
    stage: Stage, contracted: Contracted, count: int, seed: int, progress: Callable[[int], None], deadlines: Deadlines
) -> Outcome:
    """Send so many cases and judge everything. `progress` is told how many were sent."""
    findings = Findings()
    judge = Judge(contracted, stage.secrets, findings, may_miss_accounts=stage.cast.scratch.name)
    outcome = Outcome(findings, judge, counts_of(count), 0.0)
    sent = 0

    def done() -> None:
        nonlocal sent
        sent += 1
        progress(sent)

    lane = Lane(stage.port, stage.cast, judge, findings, stage.secrets, deadlines, done)
    outcome.before = read_process(stage.child.pid, 0.0)
    started = time.monotonic()
    watching = asyncio.ensure_future(_watch(stage, outcome, lambda: sent / count))
    try:
        async with asyncio.timeout(_STALL_SECONDS + count / 100), asyncio.TaskGroup() as tasks:
            for one in _workers(lane, contracted, outcome.sent, seed):
                tasks.create_task(one)
    except TimeoutError:
        findings.add("hangs", "", f"the run did not end: {sent} of {count} cases were sent")
    finally:
        watching.cancel()
    outcome.seconds = time.monotonic() - started
    await asyncio.to_thread(_look_after, stage, outcome, count)
    return outcome


def _workers(lane: Lane, contracted: Contracted, sent: dict[Kind, int], seed: int) -> list[Coroutine[Any, Any, None]]:
    http = HttpCases(contracted, lane.cast, seed)
    raw = RawCases(http, seed)
    messages = MessageCases(contracted, http.sampler, seed)
    frames = FrameCases(messages, lane.cast, seed)
    numbers = {kind: Numbers(count) for kind, count in sent.items()}
    traders = lane.cast.traders
    return [
        *(send_requests(lane, map(http.make, numbers["http"])) for _ in range(_WORKERS["http"])),
        *(send_raw(lane, map(raw.make, numbers["raw_http"])) for _ in range(_WORKERS["raw_http"])),
        *(
            send_messages(lane, map(messages.make, numbers["message"]), traders[worker % len(traders)])
            for worker in range(_WORKERS["message"])
        ),
        *(send_raw(lane, map(frames.make, numbers["raw_socket"])) for _ in range(_WORKERS["raw_socket"])),
    ]


async def _watch(stage: Stage, outcome: Outcome, share: Callable[[], float]) -> None:
    while True:
        reading = read_process(stage.child.pid, share())
        if reading is not None:
            outcome.readings.append(reading)
        await asyncio.sleep(_READ_EVERY_SECONDS)


def _look_after(stage: Stage, outcome: Outcome, count: int) -> None:
    """Ask for service, wait until the server holds no more than before, and read its log."""
    findings = outcome.findings
    try:
        call_everything(stage.port, stage.cast.witness)
        outcome.created_accounts = delete_accounts(stage.port, stage.cast.scratch)
    except BenchmarkFailed as failed:
        findings.add("service", "", str(failed))
    before = outcome.before
    deadline = time.monotonic() + _RETURN_SECONDS
    while True:
        outcome.after = after = read_process(stage.child.pid, 1.0)
        if before is None or after is None or (after.files <= before.files and after.threads <= before.threads):
            break
        if time.monotonic() > deadline:
            findings.add(
                "resources", "", f"files {before.files} -> {after.files}, threads {before.threads} -> {after.threads}"
            )
            break
        time.sleep(0.1)
    outcome.growth = growth_of(outcome.readings)
    bound = memory_bound(count)
    if outcome.growth is not None and outcome.growth.grown_bytes > bound:
        findings.add(
            "memory", "", f"grew by {outcome.growth.grown_bytes / MEGABYTE:.1f} MB, bound {bound / MEGABYTE:.1f} MB"
        )
    found = read_log(stage.log, stage.secrets)
    outcome.warnings = found.warnings
    for line in found.bad_lines:
        findings.add("log", "", line)
    for leak in found.leaks:
        findings.add("leaks", "", f"the log shows {leak}")


def memory_bound(count: int) -> int:
    """Tell by how many bytes memory may grow in a run of so many cases: a short one is all warming up."""
    return MEMORY_BOUND_BYTES + (0 if count >= 100_000 else MEMORY_BOUND_BYTES // 2)
