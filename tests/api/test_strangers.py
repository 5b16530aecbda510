"""What clients without a valid key may do, by address, over real sockets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from connexion.http_facts import METHODS

from reference_server.api.spec_document import claimed_contract
from reference_server.app import CAPABILITIES
from reference_server.domain.addresses import client_network
from reference_server.runtime import runtime_of

from .conftest import Answer, Client
from .scripted import gateway_application, gateway_settings

WRONG = "sk_live_tonpo_wrong"
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


class Through:
    """Sends requests as a proxy would for the client at an address."""

    def __init__(self, address: str) -> None:
        self._client = Client(address)

    def __call__(
        self, path: str, *, key: str | None = None, of: str = "1.2.3.4", method: str = "GET", **more: str
    ) -> Answer:
        return self._client(method, path, key=key, headers={"X-Forwarded-For": of, **more})

    def register(self, of: str = "9.9.9.9") -> str:
        key: str = self("/api/users", method="POST", of=of).json["api_key"]
        return key

    def upgrade(self, query: str = "", of: str = "1.2.3.4", *, path: str = "/ws", key: str | None = None) -> Answer:
        return self._client("GET", f"{path}{query}", key=key, headers={**UPGRADE, "X-Forwarded-For": of})


@pytest.fixture
def start(serve: Any, tmp_path: Path) -> Iterator[Callable[..., Through]]:
    with ExitStack() as running:

        def begin(**flags: Any) -> Through:
            flags = {"trusted_proxies": "127.0.0.1", **flags}
            runtime = runtime_of(gateway_settings(tmp_path, **flags))
            application = gateway_application(tmp_path, runtime=runtime, **flags)
            return Through(running.enter_context(serve(application, connections=runtime.connections)))

        yield begin


def assert_limited(answer: Answer) -> None:
    assert (answer.status, answer.json["reason"]) == (429, "request_rate")
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["x-request-id"] == answer.json["request_id"]


@pytest.mark.parametrize("path", ["/health", "/health/live", "/openapi.json", "/docs", "/nowhere", "/api/users/me"])
def test_requests_without_a_key_are_limited_by_address(start: Callable[..., Through], path: str) -> None:
    ask = start(public_requests_per_minute=3)
    assert all(ask(path).status != 429 for _ in range(3))
    assert_limited(ask(path))
    assert ask(path, of="5.6.7.8").status != 429


def test_a_key_does_not_lift_the_limit_of_what_needs_none_and_needs_no_room_in_it(
    start: Callable[..., Through],
) -> None:
    ask = start(public_requests_per_minute=2)
    key = ask.register()
    assert [ask("/health", key=WRONG).status for _ in range(3)] == [200, 200, 429]
    assert all(ask("/api/users/me", key=key).status == 200 for _ in range(5))


@pytest.mark.parametrize(
    ("key", "more"),
    [("", {}), (" ", {}), ("k" * 257, {}), ("é", {}), (WRONG, {"x-api-key": WRONG})],
    ids=["empty", "blank", "too long", "not ASCII", "twice"],
)
def test_a_header_that_holds_no_key_is_no_key(start: Callable[..., Through], key: str, more: dict[str, str]) -> None:
    ask = start(public_requests_per_minute=2)
    assert [ask("/api/users/me", key=key, **more).status for _ in range(2)] == [401, 401]
    assert_limited(ask("/api/users/me", key=key, **more))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nowhere", 404),
        ("GET", "/api/accounts/a/b/c", 404),
        ("PUT", "/api/users/me", 405),
        ("POST", "/api/users", 201),
        ("GET", "/ws", 400),
    ],
)
def test_where_no_key_is_asked_for_even_a_valid_one_lifts_no_limit(
    start: Callable[..., Through], method: str, path: str, status: int
) -> None:
    ask = start(public_requests_per_minute=2)
    key = ask.register()
    assert [ask(path, method=method, key=key).status for _ in range(2)] == [status] * 2
    assert_limited(ask(path, method=method, key=key))
    assert ask("/api/users/me", key=key).status == 200


def test_every_operation_that_needs_a_key_leaves_the_refusal_to_authentication(start: Callable[..., Through]) -> None:
    ask = start(public_requests_per_minute=1, failed_authentications_per_minute=0)
    assert ask("/health").status == 200
    found = {}
    for template, item in claimed_contract(CAPABILITIES).openapi["paths"].items():
        path = re.sub(r"{\w+}", "1", template)
        for method in METHODS & item.keys():
            found[item[method]["operationId"]] = ask(path, method=method.upper(), key=WRONG).status
    public = {"getHealth", "getLiveness", "getReadiness", "createUser"}
    assert {name for name, status in found.items() if status == 429} == public
    assert {status for name, status in found.items() if name not in public} == {401}


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [("/ws", "?api_key=", 401), ("/ws", "?a" + "&a" * 100 + f"&api_key={WRONG}", 400), ("/api/users/me", "", 404)],
    ids=["an empty key", "a query that is not read", "a stream elsewhere"],
)
def test_handshakes_that_never_reach_authentication_are_limited(
    start: Callable[..., Through], path: str, query: str, status: int
) -> None:
    ask = start(public_requests_per_minute=1)
    key = WRONG if path != "/ws" else None
    assert ask.upgrade(query, path=path, key=key).status == status
    assert_limited(ask.upgrade(query, path=path, key=key))


def test_handshakes_without_a_key_are_limited_too(start: Callable[..., Through]) -> None:
    ask = start(public_requests_per_minute=1)
    assert ask.upgrade().status == 401
    assert_limited(ask.upgrade())


def test_no_limit_where_the_operator_wants_none(start: Callable[..., Through]) -> None:
    ask = start(public_requests_per_minute=0, failed_authentications_per_minute=0)
    assert all(ask("/health").status == 200 for _ in range(20))
    assert all(ask("/api/users/me", key=WRONG).status == 401 for _ in range(20))


def test_refused_keys_are_limited_by_address_and_a_valid_one_is_always_served(start: Callable[..., Through]) -> None:
    ask = start(failed_authentications_per_minute=3)
    known, fresh = ask.register(), ask.register()
    assert ask("/api/users/me", key=known).status == 200
    assert [ask("/api/users/me", key=WRONG).status for _ in range(3)] == [401] * 3
    assert_limited(ask("/api/users/me", key=WRONG))
    assert_limited(ask.upgrade(f"?api_key={WRONG}"))
    assert ask("/api/users/me", key=known).status == 200
    assert ask("/api/users/me", key=fresh).status == 200, "a key that this process has not seen yet"
    assert ask("/api/users/me", key=WRONG, of="5.6.7.8").status == 401


def test_an_address_cannot_be_made_up(start: Callable[..., Through]) -> None:
    """Behind the proxy only what the proxy itself wrote counts; without one, nothing that is written does."""
    ask = start(public_requests_per_minute=1)
    assert ask("/health", of="1.1.1.1, 1.2.3.4").status == 200
    assert_limited(ask("/health", of="2.2.2.2, 1.2.3.4"))


def test_without_a_trusted_proxy_everyone_is_the_peer(start: Callable[..., Through]) -> None:
    ask = start(public_requests_per_minute=1, trusted_proxies="192.0.2.0/24")
    assert ask("/health", of="1.1.1.1").status == 200
    assert_limited(ask("/health", of="2.2.2.2"))


def test_a_whole_ipv6_network_is_one_client(start: Callable[..., Through]) -> None:
    ask = start(public_requests_per_minute=1)
    assert ask("/health", of="2001:db8:0:1::1").status == 200
    assert_limited(ask("/health", of="2001:db8:0:1:ffff::2"))
    assert ask("/health", of="2001:db8:0:2::1").status == 200


@pytest.mark.parametrize(
    ("address", "network"),
    [("1.2.3.4", "1.2.3.4"), ("::ffff:1.2.3.4", "1.2.3.4"), ("2001:db8::5", "2001:db8::/64"), ("unknown", "unknown")],
)
def test_what_tells_clients_apart(address: str, network: str) -> None:
    assert client_network(address) == network
