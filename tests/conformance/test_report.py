"""Verdict, exit code and the table of requirements follow from the results alone."""

from dataclasses import replace
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.catalogue import Catalogue, check, discover
from conformance.context import CheckContext
from conformance.errors import CatalogueError
from conformance.outcomes import CheckResult, Status, Tally, Verdict
from conformance.report import RequirementStatus, RunReport, exit_code, judge_requirements, reach_verdict
from conformance.requirements import Ledger, Level, Requirement
from conformance.selection import is_wanted, select
from conformance.target import TargetClass, TargetConfig

MUST = Requirement("T-MUST", Level.MUST, "core", "must", "docs")
SHOULD = Requirement("T-SHOULD", Level.SHOULD, "core", "should", "docs")
CLAIMED = Requirement("T-HISTORY", Level.MUST, "extended", "history", "design", capability="history")
HIDDEN = Requirement("T-HIDDEN", Level.MUST, "core", "hidden", "docs", unobservable="it is inside")
BARE = Requirement("T-BARE", Level.MUST, "core", "bare", "docs")
LEDGER = Ledger({row.id: row for row in (MUST, SHOULD, CLAIMED, HIDDEN, BARE)})


@check(id="a.must", title="", requirements=["T-MUST"])
async def must(run: CheckContext) -> None: ...


@check(id="a.should", title="", requirements=["T-SHOULD"])
async def should(run: CheckContext) -> None: ...


@check(id="b.history", title="", requirements=["T-HISTORY"])
async def history(run: CheckContext) -> None: ...


@check(id="b.orders", title="", requirements=["T-MUST"], effects="order")
async def orders(run: CheckContext) -> None: ...


def catalogue(*checks: object) -> Catalogue:
    module = ModuleType("checks")
    vars(module).update({f"check_{number}": one for number, one in enumerate(checks)})
    return discover(LEDGER, [module])


ALL = catalogue(must, should, history, orders)


def result(status: Status, requirement: str = "T-MUST", *, held: int = 0, broken: int = 0) -> CheckResult:
    return CheckResult("a.b", "a", "", status, (requirement,), tallies={requirement: Tally(held, broken)})


def report(*results: CheckResult) -> RunReport:
    verdict, reasons = reach_verdict(results, ALL, is_interrupted=False)
    target = TargetConfig("http://h")
    return RunReport("1", "1", "", target, None, "", 0, 0, (), (), verdict, reasons, False, results, ())


@pytest.mark.parametrize(
    ("statuses", "verdict", "code"),
    [
        ([Status.PASS], Verdict.CONFORMANT, 0),
        ([Status.PASS, Status.WARN, Status.NOT_APPLICABLE], Verdict.CONFORMANT, 0),
        ([Status.PASS, Status.FAIL], Verdict.NON_CONFORMANT, 1),
        ([Status.FAIL, Status.ERROR, Status.COULD_NOT_RUN], Verdict.NON_CONFORMANT, 1),
        ([Status.PASS, Status.FLAKY], Verdict.INCOMPLETE, 3),
        ([Status.PASS, Status.COULD_NOT_RUN], Verdict.INCOMPLETE, 3),
        ([Status.PASS, Status.ERROR], Verdict.INCOMPLETE, 2),
        ([Status.COULD_NOT_RUN], Verdict.INCOMPLETE, 2),
        ([Status.NOT_APPLICABLE], Verdict.INCOMPLETE, 2),
        ([], Verdict.INCOMPLETE, 2),
    ],
)
def test_verdict_and_exit_code(statuses: list[Status], verdict: Verdict, code: int) -> None:
    found = report(*(result(status) for status in statuses))
    assert (found.verdict, exit_code(found)) == (verdict, code)


def test_what_only_recommends_may_stay_unjudged() -> None:
    assert report(result(Status.PASS), result(Status.COULD_NOT_RUN, "T-SHOULD")).verdict is Verdict.CONFORMANT


@given(st.lists(st.sampled_from(Status), max_size=8))
def test_only_a_run_without_any_doubt_exits_0(statuses: list[Status]) -> None:
    found = report(*(result(status) for status in statuses))
    doubt = {Status.FAIL, Status.FLAKY, Status.COULD_NOT_RUN, Status.ERROR} & set(statuses)
    executed = {Status.PASS, Status.WARN} & set(statuses)
    assert (exit_code(found) == 0) == (not doubt and bool(executed))
    assert (exit_code(found) == 1) == (Status.FAIL in statuses)
    assert bool(found.reasons) == (found.verdict is not Verdict.CONFORMANT)


@pytest.mark.parametrize(
    ("results", "requirement", "status"),
    [
        ([result(Status.PASS, held=2)], "T-MUST", RequirementStatus.HOLDS),
        ([result(Status.PASS, held=2), result(Status.FAIL, broken=1)], "T-MUST", RequirementStatus.BROKEN),
        ([result(Status.WARN, "T-SHOULD", broken=1)], "T-SHOULD", RequirementStatus.NOT_FOLLOWED),
        ([result(Status.FLAKY, held=1, broken=1)], "T-MUST", RequirementStatus.FLAKY),
        ([result(Status.COULD_NOT_RUN)], "T-MUST", RequirementStatus.NOT_JUDGED),
        ([], "T-MUST", RequirementStatus.NOT_SELECTED),
        ([], "T-HISTORY", RequirementStatus.NOT_CLAIMED),
        ([], "T-HIDDEN", RequirementStatus.UNOBSERVABLE),
        ([], "T-BARE", RequirementStatus.NO_CHECK),
    ],
)
def test_what_the_results_say_of_a_requirement(
    results: list[CheckResult], requirement: str, status: RequirementStatus
) -> None:
    rows = {row.requirement.id: row for row in judge_requirements(ALL, results, "core", [])}
    assert rows[requirement].status is status


def test_selection_by_profile_claim_and_effects() -> None:
    target = TargetConfig("http://h", profile="all", target_class=TargetClass.DEMO)
    planned = {one.check.id: (one.status, one.reason) for one in select(ALL, target, claimed=[])}
    assert planned == {
        "a.must": (None, None),
        "a.should": (None, None),
        "b.history": (Status.NOT_APPLICABLE, "the gateway does not claim history"),
        "b.orders": (Status.COULD_NOT_RUN, "it places orders, which needs --allow-orders"),
    }
    assert [one.check.id for one in select(ALL, replace(target, profile="core"), [])] == [
        "a.must", "a.should", "b.orders",
    ]  # fmt: skip
    assert [one.check.id for one in select(ALL, replace(target, profile="extended"), ["history"])] == ["b.history"]


@pytest.mark.parametrize(
    ("pattern", "is_matched"),
    [("a", True), ("a.*", True), ("a.must", True), ("T-MUST", True), ("T-*", True), ("must", False), ("A", False)],
)
def test_patterns_match_ids_areas_and_requirements(pattern: str, is_matched: bool) -> None:
    assert is_wanted([pattern], "a.must", "a", ["T-MUST"]) is is_matched


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"requirements": ["T-NONE"]}, "x.y names T-NONE, which is not in the ledger"),
        ({"requirements": []}, "x.y names no requirement"),
        ({"requirements": ["T-MUST"], "needs": ["wings"]}, "x.y needs wings: neither a fixture nor a capability"),
        ({"requirements": ["T-MUST"], "trades": 1}, "x.y places orders but does not declare effects='order'"),
    ],
)
def test_a_check_that_does_not_fit_the_ledger_stops_the_suite(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(CatalogueError, match=sentence):
        catalogue(check(id="x.y", title="", **options)(must.function))  # type: ignore[arg-type]


def test_two_checks_cannot_share_an_id() -> None:
    with pytest.raises(CatalogueError, match=r"two checks are called a\.must"):
        catalogue(must, check(id="a.must", title="", requirements=["T-MUST"])(must.function))
