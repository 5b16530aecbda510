"""Prices become multiples of the tick, with no binary noise."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.terminals.adapter.quantise import price_to_tick

GRIDS = st.sampled_from([(1e-5, 5), (1e-3, 3), (0.01, 2), (0.25, 2), (0.5, 1), (5.0, 0), (0.1, 1)])


@pytest.mark.parametrize(
    ("price", "tick_size", "digits", "expected"),
    [
        (1.2440000000000002, 1e-5, 5, 1.244),
        (1.234567, 1e-5, 5, 1.23457),
        (5200.13, 0.25, 2, 5200.25),
        (17.0, 5.0, 0, 15.0),
        (1.5, 0.0, 0, 2.0),
        (-37.63, 0.01, 2, -37.63),
    ],
)
def test_a_price_goes_to_the_nearest_tick(price: float, tick_size: float, digits: int, expected: float) -> None:
    assert price_to_tick(price, tick_size=tick_size, digits=digits) == expected


@given(st.floats(-1e9, 1e9), GRIDS)
def test_the_result_is_a_tick_within_half_a_tick_and_stays_there(price: float, grid: tuple[float, int]) -> None:
    tick_size, digits = grid
    result = price_to_tick(price, tick_size=tick_size, digits=digits)
    tick = Decimal(repr(tick_size))
    assert Decimal(repr(result)) % tick == 0
    assert abs(Decimal(repr(result)) - Decimal(repr(price))) <= tick / 2
    assert price_to_tick(result, tick_size=tick_size, digits=digits) == result


@given(st.floats())
def test_no_number_of_the_wire_breaks_it(price: float) -> None:
    price_to_tick(price, tick_size=1e-5, digits=5)
