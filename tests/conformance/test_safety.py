"""What a run may do to a gateway, and that it removes what it made."""

import asyncio
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
import pytest
from aiohttp import web

from conformance.catalogue import Catalogue, Check, check, discover
from conformance.context import CheckContext
from conformance.errors import ConfigurationError
from conformance.outcomes import CheckResult, Status, Verdict
from conformance.redaction import Redactor
from conformance.report import RunReport
from conformance.requirements import load_ledger
from conformance.runner import judge_gateway
from conformance.target import Budgets, TargetClass, TargetConfig, Timeouts, parse_credentials
from tests.conformance.knowing_broker import KnowingBroker
from tests.conformance.knowing_gateway import KnowingGateway
from tests.conformance.miniatures import served
from tests.conformance.unusual_gateway import Owner, Terminal, UnusualGateway

ORDER = {"symbol": "EURUSD", "side": "buy", "orderType": "market", "volume": 0.01}
CREDENTIALS = parse_credentials("1234:pw-of-the-demo@Demo", "account")


class WatchedGateway(UnusualGateway):
    """Remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, str]] = []

    @web.middleware
    async def edge(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.asked.append((request.method, request.path))
        return await super().edge(request, handler)


def catalogue_of(*checks: Check) -> Catalogue:
    module = ModuleType("checks")
    vars(module).update({f"check_{number}": one for number, one in enumerate(checks)})
    return discover(load_ledger(), [module])


async def judged(url: str, catalogue: Catalogue, journal: Path | None = None, **settings: Any) -> RunReport:
    profile = settings.get("profile", "core")
    only = tuple(sorted({one.area for one in catalogue.checks if catalogue.profile_of(one) == profile}))
    usual = {"target_class": TargetClass.SANDBOX, "timeouts": Timeouts(request=2, check=5), "only": only}
    target = TargetConfig(url, budgets=Budgets(replay_seconds=0), **{**usual, **settings, "profile": "all"})
    return await judge_gateway(target, catalogue, lambda _: None, redactor=Redactor(), journal_path=journal)


def result_of(report: RunReport, identifier: str) -> CheckResult:
    return next(one for one in report.results if one.id == identifier)


@check(id="x.trades", title="", requirements=["TONPO-ORD-010"], effects="order", needs=["account"], trades=2)
async def trades(run: CheckContext) -> None:
    for _ in range(2):
        answer = await run.call("placeOrder", body=ORDER)
        run.expect(answer.document.get("success") is True, "TONPO-ORD-010", "refused")


async def test_a_live_target_is_only_read_whatever_its_key_allows() -> None:
    gateway = WatchedGateway()
    async with served(gateway.application()) as url:
        gateway.owners["key-of-the-operator"] = Owner(1, "key-of-the-operator")
        catalogue = discover(load_ledger())
        report = await judged(url, catalogue, target_class=TargetClass.LIVE, api_keys=("key-of-the-operator",))
    assert ("POST", "/api/users") not in gateway.asked
    (owner,) = gateway.owners.values()
    assert owner.terminals == {}
    assert report.verdict is Verdict.INCOMPLETE
    reasons = {one.reason for one in report.results if one.status is Status.COULD_NOT_RUN}
    assert "it places orders, which is not done on a live target" in reasons


async def test_a_live_target_is_asked_for_its_past_and_its_limits_and_sent_nothing() -> None:
    asked: list[tuple[str, str]] = []

    class Watched(KnowingGateway):
        @web.middleware
        async def edge(self, request: web.Request, handler: Any) -> web.StreamResponse:
            asked.append((request.method, request.path))
            return await KnowingGateway.edge(self, request, handler)

        async def list_accounts(self, owner: Owner, request: web.Request) -> Any:
            return {"accounts": [{"account_id": "theirs", "status": "active"}]}

    gateway = Watched()
    terminal = Terminal("theirs", "1", "active", broker=KnowingBroker())
    gateway.owners["key-of-the-operator"] = Owner(1, "key-of-the-operator", terminals={"theirs": terminal})
    only = ("history", "candle-history.ranges", "specification", "order-check", "rate-limit-headers")
    async with served(gateway.application()) as url:
        keys = ("key-of-the-operator",)
        report = await judged(url, discover(load_ledger()), target_class=TargetClass.LIVE, api_keys=keys, only=only)
    assert {method for method, _ in asked} == {"GET"}
    passed = {one.id for one in report.results if one.status is Status.PASS}
    assert passed >= {"history.refused", "candle-history.ranges", "specification.fields", "rate-limit-headers.left"}


async def test_a_live_target_without_a_key_creates_no_user() -> None:
    gateway = WatchedGateway()
    async with served(gateway.application()) as url:
        await judged(url, discover(load_ledger()), target_class=TargetClass.LIVE)
    assert gateway.owners == {}


async def test_a_demo_gets_no_orders_without_permission() -> None:
    async with served(UnusualGateway().application()) as url:
        report = await judged(url, catalogue_of(trades), target_class=TargetClass.DEMO)
    assert result_of(report, "x.trades").reason == "it places orders, which needs --allow-orders"


async def test_what_a_run_creates_is_removed_and_journalled_before_it_is_asked_for(tmp_path: Path) -> None:
    gateway = UnusualGateway()
    journal = tmp_path / "journal.jsonl"
    async with served(gateway.application()) as url:
        report = await judged(url, catalogue_of(trades), journal)
    assert result_of(report, "x.trades").status is Status.PASS
    (owner,) = gateway.owners.values()
    (terminal,) = owner.terminals.values()
    assert (terminal.state, terminal.broker.open) == ("deleted", {})
    residue = result_of(report, "cleanup.residue")
    assert residue.status is Status.PASS
    assert residue.reason == "2 positions, 1 accounts; 1 users stay, as no operation removes one"
    events = [orjson.loads(line)["event"] for line in journal.read_bytes().splitlines()]
    assert events[:4] == ["creating-user", "created-user", "creating-account", "created-account"]
    assert events.index("placing-order") < events.index("opened-position")
    assert owner.key.encode() not in journal.read_bytes()


async def test_what_cannot_be_removed_is_told() -> None:
    class Clinging(UnusualGateway):
        async def delete(self, owner: Any, request: web.Request) -> Any:
            return {"gone": False}

    async with served(Clinging().application()) as url:
        report = await judged(url, catalogue_of(trades))
    residue = result_of(report, "cleanup.residue")
    assert residue.status is Status.WARN
    assert "is still listed" in residue.findings[0].message


async def test_an_interrupted_run_still_cleans_up_and_is_incomplete() -> None:
    is_trading = asyncio.Event()

    @check(id="x.hangs", title="", requirements=["TONPO-ORD-010"], effects="order", needs=["account"], trades=1)
    async def hangs(run: CheckContext) -> None:
        await run.call("placeOrder", body=ORDER)
        is_trading.set()
        await asyncio.Event().wait()

    gateway = UnusualGateway()
    async with served(gateway.application()) as url:
        running = asyncio.create_task(judged(url, catalogue_of(hangs)))
        await is_trading.wait()
        running.cancel()
        report = await running
    (owner,) = gateway.owners.values()
    assert [(one.state, one.broker.open) for one in owner.terminals.values()] == [("deleted", {})]
    assert report.is_interrupted
    assert report.verdict is Verdict.INCOMPLETE
    assert "the run was interrupted" in report.reasons


async def test_an_order_above_the_caps_is_never_sent_outside_a_sandbox() -> None:
    @check(id="x.big", title="", requirements=["TONPO-ORD-010"], effects="order", needs=["account"], trades=1)
    async def big(run: CheckContext) -> None:
        await run.call("placeOrder", body={**ORDER, "volume": 50})

    gateway = UnusualGateway()
    async with served(gateway.application()) as url:
        report = await judged(
            url, catalogue_of(big), target_class=TargetClass.DEMO, allow_orders=True, accounts=(CREDENTIALS,)
        )
    assert result_of(report, "x.big").status is Status.ERROR
    assert all(not one.broker.open for owner in gateway.owners.values() for one in owner.terminals.values())


async def test_a_key_that_the_gateway_refuses_is_a_mistake_in_the_configuration() -> None:
    async with served(UnusualGateway().application()) as url:
        with pytest.raises(ConfigurationError, match="api_keys: the key of user 1 is not accepted"):
            await judged(url, catalogue_of(trades), api_keys=("never-issued",))


@pytest.mark.parametrize(
    ("function", "status", "reason"),
    [
        ("nothing", Status.ERROR, "the check asserted nothing"),
        ("undeclared", Status.ERROR, "the check asserts TONPO-SYS-030, which it does not declare"),
        ("invalid", Status.ERROR, "the suite was about to send an invalid placeOrder request"),
        ("broken", Status.ERROR, "the suite erred at"),
        ("needless", Status.ERROR, "the check uses second_user without declaring it in needs"),
    ],
)
async def test_a_mistake_of_the_suite_is_never_the_gateways_fault(function: str, status: Status, reason: str) -> None:
    async def nothing(run: CheckContext) -> None: ...

    async def undeclared(run: CheckContext) -> None:
        run.expect(False, "TONPO-SYS-030", "no")

    async def invalid(run: CheckContext) -> None:
        await run.call("placeOrder", body={"side": "up"})

    async def broken(run: CheckContext) -> None:
        raise KeyError("oops")

    async def needless(run: CheckContext) -> None:
        assert run.second_user

    decorate = check(id="x.mistake", title="", requirements=["TONPO-SYS-010"], needs=["user"])
    async with served(UnusualGateway().application()) as url:
        report = await judged(url, catalogue_of(decorate(locals()[function])))
    result = result_of(report, "x.mistake")
    assert result.status is status
    assert (result.reason or "").startswith(reason)
