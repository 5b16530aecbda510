"""Gateways on loopback sockets for the tests of the suite, and runs of the suite against them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from conformance.catalogue import Catalogue, discover
from conformance.outcomes import CheckResult, Status
from conformance.redaction import Redactor
from conformance.report import RunReport
from conformance.requirements import load_ledger
from conformance.runner import judge_gateway
from conformance.target import Budgets, TargetClass, TargetConfig, Timeouts

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PATIENCE = Timeouts(connect=2.0, request=2.0, stream_message=0.5, account_active=2.0, check=5.0)
BUDGETS = Budgets(replay_seconds=0.0, schema_examples=3, schema_seconds=30.0)


@cache
def catalogue() -> Catalogue:
    return discover(load_ledger())


@asynccontextmanager
async def served(application: web.Application) -> AsyncIterator[str]:
    server = TestServer(application, host="127.0.0.1")
    await server.start_server()
    try:
        yield str(server.make_url("")).rstrip("/")
    finally:
        await server.close()


def answering(handler: Handler) -> web.Application:
    """Return a gateway that answers everything, any method and path, in the same way."""
    application = web.Application()
    application.router.add_route("*", "/{any:.*}", handler)
    return application


async def judge(url: str, *only: str, **settings: Any) -> RunReport:
    given = {"target_class": TargetClass.SANDBOX, "timeouts": PATIENCE, "budgets": BUDGETS, **settings}
    target = TargetConfig(url, only=only, **given)
    return await judge_gateway(target, catalogue(), lambda _: None, redactor=Redactor())


async def judged(application: web.Application, *only: str, **settings: Any) -> RunReport:
    async with served(application) as url:
        return await judge(url, *only, **settings)


def result_of(report: RunReport, identifier: str) -> CheckResult:
    return next(one for one in report.results if one.id == identifier)


def with_status(report: RunReport, status: Status) -> dict[str, str]:
    return {one.id: one.reason or "; ".join(f.message for f in one.findings) for one in report.results
            if one.status is status}  # fmt: skip
