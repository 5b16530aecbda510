"""Prices as they are told: rounded to the symbol's digits, whatever noise a double carries."""

from __future__ import annotations

import math

from hypothesis import example, given
from hypothesis import strategies as st

from reference_server.terminals.adapter import shapes


@given(
    units=st.integers(-(10**14), 10**14),
    digits=st.integers(0, 8),
    noise=st.sampled_from([0, -2, -1, 1, 2]),
)
@example(units=108_512, digits=5, noise=1)
@example(units=-3_763, digits=2, noise=-1)
@example(units=10**14, digits=0, noise=2)
def test_a_price_with_noise_is_told_as_the_price_that_was_meant(units: int, digits: int, noise: int) -> None:
    meant = float(f"{units}e-{digits}")
    noisy = meant
    for _ in range(abs(noise)):
        noisy = math.nextafter(noisy, math.copysign(math.inf, noise))
    tick = shapes.tick("X", noisy, noisy, noisy, 0, 0, digits=digits)
    assert (tick.bid, tick.ask, tick.last) == (meant, meant, meant)


@given(price=st.floats(allow_nan=False), digits=st.integers(0, 8))
def test_any_price_is_told_to_within_half_a_unit_of_its_last_digit(price: float, digits: int) -> None:
    told = shapes.tick("X", price, price, price, 0, 0, digits=digits).bid
    assert told == round(price, digits) or abs(told - round(price, digits)) <= 1.000001 * 10.0**-digits
