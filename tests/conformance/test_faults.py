"""Each faulty gateway is caught by the check that is there for it; the correct one by none."""

import functools
import importlib
import pkgutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp.test_utils import TestServer

import tests.conformance.faults
from conformance.catalogue import Catalogue, discover
from conformance.outcomes import CheckResult, Status
from conformance.redaction import Redactor
from conformance.report import RunReport
from conformance.requirements import Level, load_ledger
from conformance.runner import judge_gateway
from conformance.target import Budgets, TargetClass, TargetConfig, Timeouts
from tests.conformance.faults.fault import Fault
from tests.conformance.unusual_gateway import UnusualGateway


def collected() -> list[Fault]:
    package = tests.conformance.faults
    modules = [
        importlib.import_module(one.name) for one in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
    ]
    return [fault for module in modules for fault in getattr(module, "FAULTS", [])]


FAULTS = collected()
PATIENCE = Timeouts(request=5.0, stream_message=1.0, account_active=2.0, check=20.0, order_expiry=1.0)


@functools.cache
def catalogue() -> Catalogue:
    return discover(load_ledger())


@asynccontextmanager
async def served(gateway: UnusualGateway) -> AsyncIterator[str]:
    server = TestServer(gateway.application(), host="127.0.0.1")
    await server.start_server()
    try:
        yield str(server.make_url(""))
    finally:
        await server.close()


async def judged(gateway: UnusualGateway, *only: str) -> RunReport:
    async with served(gateway) as url:
        target = TargetConfig(
            url,
            target_class=TargetClass.SANDBOX,
            profile="all",
            only=only,
            timeouts=PATIENCE,
            budgets=Budgets(replay_seconds=0.0),
        )
        return await judge_gateway(target, catalogue(), lambda _: None, redactor=Redactor())


def result_of(report: RunReport, check: str) -> CheckResult:
    return next(one for one in report.results if one.id == check)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.caught_by}: {fault.name}")
async def test_a_faulty_gateway_is_caught(fault: Fault) -> None:
    result = result_of(await judged(fault.gateway(), fault.caught_by), fault.caught_by)
    found = {finding.requirement for finding in result.findings}
    assert fault.requirement in found, f"{result.status} {result.reason}: {result.findings}"
    is_binding = catalogue().ledger[fault.requirement].level is Level.MUST
    assert result.status is (Status.FAIL if is_binding else Status.WARN)


@pytest.mark.parametrize("correct", sorted({fault.correct for fault in FAULTS}, key=str), ids=lambda one: one.__name__)
async def test_the_correct_gateway_breaks_nothing_that_a_fault_breaks(correct: Callable[[], UnusualGateway]) -> None:
    faults = [fault for fault in FAULTS if fault.correct is correct]
    report = await judged(correct(), *sorted({fault.caught_by for fault in faults}))
    broken = {(one.id, finding.requirement) for one in report.results for finding in one.findings}
    assert broken & {(fault.caught_by, fault.requirement) for fault in faults} == set()
    assert {one.id: one.status for one in report.results if one.status not in (Status.PASS, Status.WARN)} == {}
