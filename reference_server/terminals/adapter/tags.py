"""The mark that a trade carries, so that it is found again when its answer was lost.

MetaTrader 5 has no client order id. A trade may carry a 64-bit `magic`, which no broker alters, and a comment of 29
characters, which some brokers shorten or replace. A tag therefore travels in `magic` unless the client wants one of its
own, else at the end of the comment while there is room, else nowhere. Readers never see it: `client_magic` and
`client_comment` take it off again.
"""

from __future__ import annotations

import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Final

import msgspec

COMMENT_UNITS: Final = 29
"""Longest comment, in UTF-16 units: the package refuses a longer one as an argument error."""

_BYTES: Final = 6
_MAGIC_PREFIX: Final = 0x746F << 48
"""The letters "to": far above 2^53, the largest magic that a client can send in JSON."""
_MARK: Final = "~^"
_TAG_UNITS: Final = len(_MARK) + 8
_IN_COMMENT: Final = re.compile(r"~\^(?:[A-Za-z0-9_-]{8}|[A-Za-z0-9_-]{0,7}$)")
"""A whole tag anywhere (brokers append words of their own), or one that was cut off at the end."""


class Tag(msgspec.Struct, frozen=True):
    """48 random bits, one tag for each request to trade; `value` is what is stored with the request."""

    value: int

    @classmethod
    def new(cls, entropy: Callable[[int], bytes] = secrets.token_bytes) -> Tag:
        """Draw a tag."""
        return cls(int.from_bytes(entropy(_BYTES), "big"))

    @property
    def magic(self) -> int:
        """The tag as a magic number, below 2^63."""
        return _MAGIC_PREFIX | self.value

    @property
    def text(self) -> str:
        """The tag as the end of a comment: ten ASCII characters."""
        return _MARK + urlsafe_b64encode(self.value.to_bytes(_BYTES, "big")).decode("ascii")

    def is_on(self, magic: int, comment: str) -> bool:
        """Whether an order, deal or position with these carries the tag."""
        return magic == self.magic or self.text in comment


def safe_comment(text: str) -> str:
    """Drop control characters and lone surrogates, and cut to what the package accepts."""
    if text.isascii() and text.isprintable():
        return text[:COMMENT_UNITS]
    printable = "".join(character for character in text if character.isprintable())
    units = printable.encode("utf-16-le", "ignore")[: COMMENT_UNITS * 2]
    return units.decode("utf-16-le", "ignore")


def carry(tag: Tag | None, magic: int, comment: str) -> tuple[int, str]:
    """Give magic and comment of a request for a client's own: with the tag in one of them, or in none."""
    comment = safe_comment(comment)
    if tag is None:
        return magic, comment
    if not magic:
        return tag.magic, comment
    if _units(comment) + _TAG_UNITS <= COMMENT_UNITS:
        return magic, comment + tag.text
    return magic, comment


def is_tag(magic: int) -> bool:
    """Whether a magic number is a tag of some request of this gateway."""
    return magic >> 48 == _MAGIC_PREFIX >> 48


def has_tag(magic: int, comment: str) -> bool:
    """Whether some request of this gateway is written on an order, deal or position with these."""
    return is_tag(magic) or (magic != 0 and _IN_COMMENT.search(comment) is not None)


def client_magic(magic: int) -> int:
    """The magic number that the client gave: 0 where there is a tag."""
    return 0 if is_tag(magic) else magic


def client_comment(magic: int, comment: str) -> str:
    """The comment that the client gave. Only beside a magic of the client's own can it hold a tag."""
    return comment if magic == 0 or is_tag(magic) else _IN_COMMENT.sub("", comment)


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2
