"""Terminals that hang, end or lose their broker behind a whole gateway: what its clients are told, and what follows."""

from __future__ import annotations

import pytest

from tests.trials.model import Account, Sent, Verdict, verdict_of
from tests.trials.processes import until
from tests.trials.steps import market
from tests.trials.trial import Trial
from tests.trials.wire import Reply


def send(trial: Trial, account: Account) -> tuple[Sent, Reply]:
    sent = trial.request(account, "placeOrder", market("buy", 0.1))
    reply = trial.send(sent)
    assert reply is not None
    return sent, reply


def executions(trial: Trial, sent: Sent) -> int:
    return sum(order.comment == sent.name for order in trial.broker.orders(sent.account.login))


def assert_works_again(trial: Trial, account: Account) -> None:
    trial.all_is_well()
    trial.wait_until_active(account)
    until(lambda: verdict_of(send(trial, account)[1]) is Verdict.ACCEPTED, "an order")


def test_a_terminal_that_hangs_is_ended_at_the_deadline_and_the_order_is_unknown_or_found(
    trial: Trial, account: Account
) -> None:
    trial.fault("hang", when="after", login=account.login)
    sent, reply = send(trial, account)
    assert (reply.status, reply.reason) in ((200, None), (504, "outcome_unknown"))
    trial.all_is_well()
    trial.wait_until_active(account)
    trial.finally_known(sent)
    assert (sent.outcome, executions(trial, sent)) == ("accepted", 1)
    assert_works_again(trial, account)


@pytest.mark.parametrize("process", ["terminal", "client"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_terminal_that_ends_in_an_order_tells_in_the_end_what_became_of_it(
    trial: Trial, account: Account, process: str, when: str
) -> None:
    trial.fault("crash", when=when, process=process, login=account.login)
    sent, reply = send(trial, account)
    done = when == "after"
    unknown = (504, "outcome_unknown")
    assert (reply.status, reply.reason) in (((200, None), unknown) if done else (unknown,))
    trial.all_is_well()
    trial.wait_until_active(account)
    trial.finally_known(sent)
    assert (sent.outcome, executions(trial, sent)) == (("accepted", 1) if done else ("unknown", 0))
    assert_works_again(trial, account)


def test_without_its_broker_an_account_says_so_and_refuses_orders_until_it_is_back(
    trial: Trial, account: Account
) -> None:
    trial.fault("disconnect", login=account.login)
    until(lambda: trial.status(account)["status"] in ("disconnected", "reconnecting"), "the loss")
    assert trial.status(account)["last_error"]
    sent, reply = send(trial, account)
    assert (reply.status, reply.reason) == (503, "account_not_ready")
    assert int(reply.headers["retry-after"]) >= 1
    assert executions(trial, sent) == 0
    trial.all_is_well()
    trial.wait_until_active(account)
    again = trial.send(sent)
    assert again is not None
    assert (again.status, again.json["success"], again.is_replayed) == (200, True, False)
    assert executions(trial, sent) == 1
