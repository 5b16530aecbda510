"""Every reason that the served contract lists is one that the gateway gives, and it gives no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from reference_server.api.spec_document import claimed_contract
from reference_server.app import CAPABILITIES
from reference_server.domain.account import Mt5Credentials
from reference_server.domain.errors import (
    IdempotencyKeyInFlight,
    OutcomeUnknown,
    PriceUnavailable,
    StorageUnavailable,
    TerminalUnavailable,
)
from reference_server.runtime import Runtime
from reference_server.storage.database import Database
from reference_server.storage.journal import SqlJournal
from reference_server.usecases.ports import BrokerUnreachable, Listener

from .conftest import Client
from .scripted import ScriptedTerminal, ScriptedTerminals, gateway_application

ORDER = {"symbol": "EURUSD", "side": "buy", "orderType": "market", "volume": 0.1}
Reasons = set[tuple[int, str]]


class Terminals(ScriptedTerminals):
    """A broker that is refused by password and unreachable by server name."""

    async def open(self, account_id: str, credentials: Mt5Credentials, listener: Listener) -> ScriptedTerminal:
        if credentials.server == "Unreachable":
            raise BrokerUnreachable("No answer.")
        return await super().open(account_id, credentials, listener)


def listed_reasons() -> Reasons:
    """What the served document's operations list, and what it lists outside of them."""
    contract = claimed_contract(CAPABILITIES).openapi
    shared = contract["components"]["responses"]
    found: Reasons = set()
    for item in contract["paths"].values():
        for operation in item.values():
            responses = operation["responses"] if isinstance(operation, dict) else {}
            for status, response in responses.items():
                name = response.get("$ref", "").rpartition("/")[2]
                response = shared[name] if name else response
                found |= {(int(status), reason) for reason in response.get("x-reasons", ())}
    outside = [response for response in shared.values() if response.get("x-outside-operations")]
    return found | {(one["content"]["application/json"]["example"]["code"], one["x-reasons"][0]) for one in outside}


class Seen:
    """Sends requests and notes the reasons of what was refused."""

    def __init__(self, address: str) -> None:
        self.reasons: Reasons = set()
        self._client = Client(address)
        self.key: str | None = None

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        answer = self._client(method, path, body=body, headers=headers, key=self.key)
        if answer.status >= 400:
            self.reasons.add((answer.status, answer.json["reason"]))
        return answer.json

    def register(self) -> None:
        self.key = None
        self.key = self("POST", "/api/users").get("api_key")

    def account(self, *, password: str = "good", server: str = "Demo", until: str = "active") -> str:
        body = {"mt5Login": "12345", "mt5Password": password, "mt5Server": server}
        account_id: str = self("POST", "/api/accounts", body)["account_id"]
        while self("GET", f"/api/accounts/{account_id}/status")["status"] != until:
            pass
        return account_id


@pytest.fixture
def gateway(serve: Any, tmp_path: Path) -> Iterator[Callable[..., Seen]]:
    with ExitStack() as running:

        def start(name: str, **flags: Any) -> Seen:
            application = gateway_application(tmp_path / name, Terminals(), **flags)
            return Seen(running.enter_context(serve(application)))

        yield start


def raising(error: Exception) -> Callable[..., Any]:
    async def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


def test_every_reason_of_the_served_contract_is_given_and_no_other(
    gateway: Callable[..., Seen], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = gateway("enterprise")
    ask("GET", "/api/users/me")
    ask("GET", "/nowhere")
    ask("PUT", "/health")
    ask.key = "sk_live_wrong"
    ask("GET", "/api/users/me")
    ask.register()
    ask("POST", "/api/orders", ORDER)
    login_failed = ask.account(password="invalid", until="login_failed")
    ask("POST", "/api/orders", ORDER)
    ask("DELETE", f"/api/accounts/{login_failed}")
    ask("POST", f"/api/accounts/{login_failed}/pause")
    away = ask.account(server="Unreachable", until="disconnected")
    ask("POST", "/api/orders", ORDER)
    ask("DELETE", f"/api/accounts/{away}")
    account = ask.account()
    ask("POST", "/api/orders", {**ORDER, "symbol": "NOPE"})
    ask("POST", "/api/orders", {**ORDER, "volume": -1})
    ask("POST", "/api/orders/close", {"ticket": 99})
    ask("GET", "/api/positions/zero")
    for body, kind in ((b"{", "application/json"), (b"{}", "text/plain"), (b" " * 70_000, "application/json")):
        ask("POST", "/api/orders", body, **{"Content-Type": kind})
    monkeypatch.setattr(ScriptedTerminal, "price", raising(PriceUnavailable()))
    ask("GET", "/api/symbols/EURUSD")
    monkeypatch.setattr(ScriptedTerminal, "price", raising(ZeroDivisionError("a defect")))
    ask("GET", "/api/symbols/EURUSD")
    monkeypatch.setattr(ScriptedTerminal, "positions", raising(TerminalUnavailable()))
    ask("GET", "/api/positions")
    with monkeypatch.context() as lost:
        lost.setattr(ScriptedTerminal, "place_order", raising(OutcomeUnknown()))
        ask("POST", "/api/orders", ORDER)
        ask("POST", "/api/orders", ORDER, **{"Idempotency-Key": "lost"})
    ask("DELETE", "/api/orders/99")
    open_ticket = ask("POST", "/api/orders", ORDER)["ticket"]
    ask("POST", "/api/orders/modify", {"ticket": open_ticket, "price": 1.0})
    ask("GET", "/api/orders/requests/nobody")
    ask("POST", "/api/orders/close", {"ticket": 99}, **{"Idempotency-Key": "lost"})
    with monkeypatch.context() as full:
        full.setattr(SqlJournal, "claim", raising(StorageUnavailable()))
        ask("POST", "/api/orders", ORDER)
        full.setattr(SqlJournal, "claim", raising(IdempotencyKeyInFlight()))
        ask("POST", "/api/orders", ORDER)
    ask("POST", f"/api/accounts/{account}/pause")
    ask("POST", "/api/orders", ORDER)
    ask.account()
    ask("POST", "/api/orders", ORDER)

    small = gateway("free", default_plan="free", registrations_per_minute=1)
    small.register()
    small.account()
    small("POST", "/api/accounts", {"mt5Login": "1", "mt5Password": "p", "mt5Server": "s"})
    while (429, "daily_trade_limit") not in small.reasons:
        assert len(small.reasons) < 3
        small("POST", "/api/orders", ORDER)
    while (429, "request_rate") not in small.reasons:
        small("GET", "/api/users/me")
    small.register()

    runtime = Runtime()
    monkeypatch.setattr(Database, "probe", raising(OSError("no space")))
    closed = gateway("closed", runtime=runtime, registration_open=False)
    closed.register()
    closed("GET", "/health/ready")
    runtime.drain.begin()
    closed("GET", "/health/ready")
    seen = ask.reasons | small.reasons | closed.reasons
    elsewhere = {(429, "socket_limit"), (429, "connection_limit")}
    assert seen == listed_reasons() - elsewhere, "see test_stream and test_connections"
