"""The figures for Prometheus: there, right, bounded in number, and without anything that is anybody's."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from reference_server.api.server import listen
from reference_server.domain.requests import Outcome
from reference_server.metrics import Counts, GatewayCollector, Gauges, Tally, registry_of, rendered
from reference_server.runtime import runtime_of
from tests.api.conftest import Client
from tests.api.scripted import ScriptedTerminals, gateway_application, gateway_settings
from tonpo_spec.served import free_port

ORDER = {"symbol": "EURUSD", "side": "buy", "orderType": "market", "volume": 0.1, "comment": "my-secret-comment"}
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@dataclass
class Measured:
    gateway: Client
    metrics: Client

    def read(self) -> Samples:
        answer = self.metrics("GET", "/metrics", key=None)
        assert answer.status == 200
        return samples_of(answer.content)

    def value(self, name: str, **labels: str) -> float:
        return self.read().get((name, tuple(sorted(labels.items()))), 0.0)


def samples_of(content: bytes) -> Samples:
    families = text_string_to_metric_families(content.decode())
    return {(one.name, tuple(sorted(one.labels.items()))): one.value for family in families for one in family.samples}


@pytest.fixture(scope="module")
def measured(serve: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    folder, port = tmp_path_factory.mktemp("metrics"), free_port()
    runtime = runtime_of(gateway_settings(folder, metrics_port=port))
    application = gateway_application(folder, ScriptedTerminals(), runtime=runtime, metrics_port=port)
    with serve(application, connections=runtime.connections, measures=runtime.measures) as address:
        yield Measured(Client(address), Client(f"127.0.0.1:{port}"))


def trading_user(gateway: Client) -> str:
    key: str = gateway("POST", "/api/users", key=None).json["api_key"]
    body = {"mt5Login": "73312345", "mt5Password": "my-secret-password", "mt5Server": "Demo"}
    account = gateway("POST", "/api/accounts", body=body, key=key).json["account_id"]
    while gateway("GET", f"/api/accounts/{account}/status", key=key).json["status"] != "active":
        pass
    return key


def test_requests_are_counted_by_operation_and_class_of_status(measured: Measured) -> None:
    before = measured.read()
    key = trading_user(measured.gateway)
    assert measured.gateway("GET", "/api/symbols/EURUSD", key=key).status == 200
    assert measured.gateway("GET", "/api/symbols/NOPE", key=key).status == 404
    after = measured.read()

    def grown(status: str) -> float:
        name = ("tonpo_requests_total", (("operation", "getSymbolPrice"), ("status", status)))
        return after.get(name, 0) - before.get(name, 0)

    assert (grown("2xx"), grown("4xx")) == (1, 1)
    assert after["tonpo_request_duration_seconds_count", (("operation", "getSymbolPrice"),)] >= 2
    assert after["tonpo_requests_in_flight", ()] == 0


def test_orders_are_counted_by_what_became_of_them_and_accounts_by_state(measured: Measured) -> None:
    key = trading_user(measured.gateway)
    accepted = measured.value("tonpo_orders_total", operation="placeOrder", outcome="accepted")
    refused = measured.value("tonpo_orders_total", operation="placeOrder", outcome="refused")
    measured.gateway("POST", "/api/orders", body=ORDER, key=key)
    measured.gateway("POST", "/api/orders", body={**ORDER, "volume": 500}, key=key)
    assert measured.value("tonpo_orders_total", operation="placeOrder", outcome="accepted") == accepted + 1
    assert measured.value("tonpo_orders_total", operation="placeOrder", outcome="refused") == refused + 1
    assert measured.value("tonpo_order_duration_seconds_count") >= 2
    assert measured.value("tonpo_accounts", state="active") >= 1
    assert measured.value("tonpo_events_total", kind="OrderSettled") >= 1


def test_no_label_is_anybodys_and_their_number_is_bounded(measured: Measured) -> None:
    key = trading_user(measured.gateway)
    measured.gateway("POST", "/api/orders", body=ORDER, key=key)
    measured.gateway("GET", "/health", key=None)
    before = measured.read()
    for number in range(50):
        measured.gateway("GET", f"/nowhere/{number}", key=None)
        measured.gateway("GET", f"/api/symbols/NOPE{number}", key=key)
        measured.gateway("GET", "/api/users/me", key=f"sk_live_{number}")
    page = measured.metrics("GET", "/metrics", key=None).content.decode()
    after = samples_of(page.encode())
    new = {name for name in after.keys() - before.keys() if not name[0].startswith("process_")}
    operations = {dict(labels)["operation"] for _, labels in new if "operation" in dict(labels)}
    assert operations <= {"none", "getCurrentUser", "getSymbolPrice"}
    assert len(new) <= 60
    for private in (key, "sk_live", "usr_", "acc_", "73312345", "secret", "NOPE", "nowhere", "EURUSD", "127.0.0.1"):
        assert private not in page
    names = {label for _, labels in after for label, _ in labels}
    assert names == {"operation", "status", "le", "kind", "outcome", "state", "version"}


async def test_streams_are_counted_with_their_messages(measured: Measured) -> None:
    key = await asyncio.to_thread(trading_user, measured.gateway)
    sent = await asyncio.to_thread(measured.value, "tonpo_websocket_frames_sent_total")
    url = f"ws://{measured.gateway.address}/ws"
    async with aiohttp.ClientSession() as session, session.ws_connect(url, headers={"X-API-Key": key}) as socket:
        await socket.send_json({"type": "ping"})
        received = 1
        while (await socket.receive_json())["type"] != "pong":
            received += 1
        assert await asyncio.to_thread(measured.value, "tonpo_websocket_connections") == 1
        assert await asyncio.to_thread(measured.value, "tonpo_websocket_frames_sent_total") >= sent + received


def test_there_is_nothing_else_on_the_port(measured: Measured) -> None:
    assert measured.metrics("GET", "/health", key=None).status == 404
    assert measured.gateway("GET", "/metrics", key=None).status == 404


def test_a_port_for_metrics_that_is_taken_is_said(serve: Any, tmp_path: Path) -> None:
    from reference_server.metrics_endpoint import MetricsUnusable

    with listen("127.0.0.1", 0) as taken:
        application = gateway_application(tmp_path, metrics_port=taken.getsockname()[1])

        async def start() -> None:
            async with application._opened:
                pass

        with pytest.raises(MetricsUnusable, match="metrics_port"):
            asyncio.run(start())


def test_every_instrument_of_the_port_is_rendered() -> None:
    counts = Counts()
    counts.request_began()
    counts.request_ended("getHealth", 503, 0.003)
    counts.frames_sent(3)
    counts.slow_consumer_closed()
    counts.event_arrived("TickArrived")
    counts.trade_ended("closePosition", Outcome.UNKNOWN, 0.2)
    counts.terminal_opened(again=False)
    counts.terminal_opened(again=True)
    counts.reconciliation_began()
    counts.journal_written(0.0003)
    counts.lag.add(0.002)
    gauges = Gauges(lambda: 4, lambda: 9, lambda: 2, "1.2.3", lambda: 5)
    found = samples_of(rendered(registry_of([GatewayCollector(counts, gauges)])))
    expected = {
        ("tonpo_requests_total", (("operation", "getHealth"), ("status", "5xx"))): 1,
        ("tonpo_request_duration_seconds_bucket", (("le", "0.0025"), ("operation", "getHealth"))): 0,
        ("tonpo_request_duration_seconds_bucket", (("le", "0.005"), ("operation", "getHealth"))): 1,
        ("tonpo_request_duration_seconds_bucket", (("le", "+Inf"), ("operation", "getHealth"))): 1,
        ("tonpo_websocket_connections", ()): 4,
        ("tonpo_connections", ()): 9,
        ("tonpo_connections_refused_total", ()): 2,
        ("tonpo_websocket_frames_sent_total", ()): 3,
        ("tonpo_websocket_slow_consumers_closed_total", ()): 1,
        ("tonpo_events_total", (("kind", "TickArrived"),)): 1,
        ("tonpo_orders_total", (("operation", "closePosition"), ("outcome", "unknown"))): 1,
        ("tonpo_order_duration_seconds_sum", ()): 0.2,
        ("tonpo_nodes_connected", ()): 5,
        ("tonpo_terminal_restarts_total", ()): 1,
        ("tonpo_reconciliations_open", ()): 1,
        ("tonpo_journal_write_seconds_count", ()): 1,
        ("tonpo_event_loop_lag_seconds_sum", ()): 0.002,
        ("tonpo_info", (("version", "1.2.3"),)): 1,
    }
    assert {name: found[name] for name in expected} == expected
    assert ("process_open_fds", ()) in found


def test_a_duration_on_a_bound_belongs_to_its_bucket() -> None:
    tally = Tally((0.1, 1.0))
    for seconds in (0.1, 0.1000001, 5.0):
        tally.add(seconds)
    buckets, total = tally.read()
    assert buckets == [("0.1", 1), ("1.0", 2), ("+Inf", 3)]
    assert total == pytest.approx(5.2000001)


def test_names_and_help_are_those_of_prometheus_conventions() -> None:
    text = rendered(registry_of([GatewayCollector(Counts(), Gauges(lambda: 0, lambda: 0, lambda: 0, "1"))])).decode()
    names = re.findall(r"^# HELP (tonpo_\w+) \S", text, re.MULTILINE)
    assert len(names) > 15
    assert all(re.fullmatch(r"[a-z_]+", name) for name in names)
