"""The gateway under measurement: `tonpo serve` itself, or the driven one, each with a user and a netting account."""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.child import BenchmarkFailed, Child, free_port, python_module
from benchmarks.load import MAGIC
from benchmarks.target import HttpTarget, request_text

LOGIN: Final = 12_345_678
SERVER: Final = "TonpoSim-Netting"
"""On a netting account a sale closes what a purchase opened, so that alternating orders leave no positions behind."""
_ACTIVE_SECONDS: Final = 60.0
_CALL_SECONDS: Final = 60.0
"""On a busy machine; what takes so long is lost."""


def order_body(side: str) -> str:
    """Compose a market order of 0.01 lots, as the gateway and the peer both take it."""
    order = {"symbol": "EURUSD", "side": side, "volume": 0.01, "orderType": "market", "magic": int(MAGIC)}
    return json.dumps(order, separators=(",", ":"))


def gateway_requests(child: Child, port: int, key: str) -> HttpTarget:
    """Compose what a gateway, or the bare baseline in its place, is sent."""
    headers = {"X-API-Key": key}
    return HttpTarget(
        child,
        port,
        prices=[request_text("GET", "/api/symbols/EURUSD", headers)],
        orders=[request_text("POST", "/api/orders", headers, order_body(side)) for side in ("buy", "sell")],
        order_expected='"success":true',
    )


def start_gateway(folder: Path, core: int | None) -> HttpTarget:
    """Start `tonpo serve` on a fresh folder; its access log goes to a file there. Raises BenchmarkFailed."""
    folder.mkdir()
    port = free_port()
    flags = ["--port", str(port), "--data-dir", str(folder / "data"), "--default-plan", "enterprise"]
    child = Child("tonpo serve", [sys.executable, "-m", "reference_server", *flags], folder / "log", core=core)
    try:
        child.wait_until_listening(port)
        return gateway_requests(child, port, open_account(port))
    except BaseException:
        child.stop()
        raise


def start_driven(folder: Path, core: int | None) -> tuple[HttpTarget, str]:
    """Start the driven gateway; give it with its user's key. Raises BenchmarkFailed."""
    folder.mkdir()
    command = python_module("benchmarks.driven", str(folder / "data"))
    child = Child("the driven gateway", command, folder / "log", core=core, answers=True)
    try:
        port = child.hear()["port"]
        key = open_account(port)
        return gateway_requests(child, port, key), key
    except BaseException:
        child.stop()
        raise


def start_bare(folder: Path, core: int | None) -> HttpTarget:
    """Start the bare baseline. Raises BenchmarkFailed."""
    folder.mkdir()
    child = Child("bare", python_module("benchmarks.bare"), folder / "log", core=core, answers=True)
    try:
        return gateway_requests(child, child.hear()["port"], "none")
    except BaseException:
        child.stop()
        raise


def open_account(port: int) -> str:
    """Register a user with one active account; give its key. Raises BenchmarkFailed."""
    key: str = call(port, "POST", "/api/users", None, {})["api_key"]
    add_account(port, key, str(LOGIN), "benchmark")
    return key


def add_account(port: int, key: str, login: str, password: str) -> str:
    """Provision a netting account, wait until it is active, give its id. Raises BenchmarkFailed."""
    credentials = {"mt5Login": login, "mt5Password": password, "mt5Server": SERVER}
    account_id: str = call(port, "POST", "/api/accounts", key, credentials)["account_id"]
    deadline = time.monotonic() + _ACTIVE_SECONDS
    while (status := call(port, "GET", f"/api/accounts/{account_id}/status", key)["status"]) != "active":
        if time.monotonic() > deadline:
            raise BenchmarkFailed(f"the gateway's account is still {status}")
        time.sleep(0.02)
    return account_id


def call(
    port: int,
    method: str,
    path: str,
    key: str | None,
    body: dict[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Send one request and give the JSON of its answer. Raises BenchmarkFailed for an error."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method, headers={**(headers or {})})
    if key is not None:
        request.add_header("X-API-Key", key)
    if body is not None:
        request.data = json.dumps(body).encode("ascii")
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=_CALL_SECONDS) as answer:
            value: dict[str, Any] = json.load(answer)
            return value
    except urllib.error.HTTPError as refused:
        with refused:
            raise BenchmarkFailed(f"{method} {path}: {refused.code} {refused.read().decode('utf-8')}") from None
    except OSError as lost:
        raise BenchmarkFailed(f"{method} {path}: {lost}") from lost
