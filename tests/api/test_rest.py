"""The docs' REST examples as printed, over a real socket and the whole gateway; every answer valid by the contract."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from reference_server.app import CAPABILITIES

from .contracted import Contract, Gateway, assert_error
from .scripted import gateway_application

DOCS_ACCOUNT = {
    "mt5Login": "12345678", "mt5Password": "your-password", "mt5Server": "ICMarkets-Demo", "region": "eu"}  # fmt: skip
DOCS_ORDER = {
    "symbol": "EURUSD",
    "side": "buy",
    "orderType": "market",
    "volume": 0.10,
    "comment": "my-bot",
    "magic": 12345,
}


@pytest.fixture(scope="module")
def address(serve: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(gateway_application(tmp_path_factory.mktemp("rest"))) as at:
        yield at


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract()


@pytest.fixture
def gateway(address: str, contract: Contract) -> Gateway:
    """A client of a new user."""
    gateway = Gateway(address, contract)
    gateway.key = gateway("POST", "/api/users").json["api_key"]
    return gateway


@pytest.fixture
def active(gateway: Gateway) -> str:
    """The id of the user's active account."""
    account_id: str = gateway("POST", "/api/accounts", DOCS_ACCOUNT).json["account_id"]
    for _ in range(2000):
        if gateway("GET", f"/api/accounts/{account_id}/status").json["status"] == "active":
            return account_id
    raise AssertionError("the account did not become active")


def test_health_needs_no_key(address: str, contract: Contract) -> None:
    answer = Gateway(address, contract)("GET", "/health")
    assert (answer.status, answer.json["status"], answer.json["capabilities"]) == (200, "ok", list(CAPABILITIES))


def test_a_user_is_created_with_201_and_can_read_itself(gateway: Gateway) -> None:
    created = gateway("POST", "/api/users")
    assert created.status == 201
    assert created.json["user_id"].startswith("usr_")
    assert created.json["api_key"].startswith("sk_live_")
    me = gateway("GET", "/api/users/me", key=created.json["api_key"])
    assert (me.json["user_id"], me.json["plan"]) == (created.json["user_id"], "enterprise")


def test_an_account_is_created_with_201_and_its_password_is_never_shown_again(gateway: Gateway) -> None:
    created = gateway("POST", "/api/accounts", DOCS_ACCOUNT)
    assert created.status == 201
    assert created.json["auth_token"]
    seen = [
        gateway("GET", "/api/accounts").json,
        gateway("GET", f"/api/accounts/{created.json['account_id']}/status").json,
        gateway("POST", "/api/accounts", {**DOCS_ACCOUNT, "mt5Login": "x"}).json,
    ]
    assert "your-password" not in json.dumps(seen)
    assert seen[0]["accounts"][0]["region"] == "eu"


def test_a_rotated_key_dies_at_once(gateway: Gateway) -> None:
    old = gateway.key
    new = gateway("POST", "/api/users/me/rotate-key").json["api_key"]
    assert_error(gateway("GET", "/api/users/me", key=old), 401, "invalid_api_key")
    assert gateway("GET", "/api/users/me", key=new).status == 200


def test_account_figures_have_one_answer_at_both_paths(gateway: Gateway, active: str) -> None:
    info = gateway("GET", "/api/account").json
    assert (info["login"], info["balance"], info["currency"]) == (12345678, 10_000.0, "USD")
    assert gateway("GET", "/api/account/info").json.keys() == info.keys()


def test_symbols_and_their_price(gateway: Gateway, active: str) -> None:
    symbols = gateway("GET", "/api/symbols").json["symbols"]
    assert "EURUSD" in symbols
    price = gateway("GET", "/api/symbols/EURUSD").json
    assert 0 < price["bid"] <= price["last"] <= price["ask"]
    assert_error(gateway("GET", "/api/symbols/NOSUCH"), 404, "symbol_not_found")


def test_an_order_is_placed_modified_closed_in_part_and_in_full(gateway: Gateway, active: str) -> None:
    placed = gateway("POST", "/api/orders", DOCS_ORDER).json
    assert placed["success"], placed
    ticket = placed["ticket"]
    (position,) = gateway("GET", "/api/positions").json["positions"]
    assert (position["ticket"], position["magic"], position["comment"]) == (ticket, 12345, "my-bot")
    assert (position["sl"], position["tp"]) == (None, None)
    assert gateway("POST", "/api/orders/modify", {"ticket": ticket, "sl": 0.5, "tp": 2}).json["success"]
    assert gateway("POST", "/api/orders/modify", {"ticket": ticket, "tp": None}).json["success"]
    changed = gateway("GET", f"/api/positions/{ticket}").json
    assert (changed["sl"], changed["tp"]) == (0.5, None)
    assert gateway("POST", "/api/orders/close", {"ticket": ticket, "volume": 0.05}).json["success"]
    assert gateway("GET", f"/api/positions/{ticket}").json["volume"] == 0.05
    assert gateway("POST", "/api/orders/close", {"ticket": ticket}).json["success"]
    assert_error(gateway("GET", f"/api/positions/{ticket}"), 404, "position_not_found")
    assert_error(gateway("POST", "/api/orders/close", {"ticket": ticket}), 404, "position_not_found")


def test_a_refusal_by_the_broker_is_200_with_success_false(gateway: Gateway, active: str) -> None:
    answer = gateway("POST", "/api/orders", {**DOCS_ORDER, "volume": 5000})
    assert (answer.status, answer.json["success"], answer.json["ticket"]) == (200, False, 0)
    assert answer.json["error"]


def test_limit_and_stop_orders_need_a_price(gateway: Gateway, active: str) -> None:
    for order_type in ("limit", "stop"):
        answer = gateway("POST", "/api/orders", {**DOCS_ORDER, "orderType": order_type})
        assert_error(answer, 400, "invalid_body")
        assert answer.json["details"][0]["field"] == "/price"
    placed = gateway("POST", "/api/orders", {**DOCS_ORDER, "orderType": "limit", "price": 0.9})
    assert placed.json["success"], placed.json


def test_stop_limit_orders_are_not_claimed_and_refused(gateway: Gateway, active: str) -> None:
    order = {**DOCS_ORDER, "orderType": "stopLimit", "price": 1.2}
    assert_error(gateway("POST", "/api/orders", order), 400, "invalid_body")


def test_nothing_to_modify_is_400(gateway: Gateway, active: str) -> None:
    assert_error(gateway("POST", "/api/orders/modify", {"ticket": 1}), 400, "invalid_body")


def test_a_paused_account_takes_no_new_order_and_closes_what_it_has(gateway: Gateway, active: str) -> None:
    ticket = gateway("POST", "/api/orders", DOCS_ORDER).json["ticket"]
    paused = gateway("POST", f"/api/accounts/{active}/pause").json
    assert (paused["paused"], paused["status"]) == (True, "active")
    assert_error(gateway("POST", "/api/orders", DOCS_ORDER), 409, "account_paused")
    assert gateway("POST", "/api/orders/close", {"ticket": ticket}).json["success"]
    assert gateway("POST", f"/api/accounts/{active}/resume", {}).json["paused"] is False
    assert gateway("POST", "/api/orders", DOCS_ORDER).json["success"]


def test_a_deleted_account_stays_readable_and_cannot_be_used(gateway: Gateway, active: str) -> None:
    for _ in range(2):
        assert gateway("DELETE", f"/api/accounts/{active}").json["status"] == "deleted"
    assert gateway("GET", f"/api/accounts/{active}/status").json["status"] == "deleted"
    assert_error(gateway("POST", f"/api/accounts/{active}/pause"), 409, "account_deleted")
    assert_error(gateway("GET", "/api/account"), 404, "account_not_found")


def test_an_account_of_another_user_does_not_exist(gateway: Gateway, active: str) -> None:
    stranger = gateway("POST", "/api/users").json["api_key"]
    assert_error(gateway("GET", f"/api/accounts/{active}/status", key=stranger), 404, "account_not_found")
    assert_error(gateway("DELETE", f"/api/accounts/{active}", key=stranger), 404, "account_not_found")
    assert_error(gateway("GET", "/api/positions", key=stranger), 404, "account_not_found")


def test_two_usable_accounts_are_ambiguous_and_never_guessed(gateway: Gateway, active: str) -> None:
    gateway("POST", "/api/accounts", {**DOCS_ACCOUNT, "mt5Login": "87654321"})
    assert_error(gateway("POST", "/api/orders", DOCS_ORDER), 409, "account_ambiguous")


def test_the_served_documents_need_no_key_and_hold_what_is_claimed(address: str) -> None:
    served = {}
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        for name in ("openapi", "asyncapi"):
            for form in ("json", "yaml"):
                connection.request("GET", f"/{name}.{form}")
                response = connection.getresponse()
                assert (response.status, response.headers["Content-Type"]) == (200, f"application/{form}")
                served[name] = yaml.safe_load(response.read())
    finally:
        connection.close()
    assert "/api/orders/check" in served["openapi"]["paths"]
    assert "/api/orders/close" in served["openapi"]["paths"]
    assert served["openapi"]["servers"][0]["url"] == "/"
    assert "tick" in served["asyncapi"]["components"]["messages"]
