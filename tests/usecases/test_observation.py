"""Trades are measured and told by their outcome, without what a client wrote; accounts are logged as they move."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

import pytest

from reference_server.domain.account import Account, AccountState
from reference_server.domain.errors import OutcomeUnknown, TerminalUnavailable
from reference_server.domain.events import ConnectionChanged, TerminalEvent
from reference_server.domain.requests import Outcome
from reference_server.domain.trading import NewOrder, OrderResult, OrderType, Side
from reference_server.metrics import Counts
from reference_server.usecases.observation import AccountLog, ObservedTerminals, TradeWatch
from tests.usecases.fakes import CREDENTIALS, FakeTerminals, Gateway, make_user

ORDER = NewOrder("EURUSD", Side.BUY, OrderType.MARKET, 0.1, comment="my secret plan")


class Watched:
    """A gateway's middle whose trades are watched."""

    def __init__(self) -> None:
        self.counts, self.told = Counts(), list[Mapping[str, object]]()
        self.gateway = Gateway(watch=TradeWatch(self.counts, self.told.append))
        self.user = make_user()

    async def place(self, answer: OrderResult | BaseException) -> None:
        account = await self.gateway.active_account(self.user)
        self.gateway.terminals.of(account.account_id).answer = answer
        await self.gateway.requests.send(self.user, "placeOrder", ORDER, account_id=account.account_id)

    def outcomes(self) -> dict[Outcome, int]:
        return {outcome: count for (_, outcome), count in self.counts.trades.items() if count}


async def test_an_accepted_and_a_refused_order_are_told_with_ticket_and_retcode_and_without_the_comment() -> None:
    watched = Watched()
    await watched.place(OrderResult(7, True, 10009))
    await watched.place(OrderResult(0, False, 10019, "No money"))
    assert watched.outcomes() == {Outcome.ACCEPTED: 1, Outcome.REFUSED: 1}
    first, second = watched.told
    assert (first["operation"], first["outcome"], first["ticket"], first["retcode"]) == (
        "placeOrder",
        "accepted",
        7,
        10009,
    )
    assert (second["outcome"], second["retcode"]) == ("refused", 10019)
    assert "secret" not in repr(watched.told)
    assert watched.counts.journal.read()[0][-1] == ("+Inf", 2)


@pytest.mark.parametrize("lost", [OutcomeUnknown(), ZeroDivisionError("a defect")])
async def test_an_order_that_may_have_left_is_unknown_and_warned_of(
    lost: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    watched = Watched()
    with pytest.raises(OutcomeUnknown):
        await watched.place(lost)
    assert watched.outcomes() == {Outcome.UNKNOWN: 1}
    (line,) = [one for one in caplog.records if one.name == "tonpo.trades"]
    assert (line.getMessage(), line.levelno, vars(line)["outcome"]) == ("trade", logging.WARNING, "unknown")


async def test_an_order_that_never_left_is_not_sent_with_its_reason() -> None:
    watched = Watched()
    with pytest.raises(TerminalUnavailable):
        await watched.place(TerminalUnavailable())
    assert watched.outcomes() == {Outcome.NOT_SENT: 1}
    assert watched.told[0]["reason"] == "terminal_unavailable"


async def test_a_second_terminal_of_an_account_is_a_restart_and_its_events_are_counted_and_passed_on() -> None:
    beneath, counts = FakeTerminals(), Counts()
    terminals = ObservedTerminals(beneath, counts)
    passed: list[TerminalEvent] = []
    for _ in range(2):
        await terminals.open("acc_1", CREDENTIALS, passed.append)
    await terminals.open("acc_2", CREDENTIALS, passed.append)
    assert counts.restarts == 1
    event = ConnectionChanged(connected=False, detail="gone")
    beneath.opened[0].tell(event)
    assert passed == [event]
    assert counts.events == {"ConnectionChanged": 1}


def test_each_change_of_an_account_is_logged_once_under_one_name(caplog: pytest.LogCaptureFixture) -> None:
    log = AccountLog()
    account = Account("acc_1", "usr_1", AccountState.CONNECTING, 0)
    active = replace(account, state=AccountState.ACTIVE)
    with caplog.at_level(logging.INFO):
        for one in (account, active, active, replace(active, paused=True), replace(active, state=AccountState.DELETED)):
            log(one)
    assert {line.getMessage() for line in caplog.records} == {"account_state"}
    told = [(vars(line)["state"], vars(line)["paused"], vars(line).get("before")) for line in caplog.records]
    assert told == [
        ("connecting", False, None),
        ("active", False, "connecting"),
        ("active", True, "active"),
        ("deleted", False, "active"),
    ]
