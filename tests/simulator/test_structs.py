"""Result types behave like the genuine ones."""

import copy
import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.simulator.surface.constants import CONSTANTS, FIELDS
from reference_server.simulator.surface.structs import STRUCTS, OrderSendResult, Struct, Tick, TradeRequest
from tests.simulator.conftest import Desk

VALUES = (1, 1.5, 1.6, 0.0, 0, 1000, 6, 0.0)


def test_a_struct_is_a_tuple_with_attributes() -> None:
    tick = Tick(VALUES)
    assert isinstance(tick, tuple)
    assert (tick.bid, tick[1], tick[:2], len(tick)) == (1.5, 1.5, (1, 1.5), 8)
    assert tick == VALUES
    assert json.dumps(tick) == json.dumps(VALUES)


def test_repr_names_every_field() -> None:
    expected = "Tick(time=1, bid=1.5, ask=1.6, last=0.0, volume=0, time_msc=1000, flags=6, volume_real=0.0)"
    assert repr(Tick(VALUES)) == expected


def test_asdict_is_shallow() -> None:
    request = TradeRequest([0] * 17)
    result = OrderSendResult([10009, *[0] * 9, request])
    assert result._asdict()["request"] is request
    assert list(result._asdict()) == list(FIELDS["OrderSendResult"])


@pytest.mark.parametrize("name", ["_fields", "_replace", "_make"])
def test_a_struct_is_no_named_tuple(name: str) -> None:
    assert not hasattr(Tick, name)


def test_a_struct_is_read_only() -> None:
    tick: Any = Tick(VALUES)
    with pytest.raises(AttributeError):
        tick.bid = 2.0
    with pytest.raises(AttributeError):
        tick.other = 2.0


def test_a_struct_takes_one_sequence_of_the_right_length() -> None:
    build: Any = Tick
    with pytest.raises(TypeError):
        build(*VALUES)
    with pytest.raises(TypeError):
        Tick(VALUES[:7])


def test_a_struct_is_copied_but_not_pickled() -> None:
    tick = Tick(VALUES)
    assert copy.copy(tick) == copy.deepcopy(tick) == tick
    with pytest.raises(pickle.PicklingError):
        pickle.dumps(tick)


def test_a_copy_is_another_one() -> None:
    tick = Tick(VALUES)
    assert copy.copy(tick) is not tick
    assert type(copy.deepcopy(tick)) is Tick


def test_the_types_are_sealed() -> None:
    with pytest.raises(TypeError, match="not an acceptable base type"):
        type("Mine", (Tick,), {})
    with pytest.raises(TypeError, match="immutable type 'Tick'"):
        Tick.more = 1  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="immutable type 'Tick'"):
        del Tick.bid  # type: ignore[attr-defined]
    assert Tick.__mro__ == (Tick, tuple, object)


def test_every_record_is_a_struct_and_no_tuple_is() -> None:
    assert isinstance(Tick(VALUES), Struct)
    assert all(issubclass(struct, Struct) for struct in STRUCTS)
    assert not isinstance(VALUES, Struct)


@given(st.lists(st.none() | st.integers() | st.floats(allow_nan=False) | st.text(), min_size=8, max_size=8))
def test_a_struct_has_the_values_that_it_was_built_from(values: list[Any]) -> None:
    tick = Tick(values)
    assert tick == tuple(values)
    assert [getattr(tick, name) for name in Tick.__match_args__] == values
    assert list(tick._asdict().values()) == values
    assert eval(repr(tick), {"Tick": lambda **fields: Tick(fields.values()), "inf": float("inf")}) == tick
    assert hash(tick) == hash(tuple(values))
    assert copy.copy(tick) == tick


def test_the_module_exports_every_constant_and_type(desk: Desk) -> None:
    assert len(CONSTANTS) == 223
    assert all(getattr(desk.mt5, name) == value for name, value in CONSTANTS.items())
    assert len(STRUCTS) == 11
    assert isinstance(desk.mt5.symbol_info_tick("EURUSD"), desk.mt5.Tick)
    for struct in STRUCTS:
        assert struct.n_fields == len(FIELDS[struct.__name__]) == len(struct.__match_args__)


def test_numbers_have_the_genuine_types(desk: Desk) -> None:
    info = desk.mt5.symbol_info("EURUSD")
    assert len(info) == 96
    assert all(type(info[index]) is float for index in range(31, 83))
    assert all(type(info[index]) is str for index in range(83, 96))
    assert all(type(info[index]) in (int, bool) for index in range(31))
    desk.buy()
    position = desk.mt5.positions_get()[0]
    assert [type(value) for value in position] == [int] * 9 + [float] * 7 + [str] * 3
