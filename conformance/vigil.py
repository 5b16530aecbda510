"""Watch every answer and message of a run for secrets that the run itself has given away or received."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from conformance.exchange import Entry
from conformance.leaks import find_leaks, is_telling
from conformance.outcomes import CheckResult, Finding, Status, Tally
from conformance.redaction import Redactor
from conformance.requirements import Level
from conformance.selection import is_wanted

__all__ = ["AREA", "IDENTIFIER", "Vigil"]

AREA = "secrecy"
IDENTIFIER = "secrecy.whole-run"
MOST_KEPT = 5


@dataclass(frozen=True, slots=True)
class _Rule:
    """Secrets of one kind, by the start of their placeholder, and the operations that may return them."""

    requirement: str
    what: str
    placeholder: str
    allowed: frozenset[str] = frozenset()


RULES = (
    _Rule("TONPO-KEY-070", "an API key", "TONPO_API_KEY", frozenset({"createUser", "rotateApiKey"})),
    _Rule("TONPO-ACC-190", "an auth_token", "AUTH_TOKEN", frozenset({"createAccount"})),
    _Rule("TONPO-SEC-010", "an MT5 password", "MT5_PASSWORD"),
)


@dataclass(slots=True)
class Vigil:
    """Searches what each check received; one result for the whole run. Memory holds only what leaked."""

    redactor: Redactor
    seen: int = 0
    findings: list[Finding] = field(default_factory=list)
    evidence: list[Entry] = field(default_factory=list)
    tallies: dict[str, Tally] = field(default_factory=dict)

    def watch(self, entries: Iterable[Entry]) -> None:
        """Search the answers and messages of one check."""
        entries = list(entries)
        self.seen += len(entries)
        by_number = {entry.number: entry for entry in entries}
        for rule in RULES:
            secrets = [one for one in self.redactor.secrets(rule.placeholder) if is_telling(one)]
            if not secrets or not entries:
                continue
            leaks = [one for one in find_leaks(entries, secrets) if one.operation not in rule.allowed]
            known = self.tallies.get(rule.requirement, Tally())
            self.tallies[rule.requirement] = Tally(known.held + (not leaks), known.broken + bool(leaks))
            for leak in leaks[: max(0, MOST_KEPT - len(self.findings))]:
                self.evidence.append(replace(by_number[leak.number], number=len(self.evidence) + 1))
                message = f"{rule.what} came back in {leak.where}"
                self.findings.append(Finding(rule.requirement, Level.MUST, message, entry=len(self.evidence)))

    def results(self, only: tuple[str, ...]) -> list[CheckResult]:
        """Return the result, unless nothing was searched or it is not wanted."""
        requirements = tuple(rule.requirement for rule in RULES if rule.requirement in self.tallies)
        if not requirements or not is_wanted(only, IDENTIFIER, AREA, requirements):
            return []
        return [
            CheckResult(
                id=IDENTIFIER,
                area=AREA,
                title=f"No secret came back in anything that the gateway said ({self.seen} answers and messages)",
                status=Status.FAIL if self.findings else Status.PASS,
                requirements=requirements,
                tallies=self.tallies,
                findings=tuple(self.findings),
                transcript=tuple(self.evidence),
            )
        ]
