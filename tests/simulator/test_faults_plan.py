"""Which call suffers which fault, what the JSON form accepts, and that no fault means no cost."""

import gc
import json
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.simulator import ManualClock, ManualPrices, SimulatedBroker, SimulatedMetaTrader5
from reference_server.simulator.faults import (
    CALLS,
    KINDS,
    AnswerLost,
    Delay,
    Disconnect,
    Fail,
    Fault,
    FaultInvalid,
    PartialFill,
    PipeBreak,
    Refuse,
    fault_from_dict,
    fault_to_dict,
)
from reference_server.simulator.surface.constants import CONSTANTS
from tests.simulator.conftest import Desk

EXAMPLES: list[dict[str, Any]] = [
    {"kind": "refuse", "retcode": 10019},
    {"kind": "requote", "times": 2},
    {"kind": "fail", "call": "positions_get", "code": -1},
    {"kind": "delay", "ms": 200, "when": "after", "gil": True},
    {"kind": "hang", "call": "*"},
    {"kind": "partial_fill", "fraction": 0.5},
    {"kind": "answer_lost", "login": 42, "after": 3},
    {"kind": "timeout_executed"},
    {"kind": "timeout_not_executed"},
    {"kind": "placed_then_filled", "ms": 300},
    {"kind": "rewrite_comment", "keep": 16},
    {"kind": "pipe_break", "call": "symbol_info_tick"},
    {"kind": "disconnect", "ms": 5000},
    {"kind": "crash", "when": "after", "process": "client", "restart_ms": 100},
    {"kind": "late_visibility", "ms": 250, "what": ["positions", "deals"], "times": 0},
    {"kind": "first_request_short", "fraction": 0.25, "symbol": "EURUSD"},
]


def test_there_is_an_example_of_every_kind() -> None:
    assert [example["kind"] for example in EXAMPLES] == list(KINDS)


@pytest.mark.parametrize("form", EXAMPLES, ids=lambda form: form["kind"])
def test_the_json_form_is_read_and_written(form: dict[str, Any]) -> None:
    fault = fault_from_dict(json.loads(json.dumps(form)))
    written = fault_to_dict(fault)
    assert form.items() <= written.items()
    assert fault_from_dict(json.loads(json.dumps(written))) == fault


BAD: list[tuple[object, str, str]] = [
    ([], "", "a fault is an object"),
    ({}, "kind", "is missing; it is one of refuse, requote"),
    ({"kind": "refusal"}, "kind", "must be one of refuse, requote"),
    ({"kind": ["refuse"]}, "kind", "must be one of refuse"),
    ({"kind": "refuse"}, "retcode", '"retcode" of refuse is missing'),
    ({"kind": "refuse", "retcode": 10009}, "retcode", "a return code that refuses: one of 10004, 10006"),
    ({"kind": "refuse", "retcode": "10006"}, "retcode", "not '10006'"),
    ({"kind": "refuse", "retcode": [1]}, "retcode", r"not \[1\]"),
    ({"kind": "refuse", "retcode": 10006, "call": "positions_get"}, "call", 'must be order_send or "\\*"'),
    ({"kind": "requote", "retcode": 10004}, "retcode", "'retcode' is no key of requote; it takes kind, call, login"),
    ({"kind": "pipe_break", "call": "order_snd"}, "call", "a function that asks the terminal"),
    ({"kind": "pipe_break", "call": "last_error"}, "call", "a function that asks the terminal"),
    ({"kind": "pipe_break", "call": ["order_send"]}, "call", "a function that asks the terminal"),
    ({"kind": "pipe_break", "login": "42"}, "login", "a whole number from 1"),
    ({"kind": "pipe_break", "after": -1}, "after", "a whole number from 0"),
    ({"kind": "pipe_break", "times": True}, "times", "a whole number from 0"),
    ({"kind": "fail", "code": 1}, "code", "a code of last_error: one of -1, -2"),
    ({"kind": "fail", "code": -1, "text": 5}, "text", "a text"),
    ({"kind": "delay", "ms": 0}, "ms", "a whole number of milliseconds from 1 to 86400000"),
    ({"kind": "delay", "ms": 1.5}, "ms", "a whole number of milliseconds"),
    ({"kind": "delay", "ms": 5, "when": "during"}, "when", '"before" or "after"'),
    ({"kind": "delay", "ms": 5, "gil": 1}, "gil", "true or false"),
    ({"kind": "partial_fill", "fraction": 1}, "fraction", "above 0 and below 1"),
    ({"kind": "partial_fill", "fraction": "half"}, "fraction", "above 0 and below 1"),
    ({"kind": "crash", "process": "gateway"}, "process", '"terminal" or "client"'),
    ({"kind": "late_visibility", "ms": 5, "what": []}, "what", "a list of at least one of"),
    ({"kind": "late_visibility", "ms": 5, "what": "deals"}, "what", "a list of at least one of"),
    ({"kind": "late_visibility", "ms": 5, "what": ["ticks"]}, "what", '"positions", "orders", "history", "deals"'),
    ({"kind": "first_request_short", "call": "order_send"}, "call", "must be copy_rates_from, copy_rates_from_pos"),
    ({"kind": "first_request_short", "symbol": 5}, "symbol", "a text"),
    ({"kind": "rewrite_comment"}, "comment", "either"),
    ({"kind": "rewrite_comment", "comment": "a", "keep": 1}, "comment", "either"),
    ({"kind": "rewrite_comment", "comment": "x" * 30}, "comment", "at most 29 characters"),
    ({"kind": "rewrite_comment", "keep": 29}, "keep", "a whole number from 0 to 28"),
    ({"kind": "delay", "ms": 5, "milliseconds": 5}, "milliseconds", "is no key of delay"),
]


@pytest.mark.parametrize(("form", "key", "message"), BAD)
def test_a_mistake_is_named_with_what_would_do(form: object, key: str, message: str) -> None:
    with pytest.raises(FaultInvalid, match=message) as raised:
        fault_from_dict(form)
    assert raised.value.key == key


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


KEYS = sorted({each.name for kind in KINDS.values() for each in fields(kind)} | {"other"})


@given(
    kind=st.sampled_from(sorted(KINDS)),
    form=st.dictionaries(st.sampled_from(KEYS), json_values),
)
def test_no_json_value_makes_anything_but_a_fault_or_a_clear_refusal(kind: str, form: dict[str, Any]) -> None:
    with suppress(FaultInvalid):
        assert isinstance(fault_from_dict({"kind": kind, **form}), Fault)


def test_python_callers_get_the_same_checks() -> None:
    with pytest.raises(FaultInvalid, match="a return code that refuses"):
        Refuse(retcode=10009)


def test_the_calls_are_the_functions_of_the_module_that_ask_the_terminal() -> None:
    functions = {name for name in dir(SimulatedMetaTrader5) if not name.startswith("_") and name not in CONSTANTS}
    assert {name for name in functions if callable(getattr(SimulatedMetaTrader5, name))} - CALLS <= {
        "shutdown",
        "last_error",
        "Buy",
        "Sell",
        "Close",
    }


def retcodes(desk: Desk, count: int) -> list[int]:
    return [desk.buy().retcode for _ in range(count)]


def test_faults_of_one_kind_act_one_after_the_other(desk: Desk) -> None:
    desk.broker.faults.add(Refuse(retcode=10006))
    desk.broker.faults.add(Refuse(retcode=10019))
    assert retcodes(desk, 3) == [10006, 10019, 10009]


def test_a_fault_lets_calls_pass_and_then_acts_as_often_as_it_says(desk: Desk) -> None:
    desk.broker.faults.add(Refuse(retcode=10006, after=1, times=2))
    assert retcodes(desk, 4) == [10009, 10006, 10006, 10009]


def test_calls_that_another_fault_hit_count_as_passed(desk: Desk) -> None:
    desk.broker.faults.add(Refuse(retcode=10019, after=2))
    desk.broker.faults.add(Refuse(retcode=10006, times=2))
    assert retcodes(desk, 4) == [10006, 10006, 10019, 10009]


def test_a_fault_without_an_end_acts_until_it_is_cleared(desk: Desk) -> None:
    kept = desk.broker.faults.add(Refuse(retcode=10006, times=0))
    desk.broker.faults.add(Refuse(retcode=10019))
    assert retcodes(desk, 3) == [10006] * 3
    assert desk.broker.faults.clear(kept) == 1
    assert retcodes(desk, 2) == [10019, 10009]


def test_only_calls_that_reach_the_terminal_are_counted(desk: Desk) -> None:
    desk.broker.faults.add(Refuse(retcode=10006))
    assert desk.buy(comment="x" * 30) is None
    assert desk.mt5.last_error() == (-2, 'Invalid "comment" argument')
    desk.mt5.shutdown()
    assert desk.buy() is None
    assert desk.mt5.last_error()[0] == -10004
    assert desk.mt5.initialize()
    assert desk.buy().retcode == 10006


def test_wrong_keywords_are_a_type_error_as_without_faults(desk: Desk) -> None:
    desk.broker.faults.add(Fail(call="*", code=-1))
    with pytest.raises(TypeError, match="no keyword arguments"):
        desk.mt5.symbol_info(symbol="EURUSD")
    assert desk.mt5.symbol_info("EURUSD") is None


def test_requests_may_come_as_keywords(desk: Desk) -> None:
    desk.broker.faults.add(PartialFill(fraction=0.5))
    result = desk.mt5.order_send(action=1, type=0, symbol="EURUSD", volume=0.2)
    assert (result.retcode, result.volume, result.request.volume) == (10010, 0.1, 0.2)


def test_the_list_shows_what_waits_and_what_is_at_work(desk: Desk) -> None:
    faults = desk.broker.faults
    first = faults.add(Disconnect(ms=100))
    second = faults.add(Refuse(retcode=10006, after=3))
    desk.mt5.account_info()
    desk.buy()
    assert [(entry.id, entry.used, entry.skipped) for entry in faults.list()] == [(first, 1, 0), (second, 0, 1)]
    desk.clock.advance(milliseconds=100)
    assert [entry.id for entry in faults.list()] == [second]


def test_a_plan_takes_faults_only(desk: Desk) -> None:
    form: Any = {"kind": "requote"}
    with pytest.raises(TypeError, match="fault_from_dict"):
        desk.broker.faults.add(form)
    assert not desk.broker.faults.is_armed


def test_clearing_an_unknown_fault_is_a_key_error(desk: Desk) -> None:
    with pytest.raises(KeyError):
        desk.broker.faults.clear(7)
    assert desk.broker.faults.clear() == 0


def functions_in_front(mt5: SimulatedMetaTrader5) -> set[str]:
    return {name for name in vars(mt5) if name in CALLS or name in ("_connected", "_authorize")}


def test_without_faults_the_functions_are_the_plain_ones(desk: Desk) -> None:
    """Nothing stands in front of them: faults that are off cost nothing."""
    other = SimulatedMetaTrader5(desk.broker)
    assert functions_in_front(desk.mt5) == functions_in_front(other) == set()
    desk.broker.faults.add(Refuse(retcode=10006))
    later = SimulatedMetaTrader5(desk.broker)
    assert functions_in_front(desk.mt5) == functions_in_front(other) == functions_in_front(later) != set()
    assert desk.buy().retcode == 10006
    assert functions_in_front(desk.mt5) == functions_in_front(other) == functions_in_front(later) == set()


def test_a_function_kept_from_the_time_of_a_fault_works_afterwards(desk: Desk) -> None:
    desk.broker.faults.add(Refuse(retcode=10006))
    kept = desk.mt5.order_send
    request = {"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": 0}
    assert [kept(request).retcode for _ in range(2)] == [10006, 10009]
    desk.broker.faults.add(Refuse(retcode=10019))
    assert kept(request).retcode == 10019


def test_terminals_are_forgotten_with_their_last_user() -> None:
    broker = SimulatedBroker(clock=ManualClock(), prices=ManualPrices())
    broker.faults.add(Delay(ms=1, times=0, call="version"))
    for _ in range(3):
        SimulatedMetaTrader5(broker)
    broker.faults.clear()
    gc.collect()
    assert len(broker.faults._terminals) == 0


def test_two_terminals_of_an_account_break_one_by_one(desk: Desk) -> None:
    other = SimulatedMetaTrader5(desk.broker)
    assert other.initialize(login=42, password="secret", server="TonpoSim-Demo")
    desk.broker.faults.add(PipeBreak(call="account_info"))
    assert other.account_info() is None
    assert desk.mt5.account_info().login == 42
    desk.broker.faults.add(AnswerLost(call="account_info"))
    assert desk.mt5.account_info() is None


def test_the_page_of_the_faults_shows_every_kind_as_it_is() -> None:
    page = (Path(__file__).parents[2] / "docs" / "simulator_faults.md").read_text(encoding="utf-8")
    for name, kind in KINDS.items():
        row = next((line for line in page.splitlines() if line.startswith("| `{") and f'"kind": "{name}"' in line), "")
        assert row, f"{name} is not in the table"
        form = json.loads(row.split("`")[1])
        assert isinstance(fault_from_dict(form), kind)
