"""What somebody does at the terminal while a request is lost is told, and is not taken for the request."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.trials.hands import BUY
from tests.trials.model import REMOVE, Account, Sent
from tests.trials.one_account import the_account, trial_of_one_account
from tests.trials.processes import Broker, until
from tests.trials.sockets import LoopThread
from tests.trials.steps import market
from tests.trials.trial import Trial


@pytest.fixture(scope="module")
def trial(
    nursery: str, broker: Broker, thread: LoopThread, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Trial]:
    """One gateway and one client of its stream; in the end the judges look at what all tests have done."""
    with trial_of_one_account(tmp_path_factory.mktemp("hands"), nursery, broker, thread) as trial:
        trial.come_back(trial.world.accounts[0])
        yield trial


@pytest.fixture
def account(trial: Trial) -> Iterator[Account]:
    with the_account(trial) as account:
        yield account


def lose(trial: Trial, sent: Sent) -> None:
    """Send a request that the broker neither executes nor answers; come back while it is under way."""
    trial.fault("delay", ms=200, when="before", login=sent.account.login)
    trial.fault("timeout_not_executed", login=sent.account.login)
    trial.send_aside(sent)
    until(lambda: all(fault["used"] for fault in trial.broker.control.faults()), "the loss")


@pytest.mark.parametrize("magic", [0, 77])
def test_a_trade_that_looks_like_a_lost_order_is_not_taken_for_it(trial: Trial, account: Account, magic: int) -> None:
    sent = trial.request(account, "placeOrder", market("buy", 0.2, magic))
    lose(trial, sent)
    traded = trial.by_hand(account, symbol="EURUSD", type=BUY, volume=0.2, comment=sent.name)
    assert traded is not None
    trial.wait_for_all()
    trial.finally_known(sent)
    assert sent.outcome == "unknown"
    shown = trial.wire("getPosition", api_key=account.user.key, account=account.account_id, ticket=traded.ticket)
    assert shown is not None
    assert (shown.status, shown.json["volume"], shown.json["comment"]) == (200, 0.2, sent.name)


def test_a_closing_by_hand_is_not_taken_for_a_lost_one(trial: Trial, account: Account) -> None:
    opened = trial.send(trial.request(account, "placeOrder", market("buy", 0.2, 77)))
    assert opened is not None
    ticket = opened.json["ticket"]
    sent = trial.request(account, "closePosition", {"volume": 0.1}, ticket=ticket)
    lose(trial, sent)
    assert trial.by_hand(account, symbol="EURUSD", type=1 - BUY, volume=0.1, position=ticket) is not None
    trial.wait_for_all()
    trial.finally_known(sent)
    assert sent.outcome == "unknown"


def test_a_close_of_what_was_closed_by_hand_finds_nothing_to_close(trial: Trial, account: Account) -> None:
    opened = trial.send(trial.request(account, "placeOrder", market("buy", 0.1)))
    assert opened is not None
    ticket = opened.json["ticket"]
    trial.fault("delay", ms=300, when="before", login=account.login)
    sent = trial.request(account, "closePosition", {}, ticket=ticket)
    trial.send_aside(sent)
    until(lambda: any(fault["used"] for fault in trial.broker.control.faults()), "the close under way")
    assert trial.by_hand(account, symbol="EURUSD", type=1 - BUY, volume=0.1, position=ticket) is not None
    trial.wait_for_all()
    (answer,) = sent.answers
    assert answer is not None
    assert (answer.status, answer.reason) == (404, "position_not_found")


def test_an_order_that_was_withdrawn_by_hand_is_told_as_cancelled_and_is_there_no_more(
    trial: Trial, account: Account
) -> None:
    body = {"symbol": "EURUSD", "side": "buy", "orderType": "limit", "volume": 0.1, "price": 1.05}
    placed = trial.send(trial.request(account, "placeOrder", body))
    assert placed is not None
    ticket = placed.json["ticket"]
    assert trial.by_hand(account, ticket=ticket, action=REMOVE, order=ticket) is not None
    told = trial.chains[account][-1].messages
    until(
        lambda: any(
            message["type"] == "orderResult" and message["ticket"] == ticket and not message["success"]
            for message in told
        ),
        "the end of the order on the stream",
    )
    gone = trial.send(trial.request(account, "cancelOrder", None, ticket=ticket))
    assert gone is not None
    assert (gone.status, gone.reason) == (404, "order_not_found")
