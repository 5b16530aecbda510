"""A whole set-up in processes of its own: a gateway, a served broker, and agents that are started and killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from reference_server.admin.group import admin
from tests.trials.processes import PASSWORD, QUICK, SERVER, Broker, served_broker, until
from tonpo_spec.served import free_port, tonpo_command, tonpo_environment

ORDER = {"symbol": "EURUSD", "side": "buy", "orderType": "market", "volume": 0.1}


@dataclass
class Reply:
    status: int
    json: Any
    is_replayed: bool


class GatewayClient:
    """Asks a gateway as one user does."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.api_key: str | None = None

    def __call__(self, method: str, path: str, body: object = None, *, key: str | None = None) -> Reply:
        headers = {"Content-Type": "application/json"}
        if self.api_key is not None:
            headers["X-API-Key"] = self.api_key
        if key is not None:
            headers["Idempotency-Key"] = key
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return Reply(answer.status, json.load(answer), "Idempotency-Replayed" in answer.headers)
        except urllib.error.HTTPError as refused:
            with refused:
                return Reply(refused.code, json.loads(refused.read()), "Idempotency-Replayed" in refused.headers)

    def answers(self) -> bool:
        try:
            return self("GET", "/health").status == 200
        except OSError:
            return False


@dataclass
class Whole:
    """Everything, and one account."""

    folder: Path
    """Of the agents."""
    broker: Broker
    gateway: GatewayClient
    process: GatewayProcess
    login: int = 0
    account_id: str = ""
    agents: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def agent_log(self) -> str:
        return " ".join((self.folder / "agent.log").read_text().split())

    def create_account(self, password: str = PASSWORD) -> None:
        """Make a user and an account, and write the token to a file."""
        self.login = self.broker.new_login()
        self.gateway.api_key = self.gateway("POST", "/api/users").json["api_key"]
        body = {"mt5Login": str(self.login), "mt5Password": password, "mt5Server": SERVER}
        made = self.gateway("POST", "/api/accounts", body).json
        self.account_id = made["account_id"]
        (self.folder / "token").write_text(made["auth_token"] + "\n")

    def start_agent(
        self, *words: str, node_dir: str = "node", environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Run `tonpo node` on this machine."""
        command = tonpo_command(
            "node", "--gateway", self.gateway.url, "--node-dir", str(self.folder / node_dir),
            "--simulator-address", self.broker.address, *words,
        )  # fmt: skip
        with (self.folder / "agent.log").open("a") as log:
            agent = subprocess.Popen(
                command, stdout=log, stderr=log, text=True, env={**tonpo_environment(), **(environment or {})}
            )
        self.agents.append(agent)
        return agent

    def enrol(self) -> subprocess.Popen[str]:
        """Start an agent with the account's token, and wait until the account trades through it."""
        agent = self.start_agent("--auth-token-file", str(self.folder / "token"))
        until(lambda: self.broker.has_account(self.login), "a login through the node", 30)
        self.wait_until("active")
        return agent

    def status(self) -> str:
        status: str = self.gateway("GET", f"/api/accounts/{self.account_id}/status").json["status"]
        return status

    def wait_until(self, status: str) -> None:
        until(lambda: self.status() == status, f"the state {status}", 30)

    def outcome(self, key: str) -> str:
        outcome: str = self.gateway("GET", f"/api/orders/requests/{key}").json["outcome"]
        return outcome

    def deals(self) -> list[int]:
        """The orders of the account's deals, at the broker."""
        return [deal.order for deal in self.broker.deals(self.login) if deal.order]

    def is_claimable(self) -> bool:
        """Whether the account's token has not been used yet."""
        return any(
            self.account_id in line and "not enrolled" in line
            for line in self.admin("nodes", "list", "--all").splitlines()
        )

    def admin(self, *words: str) -> str:
        """Run `tonpo admin` beside the gateway."""
        done = CliRunner().invoke(admin, [*words, "--data-dir", str(self.process.data_dir)])
        assert done.exit_code == 0, done.output
        return done.stdout

    def close(self) -> None:
        for agent in self.agents:
            agent.kill()
            agent.wait()


class GatewayProcess:
    """One gateway after another on the same data and the same port."""

    def __init__(self, folder: Path, url: str) -> None:
        self.data_dir = folder / "data"
        self.log = folder / "gateway.log"
        self._url = url
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        port = self._url.rpartition(":")[2]
        command = tonpo_command("serve", "--port", port, "--data-dir", str(self.data_dir))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env={**tonpo_environment(), **QUICK})
        until(GatewayClient(self._url).answers, "the gateway")

    def end(self, number: signal.Signals) -> int:
        """Send it a signal, and return how it ended."""
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(60)


@contextmanager
def open_whole(folder: Path) -> Iterator[Whole]:
    """Start a gateway with a simulated broker of its own, and a broker that nodes can use."""
    client = GatewayClient(f"http://127.0.0.1:{free_port()}")
    gateway = GatewayProcess(folder, client.url)
    with served_broker(folder) as broker:
        broker.control.set_price("EURUSD", 1.0855, 1.0856)
        try:
            gateway.start()
            yield Whole(folder, broker, client, gateway)
        finally:
            gateway.end(signal.SIGKILL)


def kill(process: subprocess.Popen[str]) -> None:
    """kill -9, and wait until it is gone."""
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
