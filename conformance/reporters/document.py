"""The report as plain data: what report.json holds, and all that the other files are made of.

Everything passes through `Legible` here and nowhere later: what is absent from this document is in no file.
Its shape is `spec/report.schema.json`.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from conformance.curl import curl_command
from conformance.exchange import Exchange
from conformance.outcomes import CheckResult, Finding, Status
from conformance.redaction import Redactor
from conformance.report import RequirementRow, RequirementStatus, RunReport, exit_code
from conformance.reporters.legible import Legible
from conformance.reporters.reproduction import describe_reproduction
from conformance.reporters.transcripts import chosen_entries, describe_entry
from conformance.target import TargetConfig

__all__ = ["FORMAT", "Document", "build_document"]

Document = dict[str, Any]

FORMAT = "tonpo-conformance-report/1"
"""Goes up when a reader of the document would have to change."""

MOST_FINDINGS = 200
MOST_FINDING_CHARACTERS = 4_000
MOST_COMMANDS = 5

NOTICE = (
    "API keys, MT5 passwords and enrolment tokens are replaced by names such as $TONPO_API_KEY, those of further users "
    "by numbered names, and whatever else looks like a secret by ***. Logins, server names and other answers of the "
    "gateway are shown as they are."
)


def build_document(report: RunReport, redactor: Redactor) -> Document:
    """Return the whole report as JSON-shaped data without secrets."""
    legible = Legible(redactor)
    executed = Counter(one for result in report.results if result.status.is_executed for one in result.requirements)
    return {
        "format": FORMAT,
        "suite": {"version": report.suite_version},
        "spec": {"version": report.spec_version, "sha256": report.spec_sha256},
        "target": _target(report.target, legible),
        "gateway_version": None if report.gateway_version is None else legible(report.gateway_version, 200),
        "seed": report.target.seed,
        "started_at": report.started_at,
        "duration_ms": round(report.duration_ms, 1),
        "requests": report.requests,
        "is_interrupted": report.is_interrupted,
        "is_complete_selection": report.is_complete_selection,
        "capabilities": {
            "claimed": list(report.claimed),
            "not_claimed": list(report.not_claimed),
            "present_unclaimed": list(report.present_unclaimed),
        },
        "verdict": report.verdict.value,
        "reasons": [legible(reason) for reason in report.reasons],
        "exit_code": exit_code(report),
        "counts": {status.value: count for status, count in report.counts.items()},
        "areas": [_area(name, report) for name in report.areas],
        "checks": [_check(result, legible) for result in report.results],
        "requirement_counts": {
            status.value: sum(row.status is status for row in report.requirements) for status in RequirementStatus
        },
        "requirements": [_requirement(row, executed) for row in report.requirements],
        "reproduction": _legible_texts(describe_reproduction(report.target), legible),
        "redaction": {"notice": NOTICE, "placeholders": list(redactor.names)},
    }


def _target(target: TargetConfig, legible: Legible) -> Document:
    return {
        "url": legible(target.url),
        "profile": target.profile,
        "target_class": target.target_class.value,
        "allow_orders": target.allow_orders,
        "symbol": legible(target.symbol),
        "volume": str(target.volume),
        "max_volume": str(target.max_volume),
        "only": [legible(pattern) for pattern in target.only],
        "tls_verify": target.tls_verify,
        "api_keys": len(target.api_keys),
        "accounts": len(target.accounts),
        "has_bad_account": target.bad_account is not None,
        "timeouts": asdict(target.timeouts),
        "budgets": asdict(target.budgets),
    }


def _area(name: str, report: RunReport) -> Document:
    mine = [result for result in report.results if result.area == name]
    return {
        "name": name,
        "counts": {status.value: sum(one.status is status for one in mine) for status in Status},
        "duration_ms": round(sum(one.duration_ms for one in mine), 1),
    }


def _check(result: CheckResult, legible: Legible) -> Document:
    cited = {finding.entry for finding in result.findings}
    entries = chosen_entries(result.transcript, cited)
    return {
        "id": result.id,
        "area": result.area,
        "title": legible(result.title),
        "status": result.status.value,
        "reason": None if result.reason is None else legible(result.reason, MOST_FINDING_CHARACTERS),
        "requirements": list(result.requirements),
        "duration_ms": round(result.duration_ms, 1),
        "requests": result.requests,
        "seed": result.seed,
        "attempts": result.attempts,
        "failures": result.failures,
        "findings": [_finding(one, legible) for one in result.findings[:MOST_FINDINGS]],
        "findings_omitted": max(0, len(result.findings) - MOST_FINDINGS),
        "commands": _commands(result, legible),
        "transcript": [describe_entry(one, is_cited=one.number in cited, legible=legible) for one in entries],
        "transcript_omitted": len(result.transcript) - len(entries),
    }


def _finding(finding: Finding, legible: Legible) -> Document:
    def shown(text: str | None) -> str | None:
        return None if text is None else legible(text, MOST_FINDING_CHARACTERS)

    return {
        "requirement": finding.requirement,
        "level": finding.level.value,
        "message": legible(finding.message, MOST_FINDING_CHARACTERS),
        "expected": shown(finding.expected),
        "found": shown(finding.found),
        "entry": finding.entry,
    }


def _commands(result: CheckResult, legible: Legible) -> list[str]:
    """Return the curl commands that reproduce the findings: the check's own, else those of the cited exchanges."""
    if result.curl:
        return [legible(one) for one in result.curl[:MOST_COMMANDS]]
    exchanges = {entry.number: entry for entry in result.transcript if isinstance(entry, Exchange)}
    numbers = dict.fromkeys(finding.entry for finding in result.findings)
    requests = [exchanges[one].request for one in numbers if one in exchanges]
    commands = dict.fromkeys(legible(curl_command(one, legible.redactor)) for one in requests[:MOST_FINDINGS])
    return list(commands)[:MOST_COMMANDS]


def _requirement(row: RequirementRow, executed: Mapping[str, int]) -> Document:
    requirement = row.requirement
    return {
        "id": requirement.id,
        "level": requirement.level.value,
        "profile": requirement.profile,
        "capability": requirement.capability,
        "text": requirement.text,
        "source": requirement.source,
        "unobservable": requirement.unobservable,
        "status": row.status.value,
        "executed": executed.get(requirement.id, 0),
        "asserted": row.tally.held + row.tally.broken,
        "broken": row.tally.broken,
        "checks": list(row.checks),
    }


def _legible_texts(node: Any, legible: Legible) -> Any:
    """Return JSON-shaped data with each text made legible; keys are the suite's own."""
    match node:
        case str():
            return legible(node)
        case list():
            return [_legible_texts(one, legible) for one in node]
        case dict():
            return {key: _legible_texts(value, legible) for key, value in node.items()}
    return node
