"""What an examination finds: one sentence about one subject, and the remedy where something is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """How bad a finding is. Only a problem makes the doctor's exit code 1."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. `says` and `remedy` are sentences for an operator and hold no secret."""

    subject: str
    verdict: Verdict
    says: str
    remedy: str = ""

    def __post_init__(self) -> None:
        if (self.verdict in (Verdict.WARNING, Verdict.PROBLEM)) != bool(self.remedy):
            raise ValueError("a warning and a problem, and nothing else, come with a remedy")


def ok(subject: str, says: str) -> Finding:
    """Return that all is well."""
    return Finding(subject, Verdict.OK, says)


def note(subject: str, says: str) -> Finding:
    """Return what is worth knowing and neither right nor wrong."""
    return Finding(subject, Verdict.NOTE, says)


def warning(subject: str, says: str, remedy: str) -> Finding:
    """Return what works and may hurt."""
    return Finding(subject, Verdict.WARNING, says, remedy)


def problem(subject: str, says: str, remedy: str) -> Finding:
    """Return what does not work."""
    return Finding(subject, Verdict.PROBLEM, says, remedy)


def is_healthy(findings: Iterable[Finding]) -> bool:
    """Whether there is no problem; warnings are allowed."""
    return all(finding.verdict is not Verdict.PROBLEM for finding in findings)
