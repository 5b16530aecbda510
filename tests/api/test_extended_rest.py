"""The extended capabilities over REST: whose account, which key, what is pending, what was, what is left."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from reference_server.domain.errors import OutcomeUnknown
from reference_server.domain.market import Candle, Timeframe
from reference_server.domain.trading import Deal, OrderResult

from .conftest import Client
from .contracted import Answer, Contract, Gateway, assert_error
from .scripted import ScriptedTerminal, ScriptedTerminals, gateway_application

ACCOUNT = {"mt5Login": "12345", "mt5Password": "good", "mt5Server": "Demo"}
ORDER = {"symbol": "EURUSD", "side": "buy", "orderType": "market", "volume": 0.1}
LIMIT = {**ORDER, "orderType": "limit", "price": 1.05}


@pytest.fixture(scope="module")
def terminals() -> ScriptedTerminals:
    return ScriptedTerminals()


@pytest.fixture(scope="module")
def address(serve: Any, tmp_path_factory: pytest.TempPathFactory, terminals: ScriptedTerminals) -> Iterator[str]:
    with serve(gateway_application(tmp_path_factory.mktemp("extended"), terminals)) as at:
        yield at


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract()


@pytest.fixture
def register(address: str, contract: Contract) -> Callable[[], Gateway]:
    def make() -> Gateway:
        gateway = Gateway(address, contract)
        gateway.key = gateway("POST", "/api/users").json["api_key"]
        return gateway

    return make


@pytest.fixture
def gateway(register: Callable[[], Gateway]) -> Gateway:
    return register()


def provision(gateway: Gateway) -> str:
    account_id: str = gateway("POST", "/api/accounts", ACCOUNT).json["account_id"]
    for _ in range(2000):
        if gateway("GET", f"/api/accounts/{account_id}/status").json["status"] == "active":
            return account_id
    raise AssertionError("the account did not become active")


@pytest.fixture
def account(gateway: Gateway) -> str:
    return provision(gateway)


@pytest.fixture
def terminal(account: str, terminals: ScriptedTerminals) -> ScriptedTerminal:
    return terminals.opened[-1]


# -- account-selection ----------------------------------------------------------------------------------------------


def test_each_call_goes_to_the_account_that_it_names(gateway: Gateway, account: str) -> None:
    other = provision(gateway)
    assert gateway("POST", "/api/orders", ORDER, account=other).json["success"]
    assert gateway("GET", "/api/positions", account=account).json == {"positions": []}
    assert len(gateway("GET", "/api/positions", account=other).json["positions"]) == 1
    for method, path, body in (
        ("GET", "/api/positions", None),
        ("GET", "/api/account", None),
        ("GET", "/api/orders", None),
        ("GET", "/api/symbols", None),
        ("GET", "/api/symbols/EURUSD", None),
        ("GET", "/api/symbols/EURUSD/candles?timeframe=M1", None),
        ("GET", "/api/history/deals", None),
        ("GET", "/api/history/orders", None),
        ("POST", "/api/orders", ORDER),
        ("POST", "/api/orders/check", ORDER),
        ("POST", "/api/orders/close", {"ticket": 1}),
        ("POST", "/api/orders/modify", {"ticket": 1, "sl": 1.0}),
        ("GET", "/api/orders/1", None),
        ("DELETE", "/api/orders/1", None),
    ):
        assert_error(gateway(method, path, body), 409, "account_ambiguous")
        assert_error(gateway(method, path, body, account="acc_of_somebody"), 404, "account_not_found")
    assert len(gateway("GET", "/api/positions", account=other).json["positions"]) == 1


def test_an_account_that_is_named_twice_is_refused(gateway: Gateway, account: str) -> None:
    client = Client(gateway.address)
    for value in ("", "a b", "x" * 65):
        headers = {"X-Account-ID": value, "X-API-Key": gateway.key or ""}
        assert client("GET", "/api/positions", headers=headers, key=None).status == 400


def test_one_account_reads_as_its_status_and_others_do_not_exist(
    gateway: Gateway, account: str, register: Callable[[], Gateway]
) -> None:
    assert gateway("GET", f"/api/accounts/{account}").json == gateway("GET", f"/api/accounts/{account}/status").json
    assert_error(register()("GET", f"/api/accounts/{account}"), 404, "account_not_found")


# -- idempotency ----------------------------------------------------------------------------------------------------


def test_a_repeated_order_gets_the_first_answer_and_opens_one_position(
    gateway: Gateway, account: str, terminal: ScriptedTerminal
) -> None:
    first = gateway("POST", "/api/orders", ORDER, idempotency="order-1")
    second = gateway("POST", "/api/orders", dict(reversed(ORDER.items())), idempotency="order-1")
    assert (first.json, "idempotency-replayed" in first.headers) == (second.json, False)
    assert second.headers["idempotency-replayed"] == "true"
    assert len(terminal.open_positions) == 1
    assert_error(gateway("POST", "/api/orders", {**ORDER, "volume": 0.2}, idempotency="order-1"), 409,
                 "idempotency_key_reused")  # fmt: skip
    record = gateway("GET", "/api/orders/requests/order-1").json
    assert (record["outcome"], record["operation"], record["result"]) == ("accepted", "placeOrder", first.json)


def test_twenty_repetitions_at_once_open_one_position(
    gateway: Gateway, account: str, terminal: ScriptedTerminal
) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers: list[Answer] = list(
            pool.map(lambda _: gateway("POST", "/api/orders", ORDER, idempotency="order-1"), range(20))
        )
    assert len(terminal.open_positions) == 1
    assert {one.status for one in answers} <= {200, 409}
    assert len({one.json["ticket"] for one in answers if one.status == 200}) == 1


def test_every_operation_that_trades_honours_its_key(
    gateway: Gateway, account: str, terminal: ScriptedTerminal
) -> None:
    position = gateway("POST", "/api/orders", ORDER, idempotency="a").json["ticket"]
    pending = gateway("POST", "/api/orders", LIMIT, idempotency="b").json["ticket"]
    calls = (
        ("POST", "/api/orders/modify", {"ticket": position, "sl": 1.0}, "modifyPosition"),
        ("POST", "/api/orders/modify", {"ticket": pending, "price": 1.04}, "modifyPosition"),
        ("DELETE", f"/api/orders/{pending}", None, "cancelOrder"),
        ("POST", "/api/orders/close", {"ticket": position}, "closePosition"),
    )
    for number, (method, path, body, operation) in enumerate(calls):
        first = gateway(method, path, body, idempotency=f"{number}")
        assert first.json["success"]
        again = gateway(method, path, body, idempotency=f"{number}")
        assert (again.json, again.headers["idempotency-replayed"]) == (first.json, "true")
        assert gateway("GET", f"/api/orders/requests/{number}").json["operation"] == operation
        assert_error(gateway(method, path, body, idempotency="a"), 409, "idempotency_key_reused")
    assert len(terminal.marks) == 6


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "k\u00e9y", "sk_live_tonpo_x"])
def test_a_malformed_key_is_refused_and_nothing_is_sent(
    gateway: Gateway, account: str, terminal: ScriptedTerminal, key: str
) -> None:
    assert_error(gateway("POST", "/api/orders", ORDER, idempotency=key), 400, "invalid_parameter")
    assert terminal.marks == []


def test_a_lost_answer_is_unknown_under_its_key_and_then_found(
    gateway: Gateway, account: str, terminal: ScriptedTerminal
) -> None:
    terminal.losing = OutcomeUnknown()
    terminal.found = OrderResult(1000, True, 10009, None, 1.08556, 0.1)
    assert_error(gateway("POST", "/api/orders", ORDER, idempotency="lost"), 504, "outcome_unknown")
    for _ in range(2000):
        record = gateway("GET", "/api/orders/requests/lost").json
        if record["outcome"] != "unknown":
            break
    assert (record["outcome"], record["result"]["ticket"]) == ("accepted", 1000)
    again = gateway("POST", "/api/orders", ORDER, idempotency="lost")
    assert (again.status, again.headers["idempotency-replayed"]) == (200, "true")
    assert len(terminal.marks) == 1


def test_an_outcome_that_stays_unknown_is_told_again_and_never_sent_again(
    gateway: Gateway, account: str, terminal: ScriptedTerminal
) -> None:
    terminal.losing = OutcomeUnknown()
    assert_error(gateway("POST", "/api/orders", ORDER, idempotency="lost"), 504, "outcome_unknown")
    again = gateway("POST", "/api/orders", ORDER, idempotency="lost")
    assert_error(again, 504, "outcome_unknown")
    assert again.headers["idempotency-replayed"] == "true"
    assert len(terminal.marks) == 1


# -- pending-orders and order-check ---------------------------------------------------------------------------------


def test_pending_orders_are_listed_moved_and_cancelled(gateway: Gateway, account: str) -> None:
    stop_limit = {
        **LIMIT,
        "orderType": "stopLimit",
        "price": 1.2,
        "stopLimitPrice": 1.19,
        "expiration": 1_800_000_000_000,
    }
    limit = gateway("POST", "/api/orders", LIMIT).json["ticket"]
    other = gateway("POST", "/api/orders", stop_limit).json["ticket"]
    rows = gateway("GET", "/api/orders").json["orders"]
    assert [
        (row["ticket"], row["orderType"], row["price"], row["stopLimitPrice"], row["expiration"]) for row in rows
    ] == [
        (limit, "limit", 1.05, None, None),
        (other, "stopLimit", 1.2, 1.19, 1_800_000_000_000),
    ]
    gateway("POST", "/api/orders/modify", {"ticket": limit, "price": 1.04, "tp": 1.1})
    moved = gateway("GET", f"/api/orders/{limit}").json
    assert (moved["price"], moved["sl"], moved["tp"], moved["state"]) == (1.04, None, 1.1, "placed")
    assert gateway("DELETE", f"/api/orders/{limit}").json["success"]
    assert [row["ticket"] for row in gateway("GET", "/api/orders").json["orders"]] == [other]
    assert gateway("GET", f"/api/orders/{limit}").json["state"] == "cancelled"
    assert_error(gateway("DELETE", f"/api/orders/{limit}"), 404, "order_not_found")


@pytest.mark.parametrize("missing", ["price", "stopLimitPrice"])
def test_a_stop_limit_order_needs_both_prices(gateway: Gateway, account: str, missing: str) -> None:
    order = {**LIMIT, "orderType": "stopLimit", "price": 1.2, "stopLimitPrice": 1.19}
    del order[missing]
    answer = gateway("POST", "/api/orders", order)
    assert_error(answer, 400, "invalid_body")
    assert answer.json["details"][0]["field"] == f"/{missing}"


def test_a_check_tells_and_changes_nothing(gateway: Gateway, account: str, terminal: ScriptedTerminal) -> None:
    fine = gateway("POST", "/api/orders/check", ORDER).json
    assert (fine["success"], fine["retcode"], fine["margin"]) == (True, 0, 108.55)
    assert not gateway("POST", "/api/orders/check", {**ORDER, "volume": 1000}).json["success"]
    assert (terminal.marks, terminal.open_positions) == ([], {})


# -- history, candles, specification --------------------------------------------------------------------------------


def test_pages_follow_each_other_and_cursors_belong_to_their_query(
    gateway: Gateway, account: str, terminal: ScriptedTerminal, register: Callable[[], Gateway]
) -> None:
    terminal.book.deals = [
        Deal(ticket, "buy", 1_700_000_000_000 + ticket // 2, 0.0, order=ticket, position=5, symbol="EURUSD")
        for ticket in range(1, 8)
    ]
    path = "/api/history/deals?limit=3&from=1700000000000"
    tickets, cursor, pages = [], "", 0
    while pages < 10:
        page = gateway("GET", f"{path}{cursor}").json
        pages += 1
        tickets += [row["ticket"] for row in page["deals"]]
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"
    assert (tickets, pages) == ([1, 2, 3, 4, 5, 6, 7], 3)
    for wrong in (
        f"/api/history/deals?limit=3{cursor}",
        f"/api/history/orders?limit=3&from=1700000000000{cursor}",
        f"{path}&position=5{cursor}",
        f"{path}{cursor[:-3]}AAA",
        f"{path}&cursor=nonsense",
        "/api/history/deals?from=2&to=1",
        "/api/symbols/EURUSD/candles?timeframe=M1&from=2&to=1",
    ):
        assert_error(gateway("GET", wrong), 400, "invalid_parameter")
    stranger = register()
    provision(stranger)
    assert_error(stranger("GET", f"{path}{cursor}"), 400, "invalid_parameter")


def test_candles_are_those_of_the_range(gateway: Gateway, account: str, terminal: ScriptedTerminal) -> None:
    terminal.book.bars = [
        Candle("EURUSD", Timeframe.M1, minute * 60_000, 1.1, 1.2, 1.0, 1.15, 9, minute < 4) for minute in range(5)
    ]
    answer = gateway("GET", "/api/symbols/EURUSD/candles?timeframe=M1&from=60000&to=240000&limit=2").json
    assert ([row["time"] for row in answer["candles"]], answer["timeframe"]) == ([120_000, 180_000], "M1")
    assert_error(gateway("GET", "/api/symbols/EURUSD/candles?timeframe=M7"), 400, "invalid_parameter")
    assert_error(gateway("GET", "/api/symbols/EURUSD/candles"), 400, "invalid_parameter")
    assert_error(gateway("GET", "/api/symbols/NOPE/candles?timeframe=M1"), 404, "symbol_not_found")


def test_a_price_comes_with_what_a_trader_must_know_of_the_symbol(gateway: Gateway, account: str) -> None:
    price = gateway("GET", "/api/symbols/EURUSD").json
    needed = {"digits", "contractSize", "volumeMin", "volumeMax", "volumeStep", "stopsLevel", "fillingModes"}
    assert needed | {"currencyBase", "currencyProfit", "currencyMargin", "bid", "ask"} <= price.keys()


# -- rate-limit-headers ---------------------------------------------------------------------------------------------


def test_every_answer_to_a_limited_plan_tells_what_is_left(
    serve: Any, tmp_path_factory: pytest.TempPathFactory, contract: Contract
) -> None:
    application = gateway_application(tmp_path_factory.mktemp("free"), ScriptedTerminals(), default_plan="free")
    with serve(application) as address:
        gateway = Gateway(address, contract)
        created = gateway("POST", "/api/users")
        assert "ratelimit" not in created.headers
        gateway.key = created.json["api_key"]
        left = []
        for path in ("/api/users/me", "/api/positions", "/api/accounts/nobody", "/api/positions/zero"):
            answer = gateway("GET", path)
            found = re.fullmatch(r'"default";r=(\d+);t=(\d+)', answer.headers["ratelimit"])
            assert found
            assert answer.headers["ratelimit-policy"] == '"default";q=60;w=60'
            left.append(int(found[1]))
        assert left == [59, 58, 57, 56]
        while (answer := gateway("GET", "/api/users/me")).status == 200:
            left.append(int(answer.headers["ratelimit"].partition("r=")[2].partition(";")[0]))
        assert (answer.status, left[-1]) == (429, 0)
        assert answer.headers["ratelimit"].startswith('"default";r=0;t=')
        assert "ratelimit" not in gateway("GET", "/health").headers
        assert "ratelimit" not in gateway("GET", "/api/users/me", key="nonsense").headers
