"""Money and volumes without the noise of binary fractions."""

import math

from hypothesis import example, given
from hypothesis import strategies as st

from reference_server.simulator.book.money import FLOAT_NOISE, lots, rounded

SIGNS = st.sampled_from([1, -1])


@given(units=st.integers(0, 10**7), digits=st.integers(0, 4), sign=SIGNS)
@example(units=100, digits=2, sign=1)
def test_half_a_unit_of_money_is_rounded_away_from_zero(units: int, digits: int, sign: int) -> None:
    half = float(f"{units}5e-{digits + 1}")
    assert rounded(sign * half, digits) == sign * float(f"{units + 1}e-{digits}")


@given(units=st.integers(0, 10**7), digits=st.integers(0, 8), sign=SIGNS, noise=st.sampled_from([-1, 0, 1]))
def test_an_amount_with_noise_is_the_amount_that_was_meant(units: int, digits: int, sign: int, noise: int) -> None:
    meant = sign * float(f"{units}e-{digits}")
    noisy = math.nextafter(meant, noise * math.inf) if noise else meant
    assert rounded(noisy, digits) == meant
    assert lots(abs(noisy)) == abs(meant)


@given(amount=st.floats(allow_nan=False), digits=st.integers(0, 8))
@example(amount=-0.001, digits=2)
@example(amount=2.0**53, digits=8)
def test_any_amount_is_rounded_to_within_half_a_unit(amount: float, digits: int) -> None:
    told = rounded(amount, digits)
    assert told == amount or abs(told - amount) <= (0.5 + 1e-6) * 10.0**-digits + FLOAT_NOISE
    assert told == round(told, digits)
    assert math.copysign(1, told) == 1 or told < 0 or abs(amount) > 2.0**49, "no negative zero"


@given(volume=st.floats(allow_nan=False))
def test_any_volume_is_rounded_to_eight_digits(volume: float) -> None:
    told = lots(volume)
    assert told == round(volume, 8) or abs(told - round(volume, 8)) <= 1.000001e-8
