"""How a gateway stops, in a process of its own: what it has begun is finished, and nobody is left without an answer."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from tonpo_spec.served import free_port

from .conftest import Answer, Client

ORDER = {"symbol": "EURUSD", "side": "buy", "orderType": "market", "volume": 0.1}
SLOW_BROKER = """
[[faults]]
kind = "delay"
call = "order_send"
ms = {ms}
times = 0
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


class Running:
    """A gateway in a process of its own whose broker takes its time."""

    def __init__(self, process: subprocess.Popen[str], address: str, metrics_port: int) -> None:
        self.process = process
        self.ask = Client(address)
        self.metrics = Client(f"127.0.0.1:{metrics_port}")
        self.said: list[str] = []
        self._heard = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._heard:
                self.said.append(line)
                self._heard.notify_all()

    def wait_for(self, text: str) -> None:
        """Wait until the gateway has logged this."""
        with self._heard:
            assert self._heard.wait_for(lambda: any(text in line for line in self.said), 20), self.said

    def user(self) -> str:
        key: str = self.ask("POST", "/api/users", key=None).json["api_key"]
        body = {"mt5Login": "12345", "mt5Password": "p", "mt5Server": "Demo"}
        assert self.ask("POST", "/api/accounts", body=body, key=key).status == 201
        self.wait_for('"state": "active"')
        return key

    def order_in_flight(self, key: str) -> tuple[threading.Thread, list[Answer | Exception]]:
        """Send an order and return while the gateway is busy with it."""
        outcome: list[Answer | Exception] = []

        def send() -> None:
            try:
                outcome.append(self.ask("POST", "/api/orders", body=ORDER, key=key))
            except Exception as error:
                outcome.append(error)

        thread = threading.Thread(target=send)
        thread.start()
        while b"tonpo_requests_in_flight 1.0" not in self.metrics("GET", "/metrics", key=None).content:
            assert thread.is_alive(), outcome
        return thread, outcome


@contextmanager
def running(folder: Path, *words: str, delay_ms: int = 1_500) -> Iterator[Running]:
    configuration, metrics_port = folder / "broker.toml", free_port()
    configuration.write_text(SLOW_BROKER.format(ms=delay_ms))
    command = [
        sys.executable, "-m", "tonpo_spec", "serve", "--port", "0", "--data-dir", str(folder / "data"),
        "--default-plan", "pro", "--simulator-config", str(configuration), "--simulator-process", "shared",
        "--log-format", "json", "--metrics-port", str(metrics_port), *words,
    ]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "NO_COLOR": "1"})
    assert process.stderr is not None
    try:
        printed = ""
        while (found := re.search(r"at http://(\S+)", printed)) is None or "a key" not in printed:
            line = process.stderr.readline()
            assert line, f"ended with {process.wait()}: {printed}"
            printed += line
        yield Running(process, found[1], metrics_port)
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def connections_are_refused(address: str) -> bool:
    host, port = address.split(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (ConnectionRefusedError, ConnectionResetError):  # the latter while the listener is being closed
        return True
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_order_in_flight_is_answered_and_then_the_gateway_ends_with_0(
    tmp_path: Path, number: signal.Signals
) -> None:
    with running(tmp_path) as gateway:
        key = gateway.user()
        thread, outcome = gateway.order_in_flight(key)
        gateway.process.send_signal(number)
        gateway.wait_for("draining")
        thread.join(20)
        (answer,) = outcome
        assert isinstance(answer, Answer), answer
        assert (answer.status, answer.json["success"]) == (200, True)
        assert answer.headers["connection"] == "close"
        assert gateway.process.wait(20) == 0
        gateway.wait_for("The gateway has stopped.")
        trades = [json.loads(line) for line in gateway.said if '"trade"' in line]
        assert [one["ticket"] for one in trades] == [answer.json["ticket"]]
        assert trades[0]["request_id"] == answer.headers["x-request-id"]
        assert not any("Traceback" in line for line in gateway.said)


async def test_streams_are_closed_with_1012_once_the_order_is_answered(tmp_path: Path) -> None:
    with running(tmp_path) as gateway:
        key = await asyncio.to_thread(gateway.user)
        url = f"ws://{gateway.ask.address}/ws"
        async with aiohttp.ClientSession() as session, session.ws_connect(url, headers={"X-API-Key": key}) as stream:
            thread, outcome = await asyncio.to_thread(gateway.order_in_flight, key)
            gateway.process.send_signal(signal.SIGTERM)
            kinds = [
                json.loads(message.data)["type"] async for message in stream if message.type == aiohttp.WSMsgType.TEXT
            ]
            assert stream.close_code == 1012
            assert "orderResult" in kinds, "the order's own event came before the end"
        await asyncio.to_thread(thread.join, 20)
        assert isinstance(outcome[0], Answer)
        assert await asyncio.to_thread(gateway.process.wait, 20) == 0


def test_during_its_grace_the_gateway_serves_and_says_that_it_is_not_ready(tmp_path: Path) -> None:
    with running(tmp_path, "--drain-seconds", "3600", delay_ms=1) as gateway:
        key = gateway.user()
        assert gateway.ask("GET", "/health/ready", key=None).status == 200
        gateway.process.send_signal(signal.SIGTERM)
        gateway.wait_for("draining")
        ready = gateway.ask("GET", "/health/ready", key=None)
        assert (ready.status, ready.json["reason"]) == (503, "draining")
        assert gateway.ask("POST", "/api/orders", body=ORDER, key=key).json["success"] is True
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait(10) == 1
        assert any("stopped at once" in line for line in gateway.said)


def test_a_second_signal_ends_at_once_and_the_gateway_starts_again_with_what_was_stored(tmp_path: Path) -> None:
    with running(tmp_path, delay_ms=4_000) as gateway:
        key = gateway.user()
        thread, _ = gateway.order_in_flight(key)
        gateway.process.send_signal(signal.SIGTERM)
        gateway.wait_for("draining")
        while not connections_are_refused(gateway.ask.address):
            pass
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait(3) == 1, "it did not wait for the order"
        thread.join(20)
    with running(tmp_path, delay_ms=1) as gateway:
        gateway.wait_for('"state": "active"')
        assert len(gateway.ask("GET", "/api/positions", key=key).json["positions"]) <= 1, "not doubled"
        assert gateway.ask("GET", "/health/ready", key=None).status == 200
