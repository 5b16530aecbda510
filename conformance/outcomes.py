"""What a check found out, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from conformance.exchange import Entry
from conformance.requirements import Level

__all__ = ["CheckResult", "Finding", "Status", "Tally", "Verdict"]


class Status(StrEnum):
    """How a check ended."""

    PASS = "pass"  # noqa: S105  # a status, not a password
    FAIL = "fail"
    WARN = "warn"  # a SHOULD does not hold
    FLAKY = "flaky"  # failed, and did not fail each time it was repeated
    NOT_APPLICABLE = "not-applicable"  # says nothing about this gateway, with a reason
    COULD_NOT_RUN = "could-not-run"  # applies, but lacked something from outside, with a reason
    ERROR = "error"  # the suite's own fault

    @property
    def is_executed(self) -> bool:
        """Say whether the gateway was judged."""
        return self in (Status.PASS, Status.FAIL, Status.WARN, Status.FLAKY)


class Verdict(StrEnum):
    """What the whole run says about the gateway."""

    CONFORMANT = "conformant"
    NON_CONFORMANT = "non-conformant"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class Finding:
    """One assertion that did not hold. `entry` is the number of the exchange or frame in the transcript."""

    requirement: str | None
    level: Level
    message: str
    expected: str | None = None
    found: str | None = None
    entry: int | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """How often a requirement was asserted, and how often it did not hold."""

    held: int = 0
    broken: int = 0


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The outcome of one check.

    `attempts` and `failures` count the first run and its repetitions; `curl` holds commands that reproduce a failure
    when they differ from the transcript's.
    """

    id: str
    area: str
    title: str
    status: Status
    requirements: tuple[str, ...] = ()
    reason: str | None = None
    findings: tuple[Finding, ...] = ()
    tallies: Mapping[str, Tally] = field(default_factory=dict)
    transcript: tuple[Entry, ...] = ()
    curl: tuple[str, ...] = ()
    duration_ms: float = 0.0
    attempts: int = 1
    failures: int = 0
    seed: int = 0
    requests: int = 0
