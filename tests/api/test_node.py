"""`/node`: who is let in, and how everyone else is answered before the upgrade. Over real sockets."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from reference_server.domain.nodes import PROTOCOL, NodeEnd, NodeRefused
from reference_server.runtime import runtime_of
from reference_server.terminals.workers.control import Exited, text_of

from .conftest import Answer, Client
from .scripted import gateway_application, gateway_settings

KEY, OTHER_KEY = "nk_tonpo_" + "k" * 43, "nk_tonpo_" + "l" * 43
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


class Door:
    """A gateway with one user, and what knocks at its `/node`."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.client = Client(address)
        self.api_key: str = self.client("POST", "/api/users", key=None).json["api_key"]

    def account(self, password: str = "good") -> tuple[str, str]:
        body = {"mt5Login": "12345", "mt5Password": password, "mt5Server": "Demo"}
        made = self.client("POST", "/api/accounts", body=body, key=self.api_key).json
        return made["account_id"], made["auth_token"]

    def status(self, account_id: str) -> str:
        status: str = self.client("GET", f"/api/accounts/{account_id}/status", key=self.api_key).json["status"]
        return status

    def wait_for(self, account_id: str, status: str) -> None:
        give_up_at = time.monotonic() + 20
        while self.status(account_id) != status:
            assert time.monotonic() < give_up_at, self.status(account_id)

    def refused(self, key: str | None = KEY, token: str | None = None, version: str = str(PROTOCOL)) -> Answer:
        """Knock as an agent does, and return the answer in the upgrade's place."""
        return self.client("GET", "/node", headers={**UPGRADE, **shown(key, token, version)}, key=None)

    def opened(self, key: str = KEY, token: str | None = None) -> ClientConnection:
        return connect(f"ws://{self.address}/node", additional_headers=shown(key, token, str(PROTOCOL)), proxy=None)


def shown(key: str | None, token: str | None, version: str) -> dict[str, str]:
    headers = {"X-Node-Protocol": version}
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    if token is not None:
        headers["X-Auth-Token"] = token
    return headers


@pytest.fixture
def start(serve: Any, tmp_path: Path) -> Iterator[Callable[..., Door]]:
    with ExitStack() as running:

        def begin(**flags: Any) -> Door:
            runtime = runtime_of(gateway_settings(tmp_path, **flags))
            application = gateway_application(tmp_path, runtime=runtime, **flags)
            return Door(running.enter_context(serve(application, connections=runtime.connections)))

        yield begin


@pytest.fixture
def door(start: Callable[..., Door]) -> Door:
    return start(default_plan="enterprise")


def end_of(agent: ClientConnection) -> tuple[int, str]:
    """Read to the end of the connection, ending workers when told to; return code and reason of its close."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            message = agent.recv(20)
            told = json.loads(message) if isinstance(message, str) else {}
            if told.get("type") == "Kill":
                agent.send(text_of(Exited(told["life"], "it was told to")))
    return agent.close_code or 0, agent.close_reason or ""


def is_refusal(answer: Answer) -> bool:
    assert (answer.status, answer.json["reason"]) == (401, "node_refused")
    assert answer.json["error"] == NodeRefused.sentence
    return True


def test_a_token_lets_one_agent_in_and_that_one_again(door: Door) -> None:
    account_id, token = door.account()
    with door.opened(KEY, token) as agent:
        welcome = json.loads(agent.recv(5))
        assert (welcome["type"], welcome["protocol"], welcome["account_id"]) == ("Welcome", PROTOCOL, account_id)
        is_refusal(door.refused(OTHER_KEY, token))
    with door.opened(KEY, token) as agent:
        assert json.loads(agent.recv(5))["type"] == "Welcome"
    with door.opened(KEY) as agent:
        assert json.loads(agent.recv(5))["type"] == "Welcome"


def test_whatever_is_unknown_used_or_deleted_is_refused_alike(door: Door) -> None:
    account_id, token = door.account()
    _, used = door.account()
    with door.opened(OTHER_KEY, used):
        pass
    door.client("DELETE", f"/api/accounts/{account_id}", key=door.api_key)
    cases = [
        (KEY, token), (KEY, used), (KEY, "x" * 43), (KEY, "short"), (KEY, None), ("nonsense", None), (None, None),
        ("nk_tonpo_" + "k" * 500, None),
    ]  # fmt: skip
    assert all(is_refusal(door.refused(key, one)) for key, one in cases)


def test_an_account_with_a_node_waits_for_it_and_the_gateways_own_terminal_is_gone(door: Door) -> None:
    account_id, token = door.account()
    door.wait_for(account_id, "active")
    with door.opened(KEY, token) as agent:
        while json.loads(message := agent.recv(5))["type"] != "Start":
            pass
        assert json.loads(message)["life"] == 1
        order = {"symbol": "EURUSD", "side": "buy", "orderType": "market", "volume": 0.1}
        assert door.client("POST", "/api/orders", body=order, key=door.api_key).json["reason"] == "account_not_ready"
    door.wait_for(account_id, "disconnected")
    told = door.client("GET", f"/api/accounts/{account_id}", key=door.api_key).json
    assert "node is not connected" in told["last_error"]


def test_a_deleted_account_closes_its_nodes_connection(door: Door) -> None:
    account_id, token = door.account()
    with door.opened(KEY, token) as agent, ThreadPoolExecutor(1) as beside:
        ended = beside.submit(end_of, agent)
        assert door.client("DELETE", f"/api/accounts/{account_id}", key=door.api_key).status == 200
        assert ended.result(20) == (NodeEnd.DELETED.code, NodeEnd.DELETED.reason)
    is_refusal(door.refused(KEY))


def test_an_account_whose_worker_is_starting_is_deleted_once_the_agent_has_ended_it(door: Door) -> None:
    account_id, token = door.account()
    with door.opened(KEY, token) as agent, ThreadPoolExecutor(1) as beside:
        while json.loads(agent.recv(5))["type"] != "Start":
            pass
        ended = beside.submit(end_of, agent)
        assert door.client("DELETE", f"/api/accounts/{account_id}", key=door.api_key).status == 200
        assert ended.result(20) == (NodeEnd.DELETED.code, NodeEnd.DELETED.reason)


def test_an_account_that_the_broker_refused_takes_no_node(door: Door) -> None:
    account_id, token = door.account("invalid")
    door.wait_for(account_id, "login_failed")
    answer = door.refused(KEY, token)
    assert (answer.status, answer.json["reason"]) == (409, "account_login_failed")


@pytest.mark.parametrize("version", ["2", "", "one"])
def test_another_version_of_the_protocol_is_refused_in_words(door: Door, version: str) -> None:
    _, token = door.account()
    answer = door.refused(KEY, token, version)
    assert (answer.status, answer.json["reason"]) == (400, "invalid_parameter")
    assert "This gateway speaks version 1 of the node protocol" in answer.json["error"]
    with door.opened(KEY, token):
        pass  # the token is as good as it was


def test_an_operator_can_take_no_new_nodes(start: Callable[..., Door]) -> None:
    door = start(node_enrolment=False)
    _, token = door.account()
    answer = door.refused(KEY, token)
    assert (answer.status, answer.json["reason"]) == (403, "node_enrolment_closed")


def test_refused_keys_and_tokens_are_limited_by_address_and_a_valid_key_is_always_served(
    start: Callable[..., Door],
) -> None:
    door = start(failed_authentications_per_minute=3, public_requests_per_minute=2)
    _, token = door.account()
    with door.opened(KEY, token):
        pass
    statuses = [door.refused(OTHER_KEY, "x" * 43).status for _ in range(5)]
    assert statuses == [401, 401, 401, 429, 429]
    with door.opened(KEY):
        pass


def test_what_shows_no_key_counts_as_a_public_request(start: Callable[..., Door]) -> None:
    door = start(public_requests_per_minute=3)
    assert [door.refused(None).status for _ in range(3)] == [401, 401, 429]  # the user was the first


@pytest.mark.parametrize(("method", "status"), [("GET", 400), ("POST", 405)])
def test_plain_http_is_told_what_the_path_is(door: Door, method: str, status: int) -> None:
    assert door.client(method, "/node", key=None).status == status


@pytest.mark.parametrize("message", ["{", '{"type":"Welcome"}', "[]"])
def test_what_is_no_message_ends_the_connection(door: Door, message: str) -> None:
    _, token = door.account()
    with door.opened(KEY, token) as agent:
        agent.send(message)
        assert end_of(agent) == (NodeEnd.BROKEN.code, NodeEnd.BROKEN.reason)


def test_the_path_is_outside_the_contract(door: Door) -> None:
    assert "/node" not in door.client("GET", "/openapi.json", key=None).json["paths"]
    health = door.client("GET", "/health", key=None).json
    assert not [one for one in health["capabilities"] if "node" in one]
