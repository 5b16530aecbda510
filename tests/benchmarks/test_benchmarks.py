from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from benchmarks import bare
from benchmarks.load import percentiles
from benchmarks.measures import Reading, Series, rate_ratio
from benchmarks.serving import Rounds
from benchmarks.stamps import age_us, stamped_bid
from benchmarks.stream import mixes
from spec.documents import load_openapi

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("work", ["price", "order", "overhead", "stream"])
def test_each_benchmark_measures_and_prints_its_row(work: str) -> None:
    """Says nothing of speed: an answer that is wrong or missing ends the command with exit code 1."""
    command = [sys.executable, "-m", "benchmarks", "--rounds", "1", "--seconds", "0.05", "--no-peer", "--only", work]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr + done.stdout
    expected = {
        "price": "GET /api/symbols/EURUSD",
        "order": "POST /api/orders",
        "overhead": "order, 200/s",
        "stream": "tick to 100 sockets",
    }
    assert expected[work] in done.stdout
    assert "bare" in done.stdout


async def test_the_bare_baseline_answers_all_that_the_contract_has_of_a_price() -> None:
    answer = await bare.price(Request({"type": "http", "path_params": {"symbol": "EURUSD"}}))
    properties = load_openapi()["components"]["schemas"]["SymbolPrice"]["properties"]
    assert json.loads(bytes(answer.body)).keys() == properties.keys()


def test_the_benchmark_of_the_simulator_measures_and_prints_its_rows() -> None:
    command = [sys.executable, "-m", "benchmarks", "simulator", "--rounds", "1", "--seconds", "0.05", "--ticks", "1000"]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr + done.stdout
    for row in ("order_send", "a year of M1 bars", "through the poller", "memory, 1,000 ticks"):
        assert row in done.stdout


@given(st.integers(0, 8), st.integers(0, 2**62), st.integers(0, 800_000_000))
def test_a_stamped_price_tells_its_age(digits: int, made_ns: int, age_ns_thousandth: int) -> None:
    bid = stamped_bid(digits, made_ns)
    assert bid > 0
    assert abs(age_us(bid, digits, made_ns + age_ns_thousandth * 1000) - age_ns_thousandth) <= 1


def test_every_symbol_gets_its_tick_in_turn() -> None:
    rounds = Rounds(["a", "b", "c"], 2)
    assert [rounds.next() for _ in range(3)] == [["a", "b"], ["c", "a"], ["b", "c"]]


def test_sockets_subscribe_different_mixes_of_distinct_symbols() -> None:
    found = mixes([f"S{number}" for number in range(15)], 100)
    assert {len(mix) for mix in found} == set(range(1, 10))
    assert all(len(set(mix)) == len(mix) for mix in found)
    assert len({tuple(mix) for mix in found}) > 40


def test_percentiles_of_nothing_are_zero_and_of_one_are_it() -> None:
    assert percentiles([]) == {"p50_ms": 0.0, "p99_ms": 0.0}
    assert percentiles([2_000_000]) == {"p50_ms": 2.0, "p99_ms": 2.0}


def test_a_ratio_is_of_medians_and_shows_the_extremes_of_the_rounds() -> None:
    def series(*rates: float) -> Series:
        return Series("one", [Reading(rate, None, 0, 0) for rate in rates])

    ratio = rate_ratio(series(10, 20, 60), series(10, 10, 20))
    assert (ratio.value, ratio.lowest, ratio.highest) == (2.0, 1.0, 3.0)
