"""Names are well-formed ULIDs that sort by age."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.domain.ids import ALPHABET, MAX_TIME_MS, new_account_id, new_user_id, ulid

times = st.integers(0, MAX_TIME_MS)
randomness = st.binary(min_size=10, max_size=10)


def decode(text: str) -> tuple[int, bytes]:
    value = 0
    for character in text:
        value = value * 32 + ALPHABET.index(character)
    return value >> 80, (value & (1 << 80) - 1).to_bytes(10, "big")


@given(times, randomness)
def test_ulid_holds_its_time_and_randomness(now_ms: int, random_bytes: bytes) -> None:
    text = ulid(now_ms, random_bytes)
    assert len(text) == 26
    assert decode(text) == (now_ms, random_bytes)


@given(times, times, randomness, randomness)
def test_older_names_sort_first(one: int, other: int, a: bytes, b: bytes) -> None:
    if one < other:
        assert ulid(one, a) < ulid(other, b)


def test_names_say_what_they_name() -> None:
    assert new_user_id(0, bytes(10)) == "usr_" + "0" * 26
    assert new_account_id(MAX_TIME_MS, b"\xff" * 10) == "acc_7" + "z" * 25


@pytest.mark.parametrize(("now_ms", "random_bytes"), [(-1, bytes(10)), (MAX_TIME_MS + 1, bytes(10)), (0, bytes(9))])
def test_what_a_ulid_cannot_hold_is_refused(now_ms: int, random_bytes: bytes) -> None:
    with pytest.raises(ValueError, match="ULID"):
        ulid(now_ms, random_bytes)
