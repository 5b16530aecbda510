"""Watch every answer and message of a run, whatever the check was about, with two independent oracles."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from conformance.contract import Contract
from conformance.exchange import Entry, Exchange, Frame
from conformance.oracles.openapi_core import OpenApiCoreOracle
from conformance.outcomes import CheckResult, Finding, Status, Tally
from conformance.requirements import Level
from conformance.selection import is_wanted
from conformance.stream import Stream

__all__ = ["AREA", "Judge"]

AREA = "contract"
HTTP_RULE, STREAM_RULE = "TONPO-HTTP-030", "TONPO-WS-140"
"""The rows of the ledger that say so. They bind answers with a body, and messages of a type that the contract names."""

MOST_KEPT = 5


@dataclass(slots=True)
class _Case:
    """What is known about one operation or about the stream."""

    seen: int = 0
    findings: dict[str, Finding] = field(default_factory=dict)
    disagreements: dict[str, Finding] = field(default_factory=dict)
    evidence: list[Entry] = field(default_factory=list)


class Judge:
    """Collects what the contract forbids, by operation; one result per operation that was called at least once."""

    def __init__(self, contract: Contract, oracle: OpenApiCoreOracle) -> None:
        self._contract = contract
        self._oracle = oracle
        self._cases: dict[str, _Case] = {}

    def watch(self, entries: Iterable[Entry], streams: Iterable[Stream]) -> None:
        """Judge the exchanges of one check and the messages of its streams."""
        for entry in entries:
            if isinstance(entry, Exchange) and entry.operation is not None and entry.status:
                self._judge(entry, entry.operation)
            elif isinstance(entry, Frame) and entry.direction == "received":
                self._case("stream").seen += 1
        for stream in streams:
            for violation in stream.violations:
                case = self._case("stream")
                _keep(case.findings, case.evidence, Level.MUST, STREAM_RULE, violation.problem, violation.frame)

    def results(self, only: tuple[str, ...]) -> list[CheckResult]:
        """Return one result per operation, and one for the stream."""
        made = [self._result(name, case) for name, case in sorted(self._cases.items())]
        return [one for one in made if is_wanted(only, one.id, AREA)]

    def _judge(self, exchange: Exchange, operation: str) -> None:
        case = self._case(operation)
        case.seen += 1
        first = self._contract.response_problem(exchange)
        second = self._oracle.problem(exchange)
        if (first is None) != (second is None):
            said = f"one oracle says: {first or 'allowed'}; the other says: {second or 'allowed'}"
            _keep(case.disagreements, case.evidence, Level.MUST, None, said, exchange)
        elif first is not None:
            is_binding = first.kind == "body" and exchange.response.body != b""
            level = Level.MUST if is_binding else Level.SHOULD
            _keep(case.findings, case.evidence, level, HTTP_RULE, str(first), exchange)

    def _case(self, name: str) -> _Case:
        return self._cases.setdefault(name, _Case())

    def _result(self, name: str, case: _Case) -> CheckResult:
        findings = [*case.disagreements.values(), *case.findings.values()]
        if any(one.level is Level.MUST for one in case.findings.values()):
            status = Status.FAIL
        elif case.disagreements:
            status = Status.ERROR
        else:
            status = Status.WARN if case.findings else Status.PASS
        broken = sum(one.level is Level.MUST for one in case.findings.values())
        rule = STREAM_RULE if name == "stream" else HTTP_RULE
        what = "message on the stream" if name == "stream" else f"answer of {name}"
        return CheckResult(
            id=f"{AREA}.{name}",
            area=AREA,
            title=f"Every {what} is one that the contract allows ({case.seen} judged)",
            status=status,
            requirements=(rule,),
            tallies={rule: Tally(max(0, case.seen - broken), broken)},
            reason="the two oracles disagree: the contract or the suite is ambiguous here"
            if status is Status.ERROR
            else None,
            findings=tuple(findings),
            transcript=tuple(case.evidence),
        )


def _keep(
    found: dict[str, Finding], evidence: list[Entry], level: Level, rule: str | None, problem: str, entry: Entry
) -> None:
    """Keep a problem that is not known yet, with its entry numbered anew: the evidence comes from many checks."""
    if problem in found or len(found) >= MOST_KEPT:
        return
    number = len(evidence) + 1
    found[problem] = Finding(rule if level is Level.MUST else None, level, problem, entry=number)
    evidence.append(replace(entry, number=number))
