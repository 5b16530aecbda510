"""Symbols and accounts with other rules than the default profile."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reference_server.simulator import AccountSettings, load_symbols
from tests.simulator.conftest import Desk, open_desk


def desk_with(**changes: Any) -> Desk:
    """A desk whose EURUSD is changed."""
    symbols = load_symbols()
    return open_desk(symbols=(replace(symbols[0], **changes), *symbols[1:]))


def test_instant_execution_requotes_beyond_the_deviation() -> None:
    desk = desk_with(execution_mode=1)
    refused = desk.buy(price=1.08550, deviation=2)
    assert (refused.retcode, refused.bid, refused.ask, refused.comment) == (10004, 1.08545, 1.08553, "Requote")
    assert desk.buy(price=1.08550, deviation=3).retcode == 10009
    assert desk.buy(price=1.08553, type_filling=2).retcode == 10009


def test_exchange_execution_takes_return() -> None:
    assert desk_with(execution_mode=3).buy(type_filling=2).retcode == 10009


def test_nothing_changes_within_the_freeze_level() -> None:
    desk = desk_with(freeze_level=10)
    ticket = desk.buy(sl=1.08540).order
    assert desk.mt5.order_send({"action": 6, "position": ticket, "sl": 1.08}).retcode == 10029
    assert desk.sell(position=ticket).retcode == 10029
    order = desk.pending(2, 1.08545).order
    assert desk.mt5.order_send({"action": 8, "order": order}).retcode == 10029
    desk.price("EURUSD", 1.09, 1.0901)
    assert desk.mt5.order_send({"action": 8, "order": order}).retcode == 10009
    assert desk.sell(position=ticket).retcode == 10009


@pytest.mark.parametrize(
    ("mode", "buys", "sells"), [(0, 10017, 10017), (1, 10009, 10042), (2, 10043, 10009), (3, 10044, 10044)]
)
def test_trade_modes(mode: int, buys: int, sells: int) -> None:
    desk = desk_with(trade_mode=mode)
    assert (desk.buy().retcode, desk.sell().retcode) == (buys, sells)


def test_a_long_only_symbol_can_be_closed() -> None:
    desk = desk_with(trade_mode=1)
    assert desk.sell(position=desk.buy().order).retcode == 10009


def test_order_modes() -> None:
    desk = desk_with(order_mode=1 | 16)
    assert desk.buy(sl=1.08).retcode == 10009
    assert desk.buy(tp=1.09).retcode == 10035
    assert desk.pending(2, 1.08).retcode == 10035


def test_volume_limit_counts_one_direction() -> None:
    desk = desk_with(volume_limit=0.3)
    assert desk.buy(0.2).retcode == 10009
    assert desk.pending(2, 1.08, volume=0.1).retcode == 10009
    assert desk.buy(0.01).retcode == 10034
    assert desk.sell(0.3).retcode == 10009


def test_active_orders_are_limited() -> None:
    desk = open_desk(settings=AccountSettings(limit_orders=1))
    assert desk.pending(2, 1.08).retcode == 10009
    assert desk.pending(2, 1.08).retcode == 10033


@pytest.mark.parametrize(
    ("changes", "margin"),
    [
        ({"margin_hedged": 0.0}, 0.0),
        ({"margin_hedged": 100_000.0}, 108.55),
        ({"margin_hedged": 50_000.0}, 54.27),
        ({"margin_hedged_use_leg": True}, 108.55),
    ],
)
def test_hedged_margin(changes: dict[str, Any], margin: float) -> None:
    desk = desk_with(**changes)
    desk.buy(0.1)
    desk.sell(0.1)
    assert desk.mt5.account_info().margin == pytest.approx(margin, abs=0.011)


def test_a_pending_order_without_money_is_rejected_when_it_triggers() -> None:
    desk = open_desk(settings=AccountSettings(deposit=150.0))
    placed = desk.pending(4, 1.09, volume=0.1)
    assert placed.retcode == 10009
    desk.buy(0.1)
    desk.price("EURUSD", 1.0899, 1.0901)
    assert desk.mt5.history_orders_get(ticket=placed.order)[0].state == desk.mt5.ORDER_STATE_REJECTED
    assert desk.mt5.positions_total() == 1


def test_stop_out_closes_the_most_losing_position_first() -> None:
    desk = open_desk(settings=AccountSettings(deposit=250.0))
    small, large = desk.buy(0.05).order, desk.buy(0.15).order
    desk.price("EURUSD", 1.07830, 1.07838)
    assert [position.ticket for position in desk.mt5.positions_get()] == [small]
    deal = desk.deals()[-1]
    assert (deal.position_id, deal.reason) == (large, desk.mt5.DEAL_REASON_SO)
    assert deal.comment.startswith("[so ")


def test_a_symbol_file_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "symbols.json"
    file.write_text('{"symbols": [{"name": "X", "sessions": {}, "colour": 1}]}')
    with pytest.raises(ValueError, match="symbol 'X'"):
        load_symbols(file)
