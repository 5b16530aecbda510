"""Whatever a server does, the suite gives a verdict on it, and never mistakes its own confusion for the server's."""

from collections.abc import Callable

import pytest
from aiohttp import web

from conformance.catalogue import Catalogue, discover
from conformance.errors import NothingSelected, TargetUnreachable
from conformance.outcomes import Status, Verdict
from conformance.redaction import Redactor
from conformance.report import RunReport, exit_code
from conformance.requirements import load_ledger
from conformance.runner import judge_gateway
from conformance.target import Budgets, TargetClass, TargetConfig, Timeouts
from tests.conformance.miniatures import (
    answers_500,
    answers_arrays,
    answers_empty_object,
    answers_half_json,
    answers_pages,
    claims_what_it_lacks,
    drops_connections,
    forgets_its_version_at_first,
    hangs_after_health,
    served,
    silence,
)

IMPATIENT = Timeouts(connect=1.0, request=0.3, stream_message=0.3, account_active=0.5, check=3.0)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return discover(load_ledger())


async def judged(url: str, catalogue: Catalogue, *only: str, profile: str = "core", replays: float = 0) -> RunReport:
    target = TargetConfig(
        url,
        profile=profile,
        target_class=TargetClass.SANDBOX,
        only=only,
        timeouts=IMPATIENT,
        budgets=Budgets(replay_seconds=replays),
    )
    return await judge_gateway(target, catalogue, lambda _: None, redactor=Redactor())


async def test_a_server_that_answers_an_empty_object_to_everything_is_red_in_every_area(catalogue: Catalogue) -> None:
    async with served(answers_empty_object()) as url:
        report = await judged(url, catalogue)
    failed = {result.area for result in report.results if result.status is Status.FAIL}
    assert {one.area for one in catalogue.checks if catalogue.profile_of(one) == "core"} <= failed
    assert report.verdict is Verdict.NON_CONFORMANT
    assert exit_code(report) == 1
    assert report.counts[Status.ERROR] == 0


@pytest.mark.parametrize(
    "miniature", [answers_500, answers_pages, answers_half_json, answers_arrays, drops_connections, hangs_after_health]
)
async def test_nonsense_is_the_servers_fault_and_not_the_suites(
    miniature: Callable[[], web.Application], catalogue: Catalogue
) -> None:
    async with served(miniature()) as url:
        report = await judged(url, catalogue)
    assert [result for result in report.results if result.status is Status.ERROR] == []
    assert exit_code(report) == 1


async def test_no_answer_is_told_with_the_time_that_was_waited(catalogue: Catalogue) -> None:
    async with served(hangs_after_health()) as url:
        report = await judged(url, catalogue, "errors.unauthenticated-form")
    result = next(one for one in report.results if one.id == "errors.unauthenticated-form")
    assert [finding.message for finding in result.findings] == ["no answer to GET /api/users/me within 0.3 s"]


async def test_a_dead_port_cannot_be_judged(catalogue: Catalogue, unused_tcp_port: int) -> None:
    with pytest.raises(TargetUnreachable, match=rf":{unused_tcp_port} cannot be judged: no connection"):
        await judged(f"http://127.0.0.1:{unused_tcp_port}", catalogue)


async def test_a_server_that_never_says_a_word_cannot_be_judged(catalogue: Catalogue) -> None:
    async with silence() as url:
        with pytest.raises(TargetUnreachable, match=r"no answer to GET /health within 0\.3 s"):
            await judged(url, catalogue)


async def test_what_fails_only_once_is_flaky_and_never_conformant(catalogue: Catalogue) -> None:
    async with served(forgets_its_version_at_first()) as url:
        report = await judged(url, catalogue, "system.health-is-public", replays=60)
    result = next(one for one in report.results if one.id == "system.health-is-public")
    assert (result.status, result.failures, result.attempts) == (Status.FLAKY, 1, 2)
    assert report.verdict is Verdict.INCOMPLETE
    assert exit_code(report) == 3


async def test_what_fails_each_time_is_confirmed_three_times(catalogue: Catalogue) -> None:
    async with served(answers_empty_object()) as url:
        report = await judged(url, catalogue, "system.health-is-public", replays=60)
    result = next(one for one in report.results if one.id == "system.health-is-public")
    assert (result.status, result.failures, result.attempts) == (Status.FAIL, 4, 4)


async def test_a_claim_without_substance_is_a_failure(catalogue: Catalogue) -> None:
    async with served(claims_what_it_lacks()) as url:
        report = await judged(url, catalogue, "system.capabilities-are-names", profile="all")
    result = next(one for one in report.results if one.id == "system.capabilities-are-names")
    assert result.status is Status.FAIL
    assert "history is claimed" in result.findings[0].message
    assert report.claimed == ("history",)
    assert "idempotency" in report.not_claimed


async def test_a_selection_that_matches_nothing_is_an_error_and_not_a_green_run(catalogue: Catalogue) -> None:
    async with served(answers_empty_object()) as url:
        with pytest.raises(NothingSelected, match="--only no-such-area matches no check"):
            await judged(url, catalogue, "system", "no-such-area")
