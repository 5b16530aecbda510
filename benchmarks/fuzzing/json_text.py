"""JSON as text that need not be valid: values, pieces of raw bytes, and objects with a name twice."""

from __future__ import annotations

import json
from dataclasses import dataclass
from random import Random
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes that stand where a value would, whatever they mean."""

    content: bytes


@dataclass(frozen=True, slots=True)
class Members:
    """An object as a list of its members, in which a name can stand twice."""

    pairs: tuple[tuple[str, Any], ...]


LITERALS: Final = tuple(
    Raw(text)
    for text in (
        *(
            b"NaN",
            b"Infinity",
            b"-Infinity",
            b"1e400",
            b"-1e400",
            b"1e-400",
            b"-0",
            b"-0.0",
            b"01",
            b"+1",
            b".5",
            b"1.",
        ),
        *(b"0x10", b"1_000", b"1e", b"9007199254740992", b"-9007199254740993", b"18446744073709551616", b"9" * 400),
        *(b"True", b"nul", b"undefined", b"'x'", b"", b",", b"{]", b'"open', b"/**/1", b"\xff", b"\xef\xbb\xbf1"),
    )
)
STRINGS: Final = tuple(
    Raw(text)
    for text in (
        *(b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u0000"', b'"a\x00b"', b'"a\nb"', b'"\xff\xfe"', b'"\xed\xa0\x80"'),
        *(
            b'"\xc0\x80"',
            b'"\\x41"',
            b'"\\"',
            '"\U0001f4b8"'.encode(),
            '"\u202egnp"'.encode(),
            b'"' + b"a" * 300 + b'"',
        ),
        *(b'"' + b"b" * 70_000 + b'"', b'"' + b"\\u0041" * 40 + b'"', b'""', b'" "', b'"%s%n{0}"', b'"\' OR 1=1 --"'),
    )
)
WRONG_TYPES: Final[tuple[Any, ...]] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    1.5,
    "",
    "1",
    "true",
    "null",
    [],
    [1],
    {},
    {"a": 1},
    [[]],
)


def render(value: Any, random: Random | None = None) -> bytes:
    """Write a value as JSON; with `random` names and spaces are sometimes written in another, equal way."""
    if isinstance(value, Raw):
        return value.content
    if isinstance(value, Members):
        return _object(value.pairs, random)
    if isinstance(value, dict):
        return _object(tuple(value.items()), random)
    if isinstance(value, list):
        return b"[" + b",".join(render(one, random) for one in value) + b"]"
    return json.dumps(value, ensure_ascii=random is not None and random.random() < 0.5).encode("utf-8", "surrogatepass")


def _object(pairs: tuple[tuple[str, Any], ...], random: Random | None) -> bytes:
    space = b" " if random is not None and random.random() < 0.3 else b""
    members = [_name(name, random) + b":" + space + render(value, random) for name, value in pairs]
    return b"{" + space + (b"," + space).join(members) + space + b"}"


def _name(name: str, random: Random | None) -> bytes:
    text = json.dumps(name).encode("ascii")
    if random is not None and name[:1].isalpha() and name.isascii() and random.random() < 0.03:
        text = b'"\\u%04x' % ord(name[0]) + text[2:]
    return text


def nested(depth: int, random: Random) -> Raw:
    """Make a value that nests so deep, of arrays, objects or arrays that never end."""
    opened, closed = random.choice(((b"[", b"]"), (b'{"a":', b"}"), (b"[", b"")))
    return Raw(opened * depth + (b"1" if opened != b"[" else b"") + closed * depth)
