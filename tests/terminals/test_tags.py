"""A tag travels in the magic number or the comment, survives what brokers do to it, and is never seen by a client."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.terminals.adapter.tags import Tag, carry, client_comment, client_magic, has_tag, safe_comment

TAGS = st.builds(Tag, st.integers(0, 2**48 - 1))
MAGICS = st.integers(0, 2**53)
COMMENTS = st.text(max_size=40)


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@given(TAGS, MAGICS, COMMENTS)
def test_what_is_carried_fits_and_the_client_gets_back_its_own(tag: Tag, magic: int, comment: str) -> None:
    carried_magic, carried_comment = carry(tag, magic, comment)
    assert 0 <= carried_magic < 2**63
    assert units(carried_comment) <= 29
    assert client_magic(carried_magic) == magic
    assert client_comment(carried_magic, carried_comment) == safe_comment(comment)


@given(TAGS, MAGICS, COMMENTS)
def test_a_tag_is_found_where_it_had_room(tag: Tag, magic: int, comment: str) -> None:
    carried = carry(tag, magic, comment)
    had_room = magic == 0 or units(safe_comment(comment)) <= 19
    assert tag.is_on(*carried) is had_room
    assert has_tag(*carried) is had_room


@given(TAGS, TAGS, MAGICS, COMMENTS)
def test_a_tag_is_not_taken_for_another(tag: Tag, other: Tag, magic: int, comment: str) -> None:
    assert other.is_on(*carry(tag, magic, comment)) is (other == tag and tag.is_on(*carry(tag, magic, comment)))


@given(TAGS, st.integers(1, 2**53), st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=19))
def test_a_tag_that_the_broker_cut_off_is_not_shown(tag: Tag, magic: int, comment: str) -> None:
    carried_magic, carried_comment = carry(tag, magic, comment)
    for kept in range(len(comment) + 2, len(carried_comment) + 1):
        assert client_comment(carried_magic, carried_comment[:kept]) == comment


@given(COMMENTS)
def test_without_a_tag_nothing_is_added(comment: str) -> None:
    assert carry(None, 7, comment) == (7, safe_comment(comment))


def test_tags_are_drawn_from_forty_eight_bits() -> None:
    assert Tag.new(lambda count: b"\xff" * count) == Tag(2**48 - 1)
    assert Tag.new() != Tag.new()
    assert Tag(0).text == "~^AAAAAAAA"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a" * 30, "a" * 29),
        ("\U0001f600" * 15, "\U0001f600" * 14),
        ("my\x00 bot\n", "my bot"),
        ("a\ud800b", "ab"),
        ("ж" * 29, "ж" * 29),
    ],
)
def test_a_comment_is_cut_to_twenty_nine_units_of_utf_16(text: str, kept: str) -> None:
    assert safe_comment(text) == kept
