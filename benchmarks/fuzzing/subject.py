"""The server under test as its system sees it: memory, files, threads, log."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression
from typing import Any, Final

from benchmarks.fuzzing.secrets_kept import Secrets

MEGABYTE: Final = 2**20
_BAD_LINE: Final = re.compile(
    rb"Traceback \(most recent|\"event\": ?\"defect\"|never retrieved|never awaited|Executing <|Task was destroyed"
    rb"|Exception in |Unclosed|ResourceWarning|\"level\": ?\"(?:error|critical)\"|\"logger\": ?\"asyncio\""
)

_DATABASE: Final = re.compile(r"\.db(-wal|-shm)?( \(deleted\))?$")
_PROBE: Final = b'"reference_server.usecases.readiness"'
"""Says so when storage is slow to answer a probe, as on a machine with much other work."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a process holds at one moment; `share` is how much of the run was over.

    `files` are open files and sockets, those of its databases left out: SQLAlchemy's pool opens its few as they are
    needed and never closes one, and SQLite keeps a handle back where it must.
    """

    share: float
    resident_bytes: int
    files: int
    threads: int


def read_process(pid: int, share: float) -> Reading | None:
    """Read a process of this machine; None where the system does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        files = sum(not _DATABASE.search(one) for one in _open_files(pid))
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return Reading(share, int(fields["VmRSS"].split()[0]) * 1024, files, int(fields["Threads"]))


def _open_files(pid: int) -> Iterator[str]:
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            yield str(link.readlink())


@dataclass(frozen=True, slots=True)
class Growth:
    """Memory between the first fifth and the end: growth in bytes, and the slope in bytes for the whole run."""

    first_bytes: int
    last_bytes: int
    slope_bytes: float

    @property
    def grown_bytes(self) -> int:
        """By how much it grew."""
        return self.last_bytes - self.first_bytes


def growth_of(readings: list[Reading], *, after: float = 0.2) -> Growth | None:
    """Compare the readings behind the share `after` of the run; None for too few of them."""
    late = [one for one in readings if one.share >= after]
    if len(late) < 2 or late[0].share == late[-1].share:
        return None
    slope = linear_regression([one.share for one in late], [one.resident_bytes for one in late]).slope
    return Growth(late[0].resident_bytes, late[-1].resident_bytes, slope)


@dataclass(frozen=True, slots=True)
class LogFound:
    """What a log says besides requests: bad lines, secrets, and how often each warning."""

    bad_lines: list[str]
    leaks: list[str]
    warnings: Counter[str]


def read_log(path: Path, secrets: Secrets) -> LogFound:
    """Search a log, line by line for what must not be in it."""
    content = path.read_bytes()
    bad = [
        line[:400].decode("utf-8", "replace")
        for line in content.splitlines()
        if _BAD_LINE.search(line) and _PROBE not in line
    ]
    warnings: Counter[str] = Counter()
    for line in content.splitlines():
        if b'"level":"warning"' in line or b'"level": "warning"' in line:
            warnings[str(_event_of(line))] += 1
    return LogFound(bad, secrets.leaks_in_log(content), warnings)


def _event_of(line: bytes) -> Any:
    try:
        return json.loads(line).get("event", "?")
    except ValueError:
        return line[:80]
