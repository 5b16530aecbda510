"""Requests generated from the contract: what they catch, on which targets they go out, and that a seed repeats them."""

import threading
from collections import Counter
from importlib.metadata import version
from typing import Any

from aiohttp import web
from schemathesis import Config, openapi
from schemathesis.engine import Status as EngineStatus
from schemathesis.engine import events
from schemathesis.engine.core import Engine, EventStream
from schemathesis.engine.run import PhaseName

from conformance.generation import engine
from conformance.generation.plan import fitting
from conformance.outcomes import Status
from conformance.target import TargetClass
from tests.conformance.extended_broker import ExtendedBroker
from tests.conformance.extended_gateway import ExtendedGateway
from tests.conformance.knowing_gateway import KnowingGateway
from tests.conformance.serving import judge, judged, result_of, served, with_status
from tests.conformance.unusual_gateway import Owner, Terminal, UnusualGateway


class Roomy(UnusualGateway):
    """Has a plan without limits, so that nobody has to wait."""

    async def me(self, owner: Owner, request: web.Request) -> Any:
        return {**await super().me(owner, request), "plan": "Enterprise"}

    def count_request(self, owner: Owner) -> None:
        owner.trades = 0


class Recording(Roomy):
    """Remembers what it was asked, without what differs by its own making."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, str]] = []

    def application(self) -> web.Application:
        application = super().application()

        @web.middleware
        async def remember(request: web.Request, handler: Any) -> web.StreamResponse:
            self.asked.append((request.method, request.path))
            answer: web.StreamResponse = await handler(request)
            return answer

        application.middlewares.insert(0, remember)
        return application


class Remembering(KnowingGateway):
    """Has a past and candles, a plan without limits, and remembers the queries that it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.queries: list[tuple[int, dict[str, str]]] = []

    async def me(self, owner: Owner, request: web.Request) -> Any:
        return {**await super().me(owner, request), "plan": "Enterprise"}

    def count_request(self, owner: Owner) -> None:
        owner.trades = 0

    @web.middleware
    async def edge(self, request: web.Request, handler: Any) -> web.StreamResponse:
        answer = await KnowingGateway.edge(self, request, handler)
        if request.path.startswith("/api/history"):
            self.queries.append((answer.status, dict(request.query)))
        return answer


class StrangersMayCheck(Remembering):
    def owner(self, request: web.Request, key: str | None = None) -> Owner:
        known = self.owners.get(key or request.headers.get("X-API-Key") or "")
        if known is None and request.path == "/api/orders/check":
            return next(owner for owner in self.owners.values() if owner.living())
        return super().owner(request, key)


class WithoutAuthentication(Roomy):
    def owner(self, request: web.Request, key: str | None = None) -> Owner:
        known = self.owners.get(key or request.headers.get("X-API-Key") or "")
        if known is None and request.path == "/api/symbols":
            return next(owner for owner in self.owners.values() if owner.living())
        return super().owner(request, key)


class WrongType(Roomy):
    async def price(self, owner: Owner, request: web.Request) -> Any:
        return {**await super().price(owner, request), "bid": "cheap"}


class WrongState(Roomy):
    async def status(self, owner: Owner, request: web.Request) -> Any:
        return {**await super().status(owner, request), "paused": "perhaps"}


class Fragile(Roomy):
    def owned(self, action: Any) -> Any:
        handle = super().owned(action)

        async def fragile(request: web.Request) -> web.StreamResponse:
            if request.path == "/api/orders/modify" and not (await request.read()).startswith(b"{"):
                return web.json_response({"error": "oops", "code": 500, "type": "server_error"}, status=500)
            answer: web.StreamResponse = await handle(request)
            return answer

        return fragile


def test_the_engine_is_the_pinned_one_with_the_interface_that_is_used() -> None:
    assert version("schemathesis") == "4.32.5"
    document = {"openapi": "3.0.3", "info": {"title": "x", "version": "1"}, "paths": {}}
    schema = openapi.from_dict(document, config=Config.from_dict({"base-url": "http://127.0.0.1:9"}))
    stream = Engine(schema=schema).execute()
    assert isinstance(stream, EventStream)
    assert isinstance(stream.stop_event, threading.Event)
    assert callable(stream.stop)
    assert {"recorder", "phase", "label"} <= set(events.ScenarioFinished.__slots__)
    assert {"info", "value", "label"} <= set(events.NonFatalError.__slots__)
    assert {PhaseName.PROBING, PhaseName.AUTH_BOOTSTRAP} == set(engine.UNWANTED_PHASES)
    assert EngineStatus.SUCCESS.value == "success"


async def test_the_correct_gateway_breaks_no_must() -> None:
    report = await judged(Roomy().application(), "schema*")
    assert with_status(report, Status.FAIL) == {}
    assert with_status(report, Status.ERROR) == {}
    assert report.counts[Status.PASS] > 60


async def test_valid_requests_of_the_past_and_of_candles_are_not_called_refused() -> None:
    gateway = Remembering()
    names = ("listDeals", "listHistoryOrders", "listCandles", "checkOrder")
    report = await judged(gateway.application(), *(f"schema.{name}.*" for name in names), profile="all")
    unsettled = (Status.FAIL, Status.ERROR, Status.COULD_NOT_RUN)
    assert {status: with_status(report, status) for status in unsettled} == {status: {} for status in unsettled}
    for name in names:
        assert result_of(report, f"schema.{name}.positive_data_acceptance").status is Status.PASS
    assert any(status == 200 and {"from", "to"} <= set(query) for status, query in gateway.queries)
    assert any(status == 400 and "cursor" in query for status, query in gateway.queries)
    assert not any(status == 200 and "cursor" in query for status, query in gateway.queries)


async def test_a_check_without_authentication_is_caught() -> None:
    report = await judged(StrangersMayCheck().application(), "schema.checkOrder.*", profile="all")
    assert result_of(report, "schema.checkOrder.ignored_auth").status is Status.FAIL


def test_a_valid_query_gets_no_cursor_and_a_range_that_starts_before_it_ends() -> None:
    assert fitting({"cursor": "a", "limit": 3}, now_ms=50) == {"limit": 3}
    assert fitting({"from": 9, "to": "4"}, now_ms=50) == {"from": "4", "to": 9}
    assert fitting({"from": 4, "to": 9}, now_ms=5) == {"from": 4, "to": 9}
    assert fitting({"from": 51}, now_ms=50) == {}
    assert fitting({"from": 50}, now_ms=50) == {"from": 50}


async def test_missing_authentication_is_caught() -> None:
    report = await judged(WithoutAuthentication().application(), "schema.listSymbols.*")
    result = result_of(report, "schema.listSymbols.ignored_auth")
    assert result.status is Status.FAIL
    assert {one.requirement for one in result.findings} == {"TONPO-AUTH-010"}


async def test_a_wrong_type_in_an_answer_is_caught_by_the_engine_and_the_oracles() -> None:
    report = await judged(WrongType().application(), "schema.getSymbolPrice.*", "contract.getSymbolPrice")
    result = result_of(report, "schema.getSymbolPrice.response_schema_conformance")
    assert result.status is Status.FAIL
    assert result.findings[0].requirement == "TONPO-HTTP-030"
    assert result.transcript
    assert result_of(report, "contract.getSymbolPrice").status is Status.FAIL


async def test_a_value_outside_its_schema_is_caught() -> None:
    report = await judged(WrongState().application(), "schema.getAccountStatus.*")
    assert result_of(report, "schema.getAccountStatus.response_schema_conformance").status is Status.FAIL


async def test_a_500_to_some_input_is_caught() -> None:
    report = await judged(Fragile().application(), "schema.modifyPosition.*")
    result = result_of(report, "schema.modifyPosition.not_a_server_error")
    assert result.status is Status.FAIL
    assert result.findings[0].requirement == "TONPO-ERR-100"


async def test_a_live_target_gets_nothing_but_reading_requests() -> None:
    gateway = Recording()
    async with served(gateway.application()) as url:
        gateway.owners["a-key"] = Owner(1, "a-key")
        report = await judge(url, target_class=TargetClass.LIVE, api_keys=("a-key",))
    assert {method for method, _ in gateway.asked} == {"GET"}
    assert result_of(report, "schema.placeOrder.not_a_server_error").status is Status.COULD_NOT_RUN
    assert result_of(report, "schema.getCurrentUser.response_schema_conformance").status is Status.PASS


async def test_a_demo_target_gets_no_orders_unless_they_are_allowed() -> None:
    gateway = Recording()
    await judged(gateway.application(), "schema*", target_class=TargetClass.DEMO)
    asked = Counter(path for method, path in gateway.asked if method != "GET")
    assert set(asked) <= {"/api/users", "/api/accounts"} | {
        path for path in asked if path.endswith(("pause", "resume"))
    }
    assert asked["/api/users"] <= 2


async def test_orders_that_are_allowed_on_a_demo_target_are_small_and_on_positions_of_the_run() -> None:
    gateway = Recording()
    report = await judged(gateway.application(), "schema*", target_class=TargetClass.DEMO, allow_orders=True)
    asked = Counter(path for method, path in gateway.asked if method == "POST")
    assert asked["/api/orders"] <= 8
    assert asked["/api/orders/close"] <= 8
    assert with_status(report, Status.FAIL) == {}


async def test_a_given_account_on_a_demo_target_is_not_paused() -> None:
    gateway = Recording()
    async with served(gateway.application()) as url:
        gateway.owners["a-key"] = Owner(1, "a-key")
        gateway.owners["a-key"].terminals["theirs"] = Terminal("theirs", "1", "active")
        report = await judge(url, "schema*", target_class=TargetClass.DEMO, api_keys=("a-key",))
    assert {path for method, path in gateway.asked if method != "GET"} == set()
    assert "not one that the run created" in str(result_of(report, "schema.pauseAccount.ignored_auth").reason)


async def test_other_selections_generate_nothing() -> None:
    report = await judged(Roomy().application(), "system*")
    assert "schema" not in report.areas


async def test_a_seed_repeats_its_requests() -> None:
    first, again, other = Recording(), Recording(), Recording()
    for gateway, seed in ((first, 7), (again, 7), (other, 8)):
        await judged(gateway.application(), "schema.getSymbolPrice.*", "schema.listSymbols.*", seed=seed)
    sequences = [
        [one for one in gateway.asked if one[1].startswith("/api/symbols")] for gateway in (first, again, other)
    ]
    assert sequences[0] == sequences[1]
    assert sequences[0] != sequences[2]


async def test_an_operation_without_any_success_does_not_pass() -> None:
    class Closed(Roomy):
        async def symbols(self, owner: Owner, request: web.Request) -> Any:
            raise web.HTTPNotFound

    report = await judged(Closed().application(), "schema.listSymbols.*")
    assert {one.status for one in report.results if one.area == "schema"} == {Status.COULD_NOT_RUN}


class Extended(ExtendedGateway):
    """Has a plan without limits, and remembers what requests were named."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: list[str] = []
        self.reasons: Counter[str] = Counter()

    async def me(self, owner: Owner, request: web.Request) -> Any:
        return {"plan": "Enterprise", "user_id": f"U{owner.number}"}

    def count_request(self, owner: Owner) -> None:
        owner.trades = 0

    def refusal(self, status: int, text: str, headers: dict[str, str]) -> web.Response:
        self.reasons[text.partition(":")[0]] += 1
        return super().refusal(status, text, headers)

    def checked_key(self, key: str) -> str:
        self.keys.append(super().checked_key(key))
        return key


async def test_generated_requests_to_extended_operations_break_no_must_and_name_their_own_account_and_key() -> None:
    gateway = Extended()
    names = ("placeOrder", "cancelOrder", "getOrder", "getOrderRequest", "listOrders", "modifyPosition")
    report = await judged(gateway.application(), *(f"schema.{name}.*" for name in names), profile="all")
    assert with_status(report, Status.FAIL) == {}
    assert with_status(report, Status.ERROR) == {}
    assert with_status(report, Status.COULD_NOT_RUN) == {}
    assert len(gateway.keys) == len(set(gateway.keys)) > 50
    assert gateway.reasons["account_not_found"] == gateway.reasons["idempotency_key_reused"] == 0
    assert gateway.reasons["that is no key"] > 0
    assert gateway.reasons["that is no account id"] > 0


async def test_on_a_demo_target_only_orders_of_the_run_are_cancelled() -> None:
    gateway = Extended()
    async with served(gateway.application()) as url:
        theirs = Terminal("theirs", "1", "active", broker=ExtendedBroker())
        gateway.owners["a-key"] = Owner(1, "a-key", terminals={"theirs": theirs})
        ticket = theirs.broker.place({"symbol": "EURUSD", "side": "buy", "orderType": "limit", "volume": 1, "price": 1})
        settings = {"target_class": TargetClass.DEMO, "allow_orders": True, "api_keys": ("a-key",), "profile": "all"}
        report = await judge(url, "schema*", **settings)
    assert list(theirs.broker.pending) == [ticket]
    assert result_of(report, "schema.cancelOrder.not_a_server_error").status is Status.PASS
