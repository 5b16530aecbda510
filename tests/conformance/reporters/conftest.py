"""Runs to report on, made of parts that a test may exchange."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from conformance.exchange import Exchange, Frame, Request, Response
from conformance.outcomes import CheckResult, Finding, Status, Tally, Verdict
from conformance.report import RequirementRow, RequirementStatus, RunReport
from conformance.requirements import Level, Requirement
from conformance.target import TargetConfig

MakeReport = Callable[..., RunReport]


def exchange(number: int = 1, body: bytes = b'{"ok": true}', sent: bytes | None = None, key: str = "none") -> Exchange:
    request = Request("POST", "http://gateway.example/api/orders", (("X-API-Key", key),), sent)
    response = Response(200, (("Content-Type", "application/json"),), body)
    return Exchange(number, request, response, "placeOrder", "user 1", 1.5, 2.25)


def frame(number: int = 2, text: str = '{"type": "tick"}') -> Frame:
    return Frame(number, "socket 1", "received", text, 3.75)


def failed(message: str = "it is wrong", **changes: Any) -> CheckResult:
    found = Finding("TONPO-ORD-010", Level.MUST, message, "right", "wrong", 1)
    result = CheckResult(
        id="orders.one",
        area="orders",
        title="An order is placed",
        status=Status.FAIL,
        requirements=("TONPO-ORD-010",),
        findings=(found,),
        tallies={"TONPO-ORD-010": Tally(2, 1)},
        transcript=(exchange(), frame()),
        duration_ms=12.5,
        seed=7,
        requests=1,
    )
    return replace(result, **changes)


def one_of_each() -> tuple[CheckResult, ...]:
    """One check per status."""
    return tuple(
        failed(id=f"orders.{status.value}", status=status, reason=f"it is {status.value}") for status in Status
    )


@pytest.fixture
def make_report() -> MakeReport:
    def make(*results: CheckResult, **changes: Any) -> RunReport:
        requirement = Requirement("TONPO-ORD-010", Level.MUST, "core", "An order MUST be placed.", "docs")
        report = RunReport(
            suite_version="0.1.0",
            spec_version="0.1.0",
            spec_sha256="0" * 64,
            target=TargetConfig("http://gateway.example"),
            gateway_version="1.2.3",
            started_at="2026-11-23T22:00:00+00:00",
            duration_ms=1234.5,
            requests=42,
            claimed=(),
            not_claimed=("history",),
            verdict=Verdict.NON_CONFORMANT,
            reasons=("1 check failed",),
            is_interrupted=False,
            results=results or (failed(),),
            requirements=(RequirementRow(requirement, RequirementStatus.BROKEN, Tally(2, 1), ("orders.one",)),),
        )
        return replace(report, **changes)

    return make
