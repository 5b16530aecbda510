"""A check goes through what an order would go through, and sends nothing."""

from __future__ import annotations

from typing import Any

import pytest

from reference_server.domain.account import Mt5Credentials
from reference_server.domain.errors import InternalError, TerminalUnavailable
from reference_server.domain.trading import NewOrder, OrderCheck, OrderType, Side
from reference_server.simulator import GeneratedPrices, SimulatedBroker, SimulatedMetaTrader5
from reference_server.terminals.adapter.adapter import MetaTraderAdapter
from tests.terminals.fakes import HandClock, HandMadeModule

BUY = NewOrder("EURUSD", Side.BUY, OrderType.MARKET, 0.1, comment="bot", magic=7)


def adapter_of(module: Any, clock: HandClock) -> MetaTraderAdapter:
    adapter = MetaTraderAdapter(module, clock)
    adapter.login(Mt5Credentials("7", "x", "Hand-Made" if isinstance(module, HandMadeModule) else "Sim-Demo"))
    return adapter


@pytest.mark.parametrize("execution", [1, 2])
def test_what_is_checked_is_what_is_sent(clock: HandClock, execution: int) -> None:
    module = HandMadeModule(trade_exemode=execution)
    adapter = adapter_of(module, clock)
    assert adapter.check_order(BUY) == OrderCheck(True, 0, None, 1000.0, 1000.0, 110.0, 890.0, 909.09)
    assert module.sent == []
    module.answers = [{"order": 8}]
    adapter.place_order(BUY)
    assert module.checked == module.sent
    assert ("price" in module.sent[0]) == (execution == 1)


def test_another_filling_is_checked_when_the_first_is_refused(clock: HandClock) -> None:
    module = HandMadeModule()
    adapter = adapter_of(module, clock)
    module.verdicts = [{"retcode": 10030}, {"retcode": 0}]
    assert adapter.check_order(BUY).success
    assert [request["type_filling"] for request in module.checked] == [0, 1]


def test_figures_that_the_terminal_does_not_say_are_none(clock: HandClock, module: HandMadeModule) -> None:
    nothing = {"balance": 0.0, "equity": 0.0, "margin": 0.0, "margin_free": 0.0, "margin_level": 0.0}
    module.verdicts = [{"retcode": 10013, **nothing}]
    check = adapter_of(module, clock).check_order(BUY)
    assert check == OrderCheck(
        False, 10013, "Invalid request: the broker does not accept this combination of parameters."
    )


@pytest.mark.parametrize(
    ("account", "terminal", "connected", "retcode"),
    [
        ({}, {"trade_allowed": False}, True, 10027),
        ({}, {"tradeapi_disabled": True}, True, 10027),
        ({}, {}, False, 10031),
        ({"trade_allowed": False}, {}, True, 10017),
        ({"trade_expert": False}, {}, True, 10026),
    ],
)
def test_a_sound_order_that_could_not_be_sent_now_is_no_success(
    module: HandMadeModule,
    clock: HandClock,
    account: dict[str, bool],
    terminal: dict[str, bool],
    connected: bool,
    retcode: int,
) -> None:
    adapter = adapter_of(module, clock)
    module.account |= account
    module.terminal |= terminal
    module.connected = connected
    check = adapter.check_order(BUY)
    assert (check.success, check.retcode, check.margin) == (False, retcode, 110.0)
    assert check.error


def test_a_terminal_that_does_not_answer_is_unavailable(
    module: HandMadeModule, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = adapter_of(module, clock)
    adapter.symbol_book.select("EURUSD")
    module.is_dead = True
    with pytest.raises(TerminalUnavailable):
        adapter.check_order(BUY)

    def refuse(request: dict[str, Any]) -> Any:
        raise SystemError

    monkeypatch.setattr(module, "order_check", refuse)
    with pytest.raises(InternalError):
        adapter.check_order(BUY)


def test_an_order_for_a_closed_market_is_refused_by_the_check_too(clock: HandClock) -> None:
    broker = SimulatedBroker(clock=clock, prices=GeneratedPrices(1), always_open=False)
    adapter = adapter_of(SimulatedMetaTrader5(broker), clock)
    assert adapter.check_order(BUY).success
    clock.ms += 5 * 86_400_000  # Saturday
    assert adapter.place_order(BUY).retcode == 10018
    check = adapter.check_order(BUY)
    assert (check.success, check.retcode, check.error) == (False, 10018, "The market is closed.")
