"""A terminal that answers for another account than its own is used for nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from reference_server.domain.account import Mt5Credentials
from reference_server.domain.errors import TerminalUnavailable
from reference_server.domain.events import ConnectionChanged
from reference_server.domain.trading import NewOrder, OrderType, Side
from reference_server.terminals.adapter.adapter import MetaTraderAdapter
from reference_server.terminals.adapter.tags import Tag
from reference_server.terminals.workers.guarded import GuardedTerminal
from reference_server.terminals.workers.intents import Placing
from tests.terminals.fakes import HandClock, HandMadeModule, Heard

BUY = Placing(NewOrder("EURUSD", Side.BUY, OrderType.MARKET, 0.1), Tag(1), 0)
CREDENTIALS = Mt5Credentials("7", "secret", "hand-made")


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
async def terminal(clock: HandClock, module: HandMadeModule, heard: Heard) -> AsyncIterator[GuardedTerminal]:
    adapter = MetaTraderAdapter(module, clock)
    adapter.login(CREDENTIALS)
    terminal = GuardedTerminal(adapter, heard, CREDENTIALS, poll_interval_seconds=0.002)
    yield terminal
    await terminal.close()


async def test_the_right_account_trades(terminal: GuardedTerminal, module: HandMadeModule) -> None:
    module.answers = [{"order": 5, "deal": 6, "volume": 0.1, "price": 1.1}]
    marks: list[int] = []
    assert terminal.perform(BUY, lambda: marks.append(len(module.sent))).success
    assert marks == [0], "once, before the request left"


@pytest.mark.parametrize("change", [{"login": 8}, {"server": "Another"}])
async def test_an_order_is_not_sent_to_an_account_that_was_logged_in_by_hand(
    terminal: GuardedTerminal, module: HandMadeModule, change: dict[str, Any]
) -> None:
    module.account.update(change)
    with pytest.raises(TerminalUnavailable, match=r"logged in to another account from outside\. Nothing was done"):
        terminal.perform(BUY)
    assert module.sent == []


async def test_an_order_is_not_sent_when_the_account_changes_in_the_last_moment(
    terminal: GuardedTerminal, module: HandMadeModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the first look at the account and the sending."""
    known: Callable[[str], Any] = module.symbol_info

    def switching(symbol: str, /) -> Any:
        module.account["login"] = 8
        return known(symbol)

    monkeypatch.setattr(module, "symbol_info", switching)
    marks: list[int] = []
    with pytest.raises(TerminalUnavailable):
        terminal.perform(BUY, lambda: marks.append(1))
    assert (module.sent, marks) == ([], [])


async def test_a_switched_terminal_is_given_up_and_told_dead_once(
    terminal: GuardedTerminal, module: HandMadeModule, heard: Heard
) -> None:
    module.account["login"] = 8
    died = await heard.first(ConnectionChanged)
    assert (died.connected, died.alive) == (False, False)
    module.account["login"] = 7
    with pytest.raises(TerminalUnavailable):
        terminal.perform(BUY)
    with pytest.raises(TerminalUnavailable):
        terminal.look(BUY)
    assert len(heard.of(ConnectionChanged)) == 1
    assert module.sent == []
