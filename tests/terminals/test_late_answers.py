"""What a terminal shows a moment late is waited for where waiting is possible, and never called absent."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from reference_server.domain.account import Mt5Credentials
from reference_server.domain.errors import PositionNotFound, PriceUnavailable, TerminalUnavailable
from reference_server.domain.market import Timeframe
from reference_server.domain.trading import NewOrder, OrderType, PositionChange, Side
from reference_server.terminals.adapter.adapter import MetaTraderAdapter
from reference_server.terminals.polling.poller import Poller
from tests.terminals.fakes import HandClock, HandMadeModule

BUY = NewOrder("EURUSD", Side.BUY, OrderType.MARKET, 0.1)
DONE = {"retcode": 10009, "order": 5, "deal": 9, "price": 1.1, "volume": 0.1}
POSITION = SimpleNamespace(
    ticket=5, identifier=5, symbol="EURUSD", type=0, volume=0.1, price_open=1.1, sl=1.0, tp=0.0, magic=0, comment="",
    price_current=1.1, profit=0.0, swap=0.0, time=0, time_msc=1000,
)  # fmt: skip
EXIT = SimpleNamespace(ticket=10, order=6, position_id=5, entry=1, type=1, symbol="EURUSD", time=0)


class Pauses:
    """Stands for `time.sleep`: moves the clock, and lets something happen after a number of pauses."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.taken: list[float] = []
        self.then: dict[int, Any] = {}

    def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)
        self.clock.ms += round(seconds * 1000)
        self.then.get(len(self.taken), lambda: None)()


@pytest.fixture
def pauses(clock: HandClock) -> Pauses:
    return Pauses(clock)


@pytest.fixture
def patient(module: HandMadeModule, clock: HandClock, pauses: Pauses) -> MetaTraderAdapter:
    adapter = MetaTraderAdapter(module, clock, pause=pauses)
    adapter.login(Mt5Credentials("7", "x", "Hand-Made"))
    return adapter


@pytest.fixture
def hasty(module: HandMadeModule, clock: HandClock) -> MetaTraderAdapter:
    adapter = MetaTraderAdapter(module, clock)
    adapter.login(Mt5Credentials("7", "x", "Hand-Made"))
    return adapter


def test_a_position_that_shows_late_is_waited_for(
    patient: MetaTraderAdapter, module: HandMadeModule, pauses: Pauses
) -> None:
    module.answers = [DONE]
    patient.place_order(BUY)
    pauses.then[3] = lambda: module.held.append(POSITION)
    assert patient.position(5).ticket == 5
    assert pauses.taken == [0.05] * 3


@pytest.mark.parametrize("is_patient", [True, False])
def test_a_position_that_does_not_show_for_long_is_not_called_closed_until_it_must_be(
    patient: MetaTraderAdapter, hasty: MetaTraderAdapter, module: HandMadeModule, clock: HandClock, is_patient: bool
) -> None:
    adapter = patient if is_patient else hasty
    module.answers = [DONE]
    adapter.place_order(BUY)
    with pytest.raises(TerminalUnavailable, match="does not show yet"):
        adapter.close_position(5)
    clock.ms += 2000
    with pytest.raises(PositionNotFound):
        adapter.close_position(5)
    assert len(module.sent) == 1


def test_a_position_that_was_opened_and_closed_at_once_is_not_waited_for(
    patient: MetaTraderAdapter, module: HandMadeModule, pauses: Pauses
) -> None:
    module.answers = [DONE]
    patient.place_order(BUY)
    module.deals = [EXIT]
    with pytest.raises(PositionNotFound):
        patient.position(5)
    assert pauses.taken == []


@pytest.mark.parametrize("retcode", [10013, 10023])
def test_a_refusal_for_a_position_that_is_gone_says_that_it_is_gone(
    hasty: MetaTraderAdapter, module: HandMadeModule, monkeypatch: pytest.MonkeyPatch, retcode: int
) -> None:
    def send(request: dict[str, Any]) -> Any:
        module.held.clear()
        return SimpleNamespace(retcode=retcode, request_id=0)

    monkeypatch.setattr(module, "order_send", send)
    module.held = [POSITION]
    with pytest.raises(PositionNotFound):
        hasty.close_position(5)
    module.held = [POSITION]
    with pytest.raises(PositionNotFound):
        hasty.modify_position(PositionChange(5, sl=1.0))


def test_the_same_refusal_for_a_position_that_is_there_is_a_refusal(
    hasty: MetaTraderAdapter, module: HandMadeModule
) -> None:
    module.held = [POSITION]
    module.answers = [{"retcode": 10013}]
    assert hasty.close_position(5).retcode == 10013


def test_closing_all_of_a_position_that_shrank_meanwhile_closes_what_is_left(
    hasty: MetaTraderAdapter, module: HandMadeModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    module.held = [POSITION]
    sent: list[float] = []

    def send(request: dict[str, Any]) -> Any:
        sent.append(request["volume"])
        module.held = [SimpleNamespace(**{**vars(POSITION), "volume": 0.04})]
        accepted = {"retcode": 10009, "request_id": 1, "order": 6, "deal": 7, "price": 1.1, "volume": 0.04}
        return SimpleNamespace(**({"retcode": 10038, "request_id": 1} if len(sent) == 1 else accepted))

    monkeypatch.setattr(module, "order_send", send)
    result = hasty.close_position(5)
    assert (result.success, result.volume, sent) == (True, 0.04, [0.1, 0.04])


def test_a_symbol_that_has_just_been_selected_may_take_two_seconds_to_its_first_tick(
    patient: MetaTraderAdapter, module: HandMadeModule, pauses: Pauses
) -> None:
    ticks, module.ticks = module.ticks, []
    patient.symbol_book._selected.clear()
    pauses.then[4] = lambda: module.ticks.extend(ticks)
    assert patient.price("EURUSD").bid == 1.1
    assert pauses.taken == [0.2] * 4


def test_a_symbol_without_any_tick_is_not_waited_for_at_each_question(
    patient: MetaTraderAdapter, module: HandMadeModule, pauses: Pauses, clock: HandClock
) -> None:
    module.ticks = []
    patient.symbol_book._selected.clear()
    for _ in range(5):
        with pytest.raises(PriceUnavailable):
            patient.price("EURUSD")
    assert len(pauses.taken) == 10
    clock.ms += 61_000
    with pytest.raises(PriceUnavailable):
        patient.price("EURUSD")
    assert len(pauses.taken) == 20


def test_watching_symbols_without_ticks_waits_for_none(
    patient: MetaTraderAdapter, module: HandMadeModule, pauses: Pauses
) -> None:
    module.ticks = []
    patient.symbol_book._selected.clear()
    poller = Poller(patient)
    poller.begin()
    poller.watch({"EURUSD"}, {("EURUSD", Timeframe.M1)})
    poller.poll()
    assert pauses.taken == []


def test_an_order_without_prices_is_sent_once_more_when_there_is_one(
    hasty: MetaTraderAdapter, module: HandMadeModule
) -> None:
    module.answers = [{"retcode": 10021}, DONE]
    assert hasty.place_order(BUY).success
    module.answers = [{"retcode": 10021}, {"retcode": 10021}]
    assert hasty.place_order(BUY).retcode == 10021
    assert module.answers == []
    module.ticks = []
    module.answers = [{"retcode": 10021}]
    assert hasty.place_order(BUY).retcode == 10021


def test_a_market_watch_that_takes_no_more_symbols_is_no_unknown_symbol(
    hasty: MetaTraderAdapter, module: HandMadeModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    def symbol_select(*_: Any) -> bool:
        module.error = (-1, "Terminal: Call failed")
        return False

    monkeypatch.setattr(module, "symbol_select", symbol_select)
    hasty.symbol_book._selected.clear()
    with pytest.raises(TerminalUnavailable, match="Market Watch"):
        hasty.price("EURUSD")


def test_the_notice_before_sending_comes_before_each_request_and_can_stop_it(
    hasty: MetaTraderAdapter, module: HandMadeModule
) -> None:
    seen: list[int] = []
    hasty.on_send = lambda: seen.append(len(module.sent))
    module.answers = [{"retcode": 10030}, DONE]
    hasty.place_order(BUY)
    assert seen == [0, 1]

    def refuse() -> None:
        raise BrokenPipeError

    hasty.on_send = refuse
    with pytest.raises(BrokenPipeError):
        hasty.place_order(BUY)
    assert len(module.sent) == 2
