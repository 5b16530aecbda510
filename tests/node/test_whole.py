"""A gateway, a broker and node agents as their users run them, in processes of their own."""

from __future__ import annotations

import contextlib
import http.client
import re
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.node.whole import ORDER, GatewayClient, Reply, Whole, kill, open_whole
from tests.trials.processes import until

MARKED = "marked-password-4711"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """One gateway and one broker; each test has a user, an account and agents of its own."""
    with open_whole(tmp_path_factory.mktemp("whole")) as whole:
        yield whole


@pytest.fixture
def empty(shared: Whole, tmp_path: Path) -> Iterator[Whole]:
    whole = replace(shared, folder=tmp_path, gateway=GatewayClient(shared.gateway.url), agents=[])
    yield whole
    whole.close()
    whole.broker.control.clear_faults()


@pytest.fixture
def whole(empty: Whole) -> Whole:
    empty.create_account()
    return empty


def order_aside(whole: Whole, key: str) -> tuple[threading.Thread, list[Reply]]:
    replies: list[Reply] = []
    thread = threading.Thread(target=lambda: replies.append(whole.gateway("POST", "/api/orders", ORDER, key=key)))
    thread.start()
    return thread, replies


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_order_whose_agent_is_killed_while_it_is_sent_is_executed_once_and_told_truly(
    whole: Whole, when: str
) -> None:
    agent = whole.enrol()
    first = whole.gateway("POST", "/api/orders", ORDER, key="first")
    assert first.json["success"], first
    assert whole.deals() == [first.json["ticket"]]

    whole.broker.control.add_fault("delay", ms=1500, when=when, call="order_send", login=whole.login)
    sending, replies = order_aside(whole, "second")
    until(lambda: any(fault["used"] for fault in whole.broker.control.faults()), "the broker's delay")
    kill(agent)
    whole.wait_until("disconnected")
    whole.start_agent()  # without the token: it has a key of its own
    whole.wait_until("active")
    sending.join(60)
    until(lambda: whole.outcome("second") == "accepted", "what became of the order")
    (reply,) = replies
    assert reply.status in (200, 504)
    again = whole.gateway("POST", "/api/orders", ORDER, key="second")
    assert (again.status, again.json["success"], again.is_replayed) == (200, True, True)
    assert whole.deals() == [first.json["ticket"], again.json["ticket"]]


def test_a_node_comes_back_and_can_be_stopped_removed_replaced_and_deleted(whole: Whole) -> None:
    agent = whole.enrol()
    agent.send_signal(signal.SIGTERM)
    assert agent.wait(20) == 0
    whole.wait_until("disconnected")
    agent = whole.start_agent("--auth-token-file", str(whole.folder / "token"))
    whole.wait_until("active")

    second = whole.start_agent("--auth-token-file", str(whole.folder / "token"), node_dir="other")
    assert second.wait(20) == 2
    assert "Invalid node key or auth_token" in whole.agent_log

    assert whole.account_id in whole.admin("nodes", "list")
    token = re.search(r"auth_token  (\S{43})", whole.admin("nodes", "token", whole.account_id))
    assert token is not None
    second = whole.start_agent(node_dir="other", environment={"TONPO_NODE_AUTH_TOKEN": token[1]})
    assert agent.wait(30) == 3
    assert "another agent has connected" in whole.agent_log
    whole.wait_until("active")

    whole.admin("nodes", "remove", whole.account_id)
    assert second.wait(30) == 3
    assert "removed from its account" in whole.agent_log
    whole.wait_until("active")  # through the gateway's own terminals
    assert whole.account_id not in whole.admin("nodes", "list")

    token = re.search(r"auth_token  (\S{43})", whole.admin("nodes", "token", whole.account_id))
    assert token is not None
    agent = whole.start_agent(environment={"TONPO_NODE_AUTH_TOKEN": token[1]})
    until(lambda: not whole.is_claimable(), "the enrolment", 30)
    whole.wait_until("active")
    whole.gateway("DELETE", f"/api/accounts/{whole.account_id}")
    assert agent.wait(30) == 3
    assert "the account was deleted" in whole.agent_log
    entries = [line.split() for line in whole.admin("audit").splitlines()]
    assert [one[2] for one in entries if one[3] == whole.account_id and one[2].startswith("node")] == [
        "node_enrolled", "node_token_made", "node_enrolled", "node_removed", "node_token_made", "node_enrolled",
    ]  # fmt: skip


def test_no_secret_is_in_the_log_the_arguments_or_the_environment_of_what_an_agent_starts(empty: Whole) -> None:
    whole = empty
    whole.create_account(MARKED)
    token = (whole.folder / "token").read_text().strip()
    agent = whole.start_agent("--log-level", "debug", environment={"TONPO_NODE_AUTH_TOKEN": token})
    until(lambda: whole.broker.has_account(whole.login), "a login through the node", 30)
    whole.wait_until("active")
    (worker,) = Path(f"/proc/{agent.pid}/task/{agent.pid}/children").read_text().split()
    key = (whole.folder / "node" / "node_key").read_text().strip()
    told = [
        whole.agent_log.encode(),
        whole.process.log.read_bytes(),
        Path(f"/proc/{agent.pid}/cmdline").read_bytes(),
        *(Path(f"/proc/{worker}", name).read_bytes() for name in ("cmdline", "environ")),
    ]
    for secret in (token, key, MARKED):
        assert not any(secret.encode() in one for one in told)
    kept = [path.read_bytes() for path in (whole.folder / "node").iterdir() if path.name != "node_key"]
    for secret in (token, MARKED):
        assert not any(secret.encode() in one for one in kept)


def test_an_order_whose_gateway_is_killed_while_it_is_sent_is_found_in_the_next_life(whole: Whole) -> None:
    whole.enrol()
    whole.broker.control.add_fault("delay", ms=1500, when="after", call="order_send", login=whole.login)
    body = {**ORDER, "comment": "once"}
    sending = threading.Thread(target=suppressed, args=(whole, body))
    sending.start()
    until(lambda: any(fault["used"] for fault in whole.broker.control.faults()), "the broker's delay")
    whole.process.end(signal.SIGKILL)
    whole.process.start()
    sending.join(60)
    whole.wait_until("active")  # the agent came back by itself
    until(lambda: whole.outcome("kept") == "accepted", "what became of the order")
    again = whole.gateway("POST", "/api/orders", body, key="kept")
    assert (again.status, again.is_replayed) == (200, True)
    assert whole.deals() == [again.json["ticket"]]


def suppressed(whole: Whole, body: object) -> None:
    with contextlib.suppress(OSError, http.client.HTTPException):  # its gateway dies
        whole.gateway("POST", "/api/orders", body, key="kept")


def test_a_gateway_that_is_stopped_does_not_wait_for_nodes_and_they_come_to_the_next(whole: Whole) -> None:
    agent = whole.enrol()
    began = time.monotonic()
    assert whole.process.end(signal.SIGTERM) == 0
    assert time.monotonic() - began < 30
    whole.process.start()
    whole.wait_until("active")
    assert agent.poll() is None
    assert whole.gateway("POST", "/api/orders", ORDER).json["success"]
    assert len(whole.deals()) == 1
