"""How much one socket may say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reference_server.usecases.message_rate import MessageRate, Verdict

PAUSES = st.lists(st.floats(0, 2), max_size=200)


@given(per_second=st.integers(1, 100), pauses=PAUSES)
def test_no_stretch_of_time_serves_more_than_the_rate_and_its_burst(per_second: int, pauses: list[float]) -> None:
    rate, now, served = MessageRate(per_second, 0.0), 0.0, list[float]()
    for pause in pauses:
        now += pause
        if rate.judge(now) is Verdict.SERVED:
            served.append(now)
    for index, start in enumerate(served):
        for count, end in enumerate(served[index:], 1):
            assert count <= (end - start) * per_second + 2 * per_second + 1e-6


def test_a_client_within_the_rate_is_always_served() -> None:
    rate = MessageRate(50, 0.0)
    assert {rate.judge(number / 50) for number in range(10_000)} == {Verdict.SERVED}


def test_one_at_twice_the_rate_is_refused_half_and_never_cut_off() -> None:
    rate = MessageRate(50, 0.0)
    verdicts = [rate.judge(number / 100) for number in range(10_000)]
    assert verdicts.count(Verdict.CUT_OFF) == 0
    assert 4_900 <= verdicts.count(Verdict.REFUSED) <= 5_000


def test_one_that_goes_on_above_ten_times_the_rate_is_cut_off() -> None:
    rate = MessageRate(50, 0.0)
    assert Verdict.CUT_OFF not in [rate.judge(number / 499) for number in range(10_000)]
    rate = MessageRate(50, 0.0)
    verdicts = [rate.judge(number / 1_000) for number in range(2_500)]
    assert verdicts.index(Verdict.CUT_OFF) > 1_000
