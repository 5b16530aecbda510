from hypothesis import given
from hypothesis import strategies as st

from conformance.pacing import RESERVE, Pacer


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@given(st.integers(min_value=RESERVE + 1, max_value=30), st.lists(st.floats(0, 30), min_size=1, max_size=120))
def test_a_paced_client_never_exceeds_the_limit_in_any_minute(per_minute: int, pauses: list[float]) -> None:
    clock = Clock()
    pacer = Pacer(clock, per_minute)
    sent: list[float] = []
    for pause in pauses:
        clock.now += pause + pacer.wait_seconds()
        clock.now += pacer.wait_seconds()
        sent.append(clock.now)
        pacer.count()
    for moment in sent:
        assert sum(moment - 60 < other <= moment for other in sent) <= per_minute


def test_without_a_limit_nothing_waits() -> None:
    pacer = Pacer(Clock(), None)
    for _ in range(1000):
        pacer.count()
    assert pacer.wait_seconds() == 0


def test_a_hold_is_obeyed_whatever_the_limit() -> None:
    clock = Clock()
    pacer = Pacer(clock, None)
    pacer.hold(17)
    assert (pacer.wait_seconds(), pacer.free) == (17, 0)
    clock.now += 17
    assert pacer.wait_seconds() == 0
