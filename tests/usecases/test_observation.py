"""Trades are measured and told by their outcome, without what a client wrote; accounts are logged as they move."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from reference_server.domain.account import Account, AccountState
from reference_server.domain.errors import OutcomeUnknown, TerminalUnavailable
from reference_server.domain.events import ConnectionChanged, TerminalEvent
from reference_server.domain.trading import NewOrder, OrderResult, OrderType, Side
from reference_server.metrics import Counts
from reference_server.usecases.measures import TradeOutcome
from reference_server.usecases.observation import AccountLog, ObservedTerminals
from tests.usecases.fakes import CREDENTIALS, ManualClock

ORDER = NewOrder("EURUSD", Side.BUY, OrderType.MARKET, 0.1, comment="my secret plan")


class Desk:
    """A terminal whose next answer a test gives, and its provider."""

    def __init__(self) -> None:
        self.answer: OrderResult | BaseException = OrderResult(7, True, 10009)
        self.listeners: list[Any] = []

    async def open(self, _account_id: str, _credentials: Any, listener: Any) -> Any:
        self.listeners.append(listener)
        return self

    async def place_order(self, _order: NewOrder) -> OrderResult:
        await asyncio.sleep(0)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    async def symbols(self) -> tuple[str, ...]:
        return ("EURUSD",)


class Watched:
    def __init__(self) -> None:
        self.desk, self.counts, self.told = Desk(), Counts(), list[Mapping[str, object]]()
        provider: Any = self.desk
        self.terminals = ObservedTerminals(provider, self.counts, ManualClock(), self.told.append)

    async def place(self, answer: OrderResult | BaseException) -> None:
        self.desk.answer = answer
        terminal = await self.terminals.open("acc_1", CREDENTIALS, lambda _: None)
        await terminal.place_order(ORDER)

    def outcomes(self) -> dict[TradeOutcome, int]:
        return {outcome: count for (_, outcome), count in self.counts.trades.items() if count}


async def test_an_accepted_and_a_refused_order_are_told_with_ticket_and_retcode_and_without_the_comment() -> None:
    watched = Watched()
    await watched.place(OrderResult(7, True, 10009))
    await watched.place(OrderResult(0, False, 10019, "No money"))
    assert watched.outcomes() == {TradeOutcome.ACCEPTED: 1, TradeOutcome.REFUSED: 1}
    first, second = watched.told
    assert (first["account_id"], first["outcome"], first["ticket"], first["retcode"]) == ("acc_1", "accepted", 7, 10009)
    assert (second["outcome"], second["retcode"]) == ("refused", 10019)
    assert "secret" not in repr(watched.told)


@pytest.mark.parametrize("lost", [OutcomeUnknown(), ZeroDivisionError("a defect"), asyncio.CancelledError()])
async def test_an_order_that_may_have_left_is_unknown_and_warned_of(
    lost: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    watched = Watched()
    with pytest.raises(type(lost)):
        await watched.place(lost)
    assert watched.outcomes() == {TradeOutcome.UNKNOWN: 1}
    (line,) = caplog.records
    assert (line.getMessage(), line.levelno, vars(line)["outcome"]) == ("trade", logging.WARNING, "unknown")


async def test_an_order_that_never_left_is_not_sent_with_its_reason() -> None:
    watched = Watched()
    with pytest.raises(TerminalUnavailable):
        await watched.place(TerminalUnavailable())
    assert watched.outcomes() == {TradeOutcome.NOT_SENT: 1}
    assert watched.told[0]["reason"] == "terminal_unavailable"


async def test_everything_else_is_the_terminals_own() -> None:
    terminal = await Watched().terminals.open("acc_1", CREDENTIALS, lambda _: None)
    assert await terminal.symbols() == ("EURUSD",)
    with pytest.raises(AttributeError):
        terminal.fly  # type: ignore[attr-defined]  # noqa: B018


async def test_a_second_terminal_of_an_account_is_a_restart_and_its_events_are_counted_and_passed_on() -> None:
    watched = Watched()
    passed: list[TerminalEvent] = []
    for _ in range(2):
        await watched.terminals.open("acc_1", CREDENTIALS, passed.append)
    await watched.terminals.open("acc_2", CREDENTIALS, passed.append)
    assert watched.counts.restarts == 1
    event = ConnectionChanged(connected=False, detail="gone")
    watched.desk.listeners[0](event)
    assert passed == [event]
    assert watched.counts.events == {"ConnectionChanged": 1}


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
