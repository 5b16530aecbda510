"""Market Watch: what is not in it has no ticks; names are exact; what is in use stays."""

from dataclasses import replace

import pytest

from reference_server.simulator import load_symbols
from reference_server.simulator.module import SimulatedMetaTrader5
from tests.simulator.conftest import Desk, open_desk

NOT_FOUND = (-4, "Terminal: Not found")


def terminal_watching(desk: Desk, *watched: str) -> SimulatedMetaTrader5:
    mt5 = SimulatedMetaTrader5(desk.broker, watched=watched)
    assert mt5.initialize(login=42, password="secret", server="TonpoSim-Demo")
    return mt5


def test_a_symbol_outside_has_a_specification_and_no_price(desk: Desk) -> None:
    mt5 = terminal_watching(desk, "GBPUSD")
    assert [info.name for info in mt5.symbols_get() if info.select] == ["GBPUSD"]
    assert mt5.symbols_total() == len(mt5.symbols_get()) > 1
    assert mt5.symbol_info_tick("EURUSD") is None
    assert mt5.last_error() == NOT_FOUND
    info, shown = mt5.symbol_info("EURUSD"), desk.mt5.symbol_info("EURUSD")
    assert (info.select, info.visible, info.time, info.bid, info.ask, info.session_open) == (False, False, 0, 0, 0, 0)
    assert [type(value) for value in info] == [type(value) for value in shown]
    assert (info.digits, info.volume_min, info.trade_contract_size) == (5, 0.01, 100_000.0)


def test_a_symbol_that_is_selected_has_ticks_and_none_once_it_is_taken_out(desk: Desk) -> None:
    mt5 = terminal_watching(desk)
    assert mt5.symbol_select("EURUSD", True) is True
    assert mt5.symbol_info_tick("EURUSD") == desk.mt5.symbol_info_tick("EURUSD")
    assert mt5.symbol_info("EURUSD") == desk.mt5.symbol_info("EURUSD")
    assert mt5.symbol_select("EURUSD", False) is True
    assert mt5.symbol_info_tick("EURUSD") is None
    assert desk.mt5.symbol_info_tick("EURUSD") is not None  # each terminal has a Market Watch of its own


def test_bars_need_no_selection(desk: Desk) -> None:
    assert len(terminal_watching(desk).copy_rates_from_pos("EURUSD", 1, 0, 5)) == 5


def test_what_is_watched_at_first_must_be_listed(desk: Desk) -> None:
    with pytest.raises(ValueError, match="no symbol EURusd, NOSUCH to watch"):
        SimulatedMetaTrader5(desk.broker, watched=("NOSUCH", "EURUSD", "EURusd"))


@pytest.mark.parametrize("suffixed", ["EURUSDm", "EURUSD.raw", "EURUSD#", "EURUSD.", "EURUSD_i", "_EURUSD"])
def test_names_are_exact_with_their_suffixes(suffixed: str) -> None:
    euro = load_symbols()[0]
    desk = open_desk(symbols=[replace(euro, name=suffixed)])
    mt5 = desk.mt5
    assert [info.name for info in mt5.symbols_get()] == [suffixed]
    assert mt5.symbol_select(suffixed) is True
    assert mt5.symbol_info_tick(suffixed).bid > 0
    assert desk.buy(symbol=suffixed).retcode == 10009
    for wrong in ("EURUSD", suffixed.swapcase(), suffixed + " ", suffixed[:-1]):
        assert mt5.symbol_select(wrong) is False
        assert mt5.last_error() == NOT_FOUND
        assert mt5.symbol_info(wrong) is mt5.symbol_info_tick(wrong) is mt5.copy_rates_from_pos(wrong, 1, 0, 1) is None
        assert desk.buy(symbol=wrong).retcode == 10013


def test_a_symbol_with_a_position_is_not_taken_out(desk: Desk) -> None:
    ticket = desk.buy().order
    assert desk.mt5.symbol_select("EURUSD", False) is False
    assert desk.mt5.symbol_info("EURUSD").select is True
    assert desk.mt5.symbol_select("GBPUSD", False) is True
    desk.sell(position=ticket)
    assert desk.mt5.symbol_select("EURUSD", False) is True
