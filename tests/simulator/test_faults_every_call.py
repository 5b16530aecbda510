"""Every function of the module fails, breaks and recovers alike while faults are on."""

import random
from threading import Thread
from typing import Any

import pytest

from reference_server.simulator import SimulatedMetaTrader5
from reference_server.simulator.faults import (
    CALLS,
    AnswerLost,
    Delay,
    Fail,
    LateVisibility,
    PartialFill,
    PipeBreak,
    Refuse,
    TimeoutExecuted,
)
from tests.simulator.conftest import Desk

BUY = {"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": 0}
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "copy_rates_from": ("EURUSD", 1, 1_717_400_000, 1),
    "copy_rates_from_pos": ("EURUSD", 1, 0, 1),
    "copy_rates_range": ("EURUSD", 1, 1_717_300_000, 1_717_400_000),
    "copy_ticks_from": ("EURUSD", 0, 10, -1),
    "copy_ticks_range": ("EURUSD", 0, 2**31 - 1, -1),
    "history_deals_get": (0, 2**31 - 1),
    "history_deals_total": (0, 2**31 - 1),
    "history_orders_get": (0, 2**31 - 1),
    "history_orders_total": (0, 2**31 - 1),
    "login": (42, "secret", "TonpoSim-Demo"),
    "market_book_add": ("EURUSD",),
    "market_book_get": ("EURUSD",),
    "market_book_release": ("EURUSD",),
    "order_calc_margin": (0, "EURUSD", 0.1, 1.1),
    "order_calc_profit": (0, "EURUSD", 0.1, 1.1, 1.2),
    "order_check": (BUY,),
    "order_send": (BUY,),
    "symbol_info": ("EURUSD",),
    "symbol_info_tick": ("EURUSD",),
    "symbol_select": ("EURUSD",),
}
NOTHING: dict[str, Any] = {}
FAILURES: dict[str, Any] = {
    **dict.fromkeys(("initialize", "login", "market_book_add", "market_book_release", "symbol_select"), False),
    "version": (0, 0, ""),
}
SILENT = frozenset(("market_book_add", "market_book_release"))
"""Functions that say False and leave `last_error` at success, whatever the reason: a quirk of the genuine module."""


def call(mt5: SimulatedMetaTrader5, name: str) -> Any:
    return getattr(mt5, name)(*ARGUMENTS.get(name, ()))


def is_failure(name: str, answer: Any) -> bool:
    return type(answer) is type(FAILURES.get(name)) and answer == FAILURES.get(name)


@pytest.mark.parametrize("name", sorted(CALLS))
def test_any_call_fails_with_any_code_and_then_works(desk: Desk, name: str) -> None:
    desk.broker.faults.add(Fail(call=name, code=-3))
    assert is_failure(name, call(desk.mt5, name))
    assert desk.mt5.last_error() == ((1, "Success") if name in SILENT else (-3, "Terminal: Out of memory"))
    if name == "initialize":
        assert desk.mt5.account_info() is None
    assert not is_failure(name, call(desk.mt5, name)) or name == "market_book_get"


@pytest.mark.parametrize("kind", [PipeBreak, AnswerLost])
@pytest.mark.parametrize("name", sorted(CALLS))
def test_the_pipe_breaks_in_any_call_and_initialize_brings_it_back(desk: Desk, name: str, kind: Any) -> None:
    desk.broker.faults.add(kind(call=name))
    assert is_failure(name, call(desk.mt5, name))
    assert desk.mt5.last_error() == ((1, "Success") if name in SILENT else (-10002, "IPC recv failed"))
    assert desk.mt5.account_info() is None
    assert desk.mt5.last_error() == (-10004, "No IPC connection")
    assert desk.mt5.initialize()
    assert len(desk.mt5.positions_get()) == (name == "order_send" and kind is AnswerLost)


def test_a_request_beside_empty_keywords_fails_as_without_faults(desk: Desk) -> None:
    """The genuine module tells `f(x)` from `f(x, **{})`; so does the simulated one, faults or not."""
    for _ in range(2):
        assert desk.mt5.order_send(BUY, **NOTHING) is None
        assert desk.mt5.last_error() == (-2, "Unnamed arguments not allowed")
        desk.broker.faults.add(Refuse(retcode=10006, times=0))
    assert desk.mt5.order_send(BUY).retcode == 10006


def test_faults_come_and_go_while_several_threads_trade(desk: Desk) -> None:
    """No thread ever sees anything but an answer, and the book agrees with what they were told."""
    faults = desk.broker.faults
    told: list[tuple[int, Any]] = []
    wrong: list[BaseException] = []

    def trade(number: int) -> None:
        mt5 = SimulatedMetaTrader5(desk.broker)
        chance = random.Random(number)
        try:
            assert mt5.initialize(login=42, password="secret", server="TonpoSim-Demo")
            for index in range(60):
                magic = number * 1000 + index
                told.append((magic, mt5.order_send({**BUY, "volume": 0.02, "magic": magic})))
                mt5.positions_get()
                if mt5.account_info() is None:
                    mt5.initialize()
                kinds = (
                    Refuse(retcode=10006), AnswerLost(), TimeoutExecuted(), PartialFill(fraction=0.5),
                    LateVisibility(ms=1), PipeBreak(call="*"), Delay(ms=1),
                )  # fmt: skip
                if chance.random() < 0.4:
                    faults.add(chance.choice(kinds))
                if chance.random() < 0.05:
                    faults.clear()
        except BaseException as error:
            wrong.append(error)

    threads = [Thread(target=trade, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    faults.clear()
    assert wrong == []
    assert not faults.is_armed
    account = desk.broker.accounts["TonpoSim-Demo", 42]
    filled = {deal.magic: deal.volume for deal in account.deals[1:]}
    assert len(filled) == len(account.deals) - 1, "an order was carried out twice"
    for magic, answer in told:
        retcode = None if answer is None else answer.retcode
        if retcode in (10009, 10010):
            assert filled[magic] == answer.volume
        elif retcode == 10006:
            assert magic not in filled
        else:
            assert retcode in (None, 10012)
    assert "order_send" not in vars(desk.mt5)
