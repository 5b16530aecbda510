"""Past prices that are there only in part at first."""

from collections.abc import Callable
from typing import Any

import pytest

from reference_server.simulator.faults import FirstRequestShort
from tests.simulator.conftest import Desk

REQUESTS: dict[str, Callable[[Any, str, int], Any]] = {
    "copy_rates_from_pos": lambda mt5, symbol, now: mt5.copy_rates_from_pos(symbol, 1, 0, 8),
    "copy_rates_from": lambda mt5, symbol, now: mt5.copy_rates_from(symbol, 1, now, 8),
    "copy_rates_range": lambda mt5, symbol, now: mt5.copy_rates_range(symbol, 1, now - 8 * 60 + 1, now),
    "copy_ticks_from": lambda mt5, symbol, now: mt5.copy_ticks_from(symbol, now - 8, 8, mt5.COPY_TICKS_ALL),
    "copy_ticks_range": lambda mt5, symbol, now: mt5.copy_ticks_range(symbol, now - 7, now, mt5.COPY_TICKS_ALL),
}


@pytest.fixture
def lively(desk: Desk) -> Desk:
    for number in range(1, 9):
        desk.clock.advance(seconds=1)
        for symbol in ("EURUSD", "GBPUSD"):
            desk.price(symbol, 1.2 + number / 1000, 1.3)
    return desk


@pytest.mark.parametrize("call", REQUESTS)
def test_the_first_request_is_answered_in_part_and_the_next_one_whole(lively: Desk, call: str) -> None:
    mt5, request = lively.mt5, REQUESTS[call]
    now = mt5.symbol_info_tick("EURUSD").time
    whole = request(mt5, "EURUSD", now)
    assert len(whole) == 8
    lively.broker.faults.add(FirstRequestShort(fraction=0.25, symbol="EURUSD"))
    assert request(mt5, "GBPUSD", now) is not None
    part = request(mt5, "EURUSD", now)
    assert part.tolist() == whole[6:].tolist()
    assert part.dtype.itemsize == 60
    assert not part.flags.writeable
    assert mt5.last_error() == (1, "Success")
    assert request(mt5, "EURUSD", now).tolist() == whole.tolist()
    assert not lively.broker.faults.is_armed


def test_what_is_not_there_stays_so(desk: Desk) -> None:
    desk.broker.faults.add(FirstRequestShort(times=0))
    assert desk.mt5.copy_rates_range("EURUSD", 1, 1, 2) is None
    assert len(desk.mt5.copy_ticks_from("EURUSD", 2**31 - 1, 5, desk.mt5.COPY_TICKS_ALL)) == 0
    assert len(desk.mt5.copy_rates_from_pos("EURUSD", 1, 0, 1)) == 1
    assert desk.buy().retcode == 10009
