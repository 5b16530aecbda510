"""The outcome of a whole run, and what it says about the gateway."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from conformance.catalogue import Catalogue
from conformance.outcomes import CheckResult, Status, Tally, Verdict
from conformance.requirements import Level, Requirement
from conformance.target import TargetConfig

__all__ = ["RequirementRow", "RequirementStatus", "RunReport", "exit_code", "judge_requirements", "reach_verdict"]


class RequirementStatus(StrEnum):
    """What the run says about one requirement."""

    HOLDS = "holds"
    BROKEN = "broken"  # a MUST that does not hold
    NOT_FOLLOWED = "not-followed"  # a SHOULD that does not hold: no reason to call a gateway non-conformant
    FLAKY = "flaky"
    NOT_JUDGED = "not-judged"  # its checks did not come to assert it
    NOT_CLAIMED = "not-claimed"  # belongs to a capability that the gateway does not claim
    NOT_SELECTED = "not-selected"  # outside the profile or the selection of this run
    NO_CHECK = "no-check"  # observable, and no check of this suite judges it
    UNOBSERVABLE = "unobservable"  # cannot be seen from outside


@dataclass(frozen=True, slots=True)
class RequirementRow:
    """One requirement with what the run found out about it."""

    requirement: Requirement
    status: RequirementStatus
    tally: Tally
    checks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunReport:
    """Everything that is worth knowing after a run. Transcripts still hold secrets: reporters redact them.

    `present_unclaimed` are capabilities that the gateway seems to have and does not claim: a remark, no judgement.
    """

    suite_version: str
    spec_version: str
    spec_sha256: str
    target: TargetConfig
    gateway_version: str | None
    started_at: str
    duration_ms: float
    requests: int
    claimed: tuple[str, ...]
    not_claimed: tuple[str, ...]
    verdict: Verdict
    reasons: tuple[str, ...]
    is_interrupted: bool
    results: tuple[CheckResult, ...]
    requirements: tuple[RequirementRow, ...]
    present_unclaimed: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[Status, int]:
        """Return how many checks ended with each status, every status included."""
        found = Counter(result.status for result in self.results)
        return {status: found.get(status, 0) for status in Status}

    @property
    def areas(self) -> tuple[str, ...]:
        """Return the areas in the order of their first result."""
        return tuple(dict.fromkeys(result.area for result in self.results))

    @property
    def is_complete_selection(self) -> bool:
        """Say whether the run was not narrowed by patterns."""
        return not self.target.only


def reach_verdict(
    results: Iterable[CheckResult], catalogue: Catalogue, *, is_interrupted: bool
) -> tuple[Verdict, tuple[str, ...]]:
    """Return the verdict and the reasons that it is not a better one.

    A broken MUST is non-conformance. What could not be judged although a MUST depends on it, what failed only sometimes
    and what the suite itself got wrong leave the verdict open.
    """
    results = list(results)
    failed = [one for one in results if one.status is Status.FAIL]
    if failed:
        return Verdict.NON_CONFORMANT, (f"{_many(len(failed), 'check')} failed",)
    reasons = []
    for status, words in (
        (Status.FLAKY, "failed only sometimes"),
        (Status.ERROR, "ended in an error of the suite"),
        (Status.COULD_NOT_RUN, "could not run"),
    ):
        concerned = [one for one in results if one.status is status and _is_binding(one, catalogue)]
        if concerned:
            reasons.append(f"{_many(len(concerned), 'check')} {words}")
    if is_interrupted:
        reasons.append("the run was interrupted")
    if not any(one.status.is_executed for one in results):
        reasons.append("no check was executed")
    return (Verdict.INCOMPLETE if reasons else Verdict.CONFORMANT), tuple(reasons)


def exit_code(report: RunReport) -> int:
    """Return 0 conformant, 1 non-conformant, 3 incomplete, 2 when nothing was executed or the suite erred."""
    if not any(result.status.is_executed for result in report.results):
        return 2
    if report.verdict is Verdict.NON_CONFORMANT:
        return 1
    if report.counts[Status.ERROR]:
        return 2
    return 0 if report.verdict is Verdict.CONFORMANT else 3


def judge_requirements(
    catalogue: Catalogue, results: Iterable[CheckResult], profile: str, claimed: Iterable[str]
) -> tuple[RequirementRow, ...]:
    """Return what the results say about each requirement of the ledger."""
    by_requirement: dict[str, list[CheckResult]] = {}
    for result in results:
        for identifier in result.requirements:
            by_requirement.setdefault(identifier, []).append(result)
    known: dict[str, list[str]] = {}
    for one in catalogue.checks:
        for identifier in one.requirements:
            known.setdefault(identifier, []).append(one.id)
    claims = frozenset(claimed)
    rows = []
    for requirement in catalogue.ledger:
        judged = by_requirement.get(requirement.id, [])
        tallies = [result.tallies.get(requirement.id, Tally()) for result in judged]
        tally = Tally(sum(one.held for one in tallies), sum(one.broken for one in tallies))
        status = _status(requirement, judged, tally, requirement.id in known, profile, claims)
        rows.append(RequirementRow(requirement, status, tally, tuple(known.get(requirement.id, ()))))
    return tuple(rows)


def _status(
    requirement: Requirement,
    judged: list[CheckResult],
    tally: Tally,
    has_check: bool,
    profile: str,
    claims: frozenset[str],
) -> RequirementStatus:
    if requirement.unobservable is not None:
        return RequirementStatus.UNOBSERVABLE
    if requirement.capability is not None and requirement.capability not in claims:
        return RequirementStatus.NOT_CLAIMED
    if tally.broken:
        broken = [one for one in judged if one.tallies.get(requirement.id, Tally()).broken]
        if all(one.status is Status.FLAKY for one in broken):
            return RequirementStatus.FLAKY
        return RequirementStatus.BROKEN if requirement.level is Level.MUST else RequirementStatus.NOT_FOLLOWED
    if tally.held:
        return RequirementStatus.HOLDS
    if judged:
        return RequirementStatus.NOT_JUDGED
    if not has_check and profile in ("all", requirement.profile):
        return RequirementStatus.NO_CHECK
    return RequirementStatus.NOT_SELECTED


def _is_binding(result: CheckResult, catalogue: Catalogue) -> bool:
    rows = [catalogue.ledger[one] for one in result.requirements if one in catalogue.ledger]
    return not rows or any(row.level is Level.MUST for row in rows)


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
