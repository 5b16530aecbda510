"""Lists of structured fields, as gateways write them in their limit headers."""

import pytest

from conformance.structured_fields import Member, members


def test_the_contracts_example_is_read() -> None:
    assert members('"default";r=57;t=31') == (Member("default", {"r": "57", "t": "31"}),)


def test_names_may_be_words_and_values_of_any_kind() -> None:
    read = members('burst;q=60;w=60;qu="a,b;r=9";pk=:cHM=:;x;y=?0 ,  "a\\"b"; r=1.5')
    assert read is not None
    first, second = read
    assert (first.name, first.count("q"), first.count("r"), first.parameters["x"]) == ("burst", 60, None, "?1")
    assert (second.name, second.count("r")) == ('a"b', None)


BROKEN = (None, "", "limit=60", '"open;r=1', '"a";r=', '"a";r=1,', '"a" "b"', '"a";R=1', "é;r=1")


@pytest.mark.parametrize("text", BROKEN)
def test_what_is_no_list_of_items_is_none(text: str | None) -> None:
    assert members(text) is None


@pytest.mark.parametrize(("value", "count"), [("0", 0), ("-1", None), ('"5"', None), ("1.5", None), ("?1", None)])
def test_counts_are_whole_numbers_of_0_or_more(value: str, count: int | None) -> None:
    assert Member("a", {"r": value}).count("r") == count
    assert Member("a", {"r": value}).count("t") is None
