"""Random calls are the same on both sides, and reach every function."""

import ast
import re
from collections import Counter

from reference_server.simulator.surface.constants import FUNCTIONS
from tests.parity.random_calls import ACCEPTED, random_calls


def test_a_seed_gives_the_same_calls() -> None:
    assert random_calls(1, 500) == random_calls(1, 500)
    assert random_calls(1, 500) != random_calls(2, 500)


def test_calls_are_different_python_expressions() -> None:
    calls = random_calls(3, 2_000)
    assert len(set(calls)) == 2_000
    for call in calls:
        ast.parse(call, mode="eval")


def test_every_function_is_called() -> None:
    assert set(ACCEPTED) == set(FUNCTIONS)
    called = Counter(re.findall(r"mt5\.([A-Za-z_0-9]+)", " ".join(random_calls(4, 2_000))))
    assert set(ACCEPTED) <= set(called)
