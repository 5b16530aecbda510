"""What the adapter makes of answers that a sound broker seldom gives."""

from types import SimpleNamespace
from typing import Any

import pytest

from reference_server.domain.account import Mt5Credentials
from reference_server.domain.errors import (
    InternalError,
    OutcomeUnknown,
    PositionNotFound,
    PriceUnavailable,
    TerminalUnavailable,
)
from reference_server.domain.trading import NewOrder, OrderType, PositionChange, Side
from reference_server.terminals.adapter.adapter import MetaTraderAdapter
from reference_server.usecases.ports import BrokerUnreachable, LoginRefused
from tests.terminals.fakes import HandClock, HandMadeModule

BUY = NewOrder("EURUSD", Side.BUY, OrderType.MARKET, 0.1)
CREDENTIALS = Mt5Credentials("7", "secret-word", "Hand-Made")
POSITION = SimpleNamespace(
    ticket=5, identifier=5, symbol="EURUSD", type=0, volume=0.1, price_open=1.1, sl=1.0, tp=0.0, magic=0, comment=""
)


@pytest.fixture
def adapter(module: HandMadeModule, clock: HandClock) -> MetaTraderAdapter:
    adapter = MetaTraderAdapter(module, clock)
    adapter.login(CREDENTIALS)
    return adapter


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        ((-6, "Terminal: Authorization failed"), LoginRefused),
        ((-7, "Unsupported authorization mode"), LoginRefused),
        ((-2, 'Invalid "password" argument'), LoginRefused),
        ((-10005, "IPC timeout"), BrokerUnreachable),
        ((-10003, "IPC initialize failed, MetaTrader 5 x64 not found"), BrokerUnreachable),
    ],
)
def test_a_failed_login_says_whether_trying_again_can_help(
    module: HandMadeModule, clock: HandClock, error: tuple[int, str], raised: type[Exception]
) -> None:
    module.initializes, module.error = False, error
    with pytest.raises(raised) as failure:
        MetaTraderAdapter(module, clock).login(CREDENTIALS)
    assert "secret-word" not in str(failure.value)


@pytest.mark.parametrize("other", [{"login": 8}, {"server": "Elsewhere"}])
def test_a_terminal_of_another_account_is_not_traded_on(
    module: HandMadeModule, clock: HandClock, other: dict[str, Any]
) -> None:
    module.account.update(other)
    with pytest.raises(BrokerUnreachable):
        MetaTraderAdapter(module, clock).login(CREDENTIALS)


def test_the_path_of_a_terminal_is_positional_and_none_is_left_out(module: HandMadeModule, clock: HandClock) -> None:
    MetaTraderAdapter(module, clock).login(CREDENTIALS, path="C:/mt5/terminal64.exe", timeout=1000, portable=None)
    assert module.started_with == {
        "args": ("C:/mt5/terminal64.exe",),
        "login": 7,
        "password": "secret-word",
        "server": "Hand-Made",
        "timeout": 1000,
    }


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        ((-10001, "IPC send failed"), OutcomeUnknown),
        ((-10002, "IPC recv failed"), OutcomeUnknown),
        ((-10005, "IPC timeout"), OutcomeUnknown),
        ((-1, "Terminal: Call failed"), OutcomeUnknown),
        ({"retcode": 10011}, OutcomeUnknown),
        ({"retcode": 10012}, OutcomeUnknown),
        (ConnectionResetError(), OutcomeUnknown),
        ((-10004, "No IPC connection"), TerminalUnavailable),
        ((-8, "Auto-Trading using Python API disabled in Terminal"), TerminalUnavailable),
        ((-2, 'Invalid "volume" argument'), InternalError),
        (SystemError("out of range"), InternalError),
    ],
)
def test_a_lost_answer_is_never_a_refusal_and_never_sent_again(
    adapter: MetaTraderAdapter, module: HandMadeModule, answer: Any, raised: type[Exception]
) -> None:
    module.answers = [answer]
    with pytest.raises(raised):
        adapter.place_order(BUY)
    assert len(module.sent) == 1
    assert adapter.settlements.take() == []


class DiesOfAnOrder(HandMadeModule):
    """Takes an order, and an hour later it is dead: nothing that was read before is fresh then."""

    def __init__(self, clock: HandClock) -> None:
        super().__init__()
        self._clock = clock

    def order_send(self, request: dict[str, Any], /) -> Any:
        self.sent.append(request)
        self._clock.ms += 3_601_000
        self.is_dead, self.error = True, (-10005, "IPC timeout")


@pytest.mark.parametrize("order_type", [OrderType.MARKET, OrderType.LIMIT, OrderType.STOP_LIMIT])
def test_a_terminal_that_dies_after_an_order_has_left_does_not_say_that_nothing_was_done(
    clock: HandClock, order_type: OrderType
) -> None:
    module = DiesOfAnOrder(clock)
    adapter = MetaTraderAdapter(module, clock)
    adapter.login(CREDENTIALS)
    with pytest.raises(OutcomeUnknown):
        adapter.place_order(NewOrder("EURUSD", Side.BUY, order_type, 0.1, price=1.0, stop_limit_price=0.9))
    assert len(module.sent) == 1


def test_a_refused_filling_mode_is_replaced_once(adapter: MetaTraderAdapter, module: HandMadeModule) -> None:
    module.answers = [{"retcode": 10030}, {"order": 3, "deal": 4, "price": 1.1001, "volume": 0.1}]
    assert adapter.place_order(BUY).success
    assert [request["type_filling"] for request in module.sent] == [0, 1]
    module.answers = [{"retcode": 10030}, {"retcode": 10030}]
    assert adapter.place_order(BUY).retcode == 10030
    assert module.answers == []


def test_a_requote_is_tried_twice_more_with_the_fresh_price(adapter: MetaTraderAdapter, module: HandMadeModule) -> None:
    module.symbol["trade_exemode"] = 1
    module.answers = [{"retcode": 10004}, {"retcode": 10020}, {"retcode": 10004}]
    result = adapter.place_order(BUY)
    assert (result.success, result.retcode) == (False, 10004)
    assert [request["price"] for request in module.sent] == [1.1001] * 3


def test_a_requote_under_market_execution_is_the_brokers_last_word(
    adapter: MetaTraderAdapter, module: HandMadeModule
) -> None:
    module.answers = [{"retcode": 10004}]
    assert adapter.place_order(BUY).retcode == 10004
    assert "price" not in module.sent[0]


def test_a_partial_fill_is_a_success_with_the_volume_filled(adapter: MetaTraderAdapter, module: HandMadeModule) -> None:
    module.answers = [{"retcode": 10010, "order": 3, "deal": 4, "price": 1.1001, "volume": 0.04}]
    result = adapter.place_order(BUY)
    assert (result.success, result.volume) == (True, 0.04)


def test_a_position_closed_meanwhile_is_not_found(adapter: MetaTraderAdapter, module: HandMadeModule) -> None:
    module.held = [POSITION]
    module.answers = [{"retcode": 10036}, {"retcode": 10036}]
    with pytest.raises(PositionNotFound):
        adapter.close_position(5)
    with pytest.raises(PositionNotFound):
        adapter.modify_position(PositionChange(5, tp=1.2))


def test_nothing_to_change_is_a_success_and_the_other_level_was_sent(
    adapter: MetaTraderAdapter, module: HandMadeModule
) -> None:
    module.held = [POSITION]
    module.answers = [{"retcode": 10025, "request_id": 0}]
    assert adapter.modify_position(PositionChange(5, tp=1.2)).success
    assert (module.sent[0]["sl"], module.sent[0]["tp"]) == (1.0, 1.2)


def test_a_symbol_without_a_tick_has_no_price_yet(adapter: MetaTraderAdapter, module: HandMadeModule) -> None:
    module.ticks = []
    with pytest.raises(PriceUnavailable) as failure:
        adapter.price("EURUSD")
    assert failure.value.retry_after_seconds == 1


def test_a_dead_terminal_is_unavailable_to_every_question(adapter: MetaTraderAdapter, module: HandMadeModule) -> None:
    module.is_dead = True
    for question in (adapter.account_info, adapter.positions, lambda: adapter.price("EURUSD")):
        with pytest.raises(TerminalUnavailable):
            question()


def test_noise_of_doubles_is_rounded_off(adapter: MetaTraderAdapter, module: HandMadeModule) -> None:
    module.ticks = [(0, 65380.340000000004, 1.5523099999999999, 0.0, 0, 1, 6, 0.0)]
    tick = adapter.price("EURUSD")
    assert (tick.bid, tick.ask) == (65380.34, 1.55231)


@pytest.mark.parametrize("failure", [(-2, "Invalid arguments"), (-10004, "No IPC connection"), OSError("pipe")])
def test_an_executed_order_is_never_denied_by_what_is_asked_afterwards(
    module: HandMadeModule, clock: HandClock, failure: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    module.account["margin_mode"] = 0
    adapter = MetaTraderAdapter(module, clock)
    adapter.login(CREDENTIALS)
    module.answers = [{"retcode": 10009, "order": 8, "deal": 9, "price": 1.1, "volume": 0.1}]

    def positions_get(**_: Any) -> None:
        if isinstance(failure, Exception):
            raise failure
        module.error = failure

    monkeypatch.setattr(module, "positions_get", positions_get)
    result = adapter.place_order(BUY)
    assert (result.success, result.ticket) == (True, 8)
