"""junit.xml tells a CI system what failed and what was skipped, and why."""

from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from conformance.outcomes import Status
from conformance.redaction import Redactor
from conformance.reporters.document import build_document
from conformance.reporters.junit import build_junit
from tests.conformance.reporters.conftest import MakeReport, failed, one_of_each


def junit_of(make_report: MakeReport) -> Element:
    other = failed(id="errors.one", area="errors", status=Status.PASS, findings=())
    return ElementTree.fromstring(build_junit(build_document(make_report(*one_of_each(), other), Redactor())))


def case_of(root: Element, name: str) -> Element:
    return next(case for case in root.iter("testcase") if case.get("name") == name)


def test_there_is_a_suite_per_area_and_a_case_per_check(make_report: MakeReport) -> None:
    root = junit_of(make_report)
    assert [suite.get("name") for suite in root.findall("testsuite")] == ["orders", "errors"]
    assert {case.get("classname") for case in root.findall("testsuite[@name='orders']/testcase")} == {"orders"}
    assert len(root.findall("testsuite/testcase")) == len(Status) + 1


def test_each_status_has_its_element(make_report: MakeReport) -> None:
    root = junit_of(make_report)
    found = {status: [child.tag for child in case_of(root, f"orders.{status.value}")] for status in Status}
    assert found == {
        Status.PASS: [],
        Status.FAIL: ["failure"],
        Status.FLAKY: ["failure"],
        Status.WARN: ["system-out"],
        Status.NOT_APPLICABLE: ["skipped"],
        Status.COULD_NOT_RUN: ["skipped"],
        Status.ERROR: ["error"],
    }


def test_totals_are_those_of_the_elements(make_report: MakeReport) -> None:
    root = junit_of(make_report)
    for element in (root, *root.findall("testsuite")):
        assert element.get("tests") == str(len(list(element.iter("testcase"))))
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert element.get(name) == str(len(list(element.iter(tag))))


def test_a_failure_tells_what_was_expected_and_how_to_see_it(make_report: MakeReport) -> None:
    failure = case_of(junit_of(make_report), "orders.fail").find("failure")
    assert failure is not None
    assert failure.get("message") == "it is wrong"
    assert failure.text is not None
    for part in ("TONPO-ORD-010 MUST: it is wrong", "expected: right", "found: wrong", "$ curl -sS -i -X POST"):
        assert part in failure.text


def test_what_was_skipped_says_why(make_report: MakeReport) -> None:
    skipped = case_of(junit_of(make_report), "orders.could-not-run").find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "could-not-run: it is could-not-run"
