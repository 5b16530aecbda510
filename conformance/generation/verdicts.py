"""Turn what was seen of generated requests into one result per operation and check."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from conformance.contract import Operation
from conformance.exchange import Entry
from conformance.generation.checks import AREA, GeneratedCheck, identifier
from conformance.generation.courier import Answer, Courier
from conformance.generation.engine import Fault, Seen, Trouble
from conformance.outcomes import CheckResult, Finding, Status, Tally
from conformance.requirements import Level

__all__ = ["Evidence", "results"]

MOST_KEPT = 3
"""Failures that a result shows; the first ones, because the same one tends to come often."""


@dataclass(slots=True)
class Evidence:
    """All that is known about the operations: who got no requests and why, and what was seen of the others."""

    operations: Mapping[str, Operation]
    excluded: dict[str, str]
    seen: dict[tuple[str, str], list[Seen]] = field(default_factory=dict)
    troubles: dict[str | None, str] = field(default_factory=dict)
    answers: Mapping[str, Answer] = field(default_factory=dict)
    silences: Mapping[str, Sequence[Answer]] = field(default_factory=dict)
    ended: str | None = None

    def add(self, one: Seen | Trouble) -> None:
        """Take in one observation."""
        if isinstance(one, Trouble):
            self.troubles.setdefault(one.operation, one.text)
        else:
            self.seen.setdefault((one.operation, one.check), []).append(one)

    def close(self, courier: Courier) -> None:
        """Take in what the courier brought back."""
        self.answers, self.silences, self.ended = courier.answers, courier.silences, courier.ended

    def answers_of(self, operation: str) -> list[Answer]:
        """Return the answers to requests that were generated for an operation."""
        return [answer for answer in self.answers.values() if answer.operation == operation]


def results(evidence: Evidence, wanted: Mapping[str, Sequence[GeneratedCheck]], seed: int) -> list[CheckResult]:
    """Return one result per operation and wanted check."""
    return [
        _result(evidence, evidence.operations[name], check, evidence.answers_of(name), seed)
        for name, checks in wanted.items()
        for check in checks
    ]


def _result(
    evidence: Evidence, operation: Operation, check: GeneratedCheck, answers: list[Answer], seed: int
) -> CheckResult:
    looked = evidence.seen.get((operation.id, check.name), [])
    findings: list[Finding] = []
    entries: list[Entry] = []
    faults = [one.fault for one in looked if one.fault is not None]
    for fault in faults[:MOST_KEPT]:
        _keep(operation, check, fault, evidence.answers.get(fault.case), findings, entries)
    if check.name == "not_a_server_error":
        for silence in evidence.silences.get(operation.id, ())[:MOST_KEPT]:
            text = silence.exchange.response.body.decode()
            entries.append(replace(silence.exchange, number=len(entries) + 1))
            findings.append(Finding(None, Level.MUST, text, "an answer", "none", entry=len(entries)))
    status, reason = _status(evidence, operation, check, answers, findings)
    exercised = [answer for answer in answers if _exercises(operation, check, answer)]
    held = max(0, len(looked) - len(faults)) if status is Status.PASS or findings else 0
    broken = {one.requirement for one in findings if one.requirement}
    return CheckResult(
        id=identifier(operation.id, check.name),
        area=AREA,
        title=f"Generated requests to {operation.id}: {check.words} ({len(exercised)} answers)",
        status=status,
        requirements=check.requirements,
        reason=reason,
        findings=tuple(findings),
        tallies={
            one: Tally(held, len(faults) if one in broken else 0) for one in check.requirements if held or one in broken
        },
        transcript=tuple(entries),
        duration_ms=sum(answer.exchange.duration_ms for answer in exercised),
        failures=int(bool(findings)),
        seed=seed,
        requests=len(answers) if check.name == "not_a_server_error" else 0,
    )


def _status(
    evidence: Evidence, operation: Operation, check: GeneratedCheck, answers: list[Answer], findings: list[Finding]
) -> tuple[Status, str | None]:
    """Decide, worst first. What was not exercised never passes."""
    if findings:
        is_binding = any(one.level is Level.MUST for one in findings)
        return (Status.FAIL if is_binding else Status.WARN), None
    if operation.id in evidence.excluded:
        return Status.COULD_NOT_RUN, evidence.excluded[operation.id]
    trouble = evidence.troubles.get(operation.id) or evidence.troubles.get(None)
    if trouble is not None:
        return Status.ERROR, trouble
    if not any(200 <= answer.exchange.status < 300 and not answer.is_foreign for answer in answers):
        if operation.is_optional and all(answer.exchange.status in (404, 405, 501) for answer in answers):
            return Status.NOT_APPLICABLE, "the gateway does not have this optional operation"
        return Status.COULD_NOT_RUN, evidence.ended or "none of the generated requests was answered with success"
    is_exercised = (operation.id, check.name) in evidence.seen and (
        _exercises_at_all(evidence, operation, check)
        if check.name.endswith(("_rejection", "_acceptance"))
        else any(_exercises(operation, check, answer) for answer in answers)
    )
    if is_exercised:
        return Status.PASS, None
    if evidence.ended is not None:
        return Status.COULD_NOT_RUN, evidence.ended
    return Status.NOT_APPLICABLE, check.otherwise


def _exercises_at_all(evidence: Evidence, operation: Operation, check: GeneratedCheck) -> bool:
    wants_negative = check.name == "negative_data_rejection"
    return any(one.is_negative is wants_negative for one in evidence.seen[operation.id, check.name])


def _exercises(operation: Operation, check: GeneratedCheck, answer: Answer) -> bool:
    """Say whether an answer put a check to the test, which the engine's own record does not tell."""
    documented = operation.answer_for(answer.exchange.status)
    match check.name:
        case "content_type_conformance":
            return documented is not None and bool(documented.media_types)
        case "response_headers_conformance":
            return documented is not None and bool(documented.headers)
        case "response_schema_conformance":
            return documented is not None and documented.body is not None
        case "ignored_auth":
            return not operation.is_public and not answer.has_key
        case "unsupported_method":
            return answer.exchange.request.method != operation.method
        case _:
            return True


def _keep(
    operation: Operation,
    check: GeneratedCheck,
    fault: Fault,
    answer: Answer | None,
    findings: list[Finding],
    entries: list[Entry],
) -> None:
    """Keep a failure with the exchange that shows it, unless it says the same as one kept before."""
    level, requirement = check.level, check.requirement
    body = answer.exchange.response.body if answer is not None else b""
    if requirement == "TONPO-HTTP-030" and not body:
        level, requirement = Level.SHOULD, None
    if check.name == "ignored_auth" and fault.is_about_wrong_key:
        requirement = "TONPO-AUTH-020"
    is_refusal = check.name == "negative_data_rejection" and operation.body_is_required and answer is not None
    if is_refusal and answer is not None and _is_no_object(answer.exchange.request.body):
        level, requirement = Level.MUST, "TONPO-ERR-090"
    first, _, rest = fault.message.partition("\n")
    message = f"{fault.title}: {first}" if first and first != fault.title else fault.title
    if any(one.message == message for one in findings):
        return
    found = None
    if answer is not None:
        entries.append(replace(answer.exchange, number=len(entries) + 1))
        found = f"{answer.exchange.status} {body[:200].decode(errors='replace')}".strip()
    expected = " ".join(rest.split())[:300] or check.words
    findings.append(Finding(requirement, level, message, expected, found, len(entries) if answer else None))


def _is_no_object(body: bytes | None) -> bool:
    """Say whether a body cannot be a JSON object, from its first character."""
    return bool(body) and not (body or b"").lstrip().startswith(b"{")
