"""The records of the newest ticks, made once."""

from __future__ import annotations

from collections import deque

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reference_server.simulator.market.tail import TICKS, Tail, TickRow

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("tick"), st.integers(0, 700)),
        st.tuples(st.just("ask"), st.integers(0, 3)),
        st.tuples(st.just("clear"), st.just(0)),
    ),
    max_size=150,
)


def row(time_ms: int, number: int) -> TickRow:
    return (time_ms // 1000, float(number), float(number), 0.0, 0, time_ms, 6, 0.0)


@given(steps=STEPS)
def test_the_tail_is_always_what_the_newest_ticks_say(steps: list[tuple[str, int]]) -> None:
    tail, recent, now_ms = Tail(), deque[TickRow](maxlen=100), 1_000_000
    answers: list[tuple[np.ndarray, list[TickRow]]] = []
    for number, (step, value) in enumerate(steps):
        if step == "tick":
            now_ms += value
            recent.append(row(now_ms, number))
        elif step == "clear":
            recent.clear()
        else:
            from_ms = (now_ms // 1000 - value) * 1000
            if len(recent) == 100 and recent[0][5] >= from_ms:
                continue  # more than memory reaches is not asked of it
            wanted = [tick for tick in recent if tick[5] >= from_ms]
            answers.append((tail.since(recent, from_ms), wanted))
    for found, wanted in answers:
        assert found.dtype == TICKS
        assert found.tolist() == wanted
