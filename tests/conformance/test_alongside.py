"""Checks that wait run next to the others, and only where they share nothing that others change."""

import asyncio
from types import ModuleType

import pytest
from aiohttp.test_utils import TestServer

from conformance.catalogue import Catalogue, Check, check, discover
from conformance.context import CheckContext
from conformance.errors import CatalogueError
from conformance.outcomes import Status
from conformance.redaction import Redactor
from conformance.requirements import load_ledger
from conformance.runner import judge_gateway
from conformance.target import Budgets, TargetClass, TargetConfig
from tests.conformance.unusual_gateway import UnusualGateway

HEALTH = ("TONPO-SYS-010",)


def catalogue_of(*checks: Check) -> Catalogue:
    module = ModuleType("checks")
    vars(module).update({f"check_{number}": one for number, one in enumerate(checks)})
    return discover(load_ledger(), [module])


def test_a_check_that_changes_what_others_share_cannot_run_alongside() -> None:
    @check(id="x.y", title="", requirements=HEALTH, needs=("account",), effects="account", alongside=True)
    async def changes(run: CheckContext) -> None: ...

    with pytest.raises(CatalogueError, match=r"x\.y runs alongside"):
        catalogue_of(changes)


async def test_a_waiting_check_lets_the_others_run() -> None:
    is_released, order = asyncio.Event(), []

    @check(id="a.waits", title="", requirements=HEALTH, needs=("disposable_user",), effects="account", alongside=True)
    async def waits(run: CheckContext) -> None:
        await is_released.wait()
        order.append("waiting")
        run.expect(True, HEALTH[0], "")

    @check(id="b.releases", title="", requirements=HEALTH, needs=("account",), effects="account")
    async def releases(run: CheckContext) -> None:
        order.append("other")
        run.expect(run.account.is_active, HEALTH[0], "")
        is_released.set()

    server = TestServer(UnusualGateway().application(), host="127.0.0.1")
    await server.start_server()
    try:
        target = TargetConfig(
            str(server.make_url("")), target_class=TargetClass.SANDBOX, budgets=Budgets(replay_seconds=0.0)
        )
        report = await judge_gateway(target, catalogue_of(waits, releases), lambda _: None, redactor=Redactor())
    finally:
        await server.close()
    assert order == ["other", "waiting"]
    assert {one.id: one.status for one in report.results if one.id in ("a.waits", "b.releases")} == {
        "a.waits": Status.PASS,
        "b.releases": Status.PASS,
    }
