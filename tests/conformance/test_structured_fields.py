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


@pytest.mark.parametrize(
    "text", [None, "", "limit=60", '"open;r=1', '"a";r=', '"a";r=1,', '"a" "b"', '"a";R=1', "é;r=1"]
)
def test_what_is_no_list_of_items_is_none(text: str | None) -> None:
    assert members(text) is None


@pytest.mark.parametrize(
    ("text", "count"), [("r=0", 0), ("r=-1", None), ('r="5"', None), ("r=1.5", None), ("t=5", None)]
)
def test_counts_are_whole_numbers_of_0_or_more(text: str, count: int | None) -> None:
    name, _, value = text.partition("=")
    assert Member("a", {name: value}).count("r") == count
