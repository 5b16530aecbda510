"""The badge claims no more than the run found out."""

import pytest

from conformance.outcomes import Verdict
from conformance.redaction import Redactor
from conformance.reporters.badge import build_badge
from conformance.reporters.document import build_document
from conformance.target import TargetConfig
from tests.conformance.reporters.conftest import MakeReport

NARROWED = TargetConfig("http://gateway.example", only=("orders",))
WHOLE = TargetConfig("http://gateway.example")


@pytest.mark.parametrize(
    ("verdict", "target", "message", "color"),
    [
        (Verdict.CONFORMANT, WHOLE, "conformant", "brightgreen"),
        (Verdict.INCOMPLETE, WHOLE, "incomplete", "yellow"),
        (Verdict.NON_CONFORMANT, WHOLE, "1 failed", "red"),
        (Verdict.CONFORMANT, NARROWED, "judged in part", "lightgrey"),
        (Verdict.NON_CONFORMANT, NARROWED, "1 failed", "red"),
    ],
)
def test_the_badge_says(
    make_report: MakeReport, verdict: Verdict, target: TargetConfig, message: str, color: str
) -> None:
    badge = build_badge(build_document(make_report(verdict=verdict, target=target), Redactor()))
    assert badge == {
        "schemaVersion": 1,
        "label": "Tonpo core 0.1.0",
        "message": message,
        "color": color,
        "isError": verdict is Verdict.NON_CONFORMANT,
    }
