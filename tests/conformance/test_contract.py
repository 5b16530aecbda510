"""The packaged documents compile, and say of an answer what they should; the second oracle agrees."""

import json
from typing import Any

import pytest

from conformance.contract import Contract, load_contract
from conformance.errors import ContractUnusable, HarnessFault
from conformance.exchange import Exchange, Request, Response
from conformance.oracles.openapi_core import OpenApiCoreOracle

BASE = "http://gateway.example:8080"
USER = {"user_id": "usr_1", "api_key": "k"}


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load_contract()


@pytest.fixture(scope="module")
def oracle(contract: Contract) -> OpenApiCoreOracle:
    return OpenApiCoreOracle(contract.openapi, BASE)


def answer(status: int, body: Any, *, headers: tuple[tuple[str, str], ...] = ()) -> Exchange:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = headers or (("Content-Type", "application/json"),)
    return Exchange(1, Request("POST", f"{BASE}/api/users"), Response(status, given, sent), operation="createUser")


ERROR = {"error": "slow down", "code": 429, "type": "rate_limit_error"}
JSON = ("Content-Type", "application/json")


@pytest.mark.parametrize(
    ("exchange", "kind"),
    [
        (answer(201, USER), None),
        (answer(200, {**USER, "more": [1]}), None),
        (answer(201, USER, headers=(("content-type", "application/json; charset=utf-8"),)), None),
        (answer(201, {"user_id": "usr_1"}), "body"),
        (answer(201, []), "body"),
        (answer(201, b"{"), "body"),
        (answer(201, USER, headers=(("Content-Type", "text/plain"),)), "body"),
        (answer(201, b"", headers=(("X-Nothing", "1"),)), "body"),
        (answer(418, {}), "status"),
        (answer(429, ERROR), "header"),
        (answer(429, ERROR, headers=(JSON, ("Retry-After", "17"))), None),
        (answer(429, ERROR, headers=(JSON, ("Retry-After", "0"))), "header"),
    ],
)
def test_both_oracles_judge_an_answer_alike(
    contract: Contract, oracle: OpenApiCoreOracle, exchange: Exchange, kind: str | None
) -> None:
    problem = contract.response_problem(exchange)
    assert (problem.kind if problem else None) == kind
    assert (oracle.problem(exchange) is None) == (problem is None)


def test_the_docs_tick_is_a_message_of_the_gateway_and_not_of_a_client(contract: Contract) -> None:
    tick = {"type": "tick", "symbol": "EURUSD", "bid": 1.08542, "ask": 1.08556, "last": 1.08549, "volume": 12}
    assert contract.incoming_message_problem({**tick, "time": 1700000000000}) is None
    assert contract.incoming_message_problem({**tick, "time": "now"}) is not None
    assert contract.incoming_message_problem(tick) is not None
    assert contract.outgoing_message_problem({**tick, "time": 1700000000000}) is not None


def test_the_docs_subscribe_is_a_message_of_a_client(contract: Contract) -> None:
    message = {"type": "subscribe", "symbols": ["EURUSD", "XAUUSD"], "request_id": "req_001"}
    assert contract.outgoing_message_problem(message) is None
    assert contract.outgoing_message_problem({**message, "symbols": []}) is not None


def test_what_belongs_to_a_capability_is_there_only_when_it_is_claimed(contract: Contract) -> None:
    assert "listDeals" not in contract.operations
    assert "listDeals" in load_contract(["history"]).operations


def test_an_unknown_operation_is_the_suites_fault(contract: Contract) -> None:
    with pytest.raises(HarnessFault, match="no operation sendMoney"):
        contract.operation("sendMoney")


def test_a_path_parameter_is_encoded(contract: Contract) -> None:
    assert contract.operation("getSymbolPrice").target({"symbol": "EUR/USD #1"}) == "/api/symbols/EUR%2FUSD%20%231"
    with pytest.raises(HarnessFault, match="needs the path parameter symbol"):
        contract.operation("getSymbolPrice").target({})


def test_documents_that_cannot_be_compiled_are_told_in_one_sentence() -> None:
    with pytest.raises(ContractUnusable, match="the spec documents cannot be compiled"):
        load_contract(openapi={"paths": {"/x": {"get": {"responses": {}}}}})
