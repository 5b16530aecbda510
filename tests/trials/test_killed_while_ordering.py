"""A gateway that is killed at any stage of an order tells the truth of it afterwards, and executes it at most once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.trials.model import Account, Sent
from tests.trials.one_account import the_account, trial_of_one_account
from tests.trials.processes import Broker, until
from tests.trials.sockets import LoopThread
from tests.trials.stages import IN_PROCESS
from tests.trials.steps import market
from tests.trials.trial import Trial

NEVER_WRITTEN = ("arriving", "writing")
NEVER_SENT = ("written", "sending")


@pytest.fixture(scope="module")
def trial(
    nursery: str, broker: Broker, thread: LoopThread, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Trial]:
    """One gateway on one folder; each test kills it, and begins with its next life."""
    with trial_of_one_account(tmp_path_factory.mktemp("killed"), nursery, broker, thread) as trial:
        yield trial


@pytest.fixture
def account(trial: Trial) -> Iterator[Account]:
    with the_account(trial) as account:
        yield account


def executions(trial: Trial, sent: Sent) -> int:
    """How often the broker has executed a request."""
    account = sent.account
    if sent.operation == "placeOrder":
        return sum(order.comment == sent.name for order in trial.broker.orders(account.login))
    return sum(deal.position_id == sent.ticket and deal.entry == 1 for deal in trial.broker.deals(account.login))


def outcome(trial: Trial, sent: Sent) -> str:
    """What its key says."""
    trial._ask(sent)
    assert sent.outcome is not None
    return sent.outcome


def kinds(trial: Trial, account: Account) -> dict[str, tuple[str, dict[str, Any], int]]:
    """Requests of each kind: operation, body, ticket."""
    opened = trial.request(account, "placeOrder", market("buy", 0.1))
    reply = trial.send(opened)
    assert reply is not None
    assert reply.json["success"], reply
    ticket = reply.json["ticket"]
    pending = {"symbol": "EURUSD", "side": "buy", "orderType": "limit", "volume": 0.1, "price": 1.05}
    return {
        "market order": ("placeOrder", market("sell", 0.1), 0),
        "pending order": ("placeOrder", pending, 0),
        "close": ("closePosition", {}, ticket),
    }


@pytest.mark.parametrize(
    ("stage", "kind"),
    [*((stage, "market order") for stage in IN_PROCESS), ("sending", "close"), ("answered", "close")],
)
def test_a_request_of_which_the_gateway_dies_is_executed_once_or_never_and_never_told_otherwise(
    trial: Trial, account: Account, stage: str, kind: str
) -> None:
    operation, body, ticket = kinds(trial, account)[kind]
    sent = trial.request(account, operation, body, ticket=ticket, stage=stage)
    assert trial.send(sent) is None
    trial.restart_the_dead()
    if stage in NEVER_WRITTEN:
        assert outcome(trial, sent) == "absent"
        assert executions(trial, sent) == 0
        sent.key = f"again-{sent.name}"  # with its own it would kill the next life, too
        trial.wait_until_active(account)
        again = trial.send(sent)
        assert again is not None
        assert (again.status, again.json["success"], again.is_replayed) == (200, True, False)
    elif stage in NEVER_SENT:
        trial.wait_until_active(account)
        again = trial.send(sent)
        assert again is not None
        assert (again.status, again.is_replayed) == (504, True)
        assert (outcome(trial, sent), executions(trial, sent)) == ("unknown", 0)
        return
    else:
        until(lambda: outcome(trial, sent) == "accepted", "what became of the request")
        again = trial.send(sent)
        assert again is not None
        assert (again.status, again.json["success"], again.is_replayed) == (200, True, True)
    assert (outcome(trial, sent), executions(trial, sent)) == ("accepted", 1)


@pytest.mark.parametrize(
    ("when", "kind"),
    [("before", "market order"), ("after", "market order"), ("before", "pending order"), ("after", "close")],
)
def test_a_gateway_killed_while_the_broker_executes_finds_the_request_in_its_next_life(
    trial: Trial, account: Account, when: str, kind: str
) -> None:
    operation, body, ticket = kinds(trial, account)[kind]
    trial.fault("delay", ms=1500, when=when, login=account.login)
    sent = trial.request(account, operation, body, ticket=ticket)
    trial.send_aside(sent)
    until(lambda: any(fault["used"] for fault in trial.broker.control.faults()), "the broker's delay")
    trial.kill_and_restart()
    trial.all_is_well()
    assert sent.answers == [None]
    until(lambda: executions(trial, sent) == 1, "the execution")
    until(lambda: outcome(trial, sent) == "accepted", "what became of the request")
    again = trial.send(sent)
    assert again is not None
    assert (again.status, again.json["success"], again.is_replayed) == (200, True, True)
    assert executions(trial, sent) == 1


def test_a_request_without_a_key_is_forgotten_once_it_is_known_and_executed_once(
    trial: Trial, account: Account
) -> None:
    trial.fault("delay", ms=1000, when="after", login=account.login)
    sent = trial.request(account, "placeOrder", market("buy", 0.1), is_keyed=False)
    trial.send_aside(sent)
    until(lambda: executions(trial, sent), "the execution")
    trial.kill_and_restart()
    trial.all_is_well()
    trial.wait_until_active(account)
    assert sent.answers == [None]
    assert executions(trial, sent) == 1
