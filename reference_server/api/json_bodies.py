"""Strict JSON: UTF-8 only, no NaN or Infinity, no duplicate names, no trailing data, bounded depth.

`orjson` refuses most of it by itself; duplicate names and depth are settled by counting bytes first, so that an
ordinary body never pays for a second parse.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from reference_server.domain.errors import MalformedJson


def load(content: bytes, max_depth: int) -> Any:
    """Return the one JSON value that the bytes hold. Raises MalformedJson with what is wrong and where."""
    opened = content.count(b"[") + content.count(b"{")
    if opened > max_depth and _is_too_deep(content, max_depth):
        raise MalformedJson(f"The body is not acceptable JSON: it nests deeper than {max_depth} levels.")
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise MalformedJson(_explain(content, error)) from None
    # A colon stands after every name; only colons inside strings can make the count larger.
    names = len(value) if opened == 1 and type(value) is dict else _names(value)
    if content.count(b":") != names:
        _refuse_duplicates(content)
    return value


def _names(value: Any) -> int:
    if type(value) is dict:
        return len(value) + sum(_names(one) for one in value.values() if type(one) in (dict, list))
    if type(value) is list:
        return sum(_names(one) for one in value)
    return 0


def _is_too_deep(content: bytes, max_depth: int) -> bool:
    depth = 0
    in_string = escaped = False
    for byte in content:
        if in_string:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                in_string = False
        elif byte == 0x22:
            in_string = True
        elif byte in b"[{":
            depth += 1
            if depth > max_depth:
                return True
        elif byte in b"]}":
            depth -= 1
    return False


def _refuse_duplicates(content: bytes) -> None:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        seen = dict(pairs)
        if len(seen) != len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise MalformedJson(f"The body is not acceptable JSON: the name {twice[:64]!r} appears more than once.")
        return seen

    json.loads(content, object_pairs_hook=unique, parse_int=str, parse_float=str)


def _explain(content: bytes, error: orjson.JSONDecodeError) -> str:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as wrong:
        return f"The body is not valid JSON: byte {wrong.start} is not UTF-8."
    return f"The body is not valid JSON: {error.msg} (line {error.lineno}, column {error.colno})."
