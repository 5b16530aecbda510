"""Runs one case against a module of the shape of `MetaTrader5` and says what came of it, in JSON.

Standard library and numpy only: this file also runs on a Windows Python under Wine, beside the genuine package.
"""

import ast
import asyncio
import collections
import concurrent.futures
import copy
import enum
import functools
import inspect
import json
import math
import pickle
import re
import sys
import threading
import types
import weakref
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Any

import numpy as np


class Level(enum.IntEnum):
    """An IntEnum, as typed wrappers of the package define them."""

    ZERO = 0
    ONE = 1


class Colour(enum.Enum):
    """An enumeration that is no int."""

    RED = 1


class Ratio(float):
    """A float subclass."""


class Name(str):
    """A str subclass."""

    __slots__ = ()


class Whole(int):
    """An int subclass."""


class Table(dict[Any, Any]):
    """A dict subclass."""


class Indexed:
    """Something that is an int only through `__index__`."""

    def __index__(self) -> int:
        return 1


class Floated:
    """Something that is a float only through `__float__`."""

    def __float__(self) -> float:
        return 1.0


class Falsy:
    """Something whose truth cannot be asked."""

    def __bool__(self) -> bool:
        raise ValueError("no truth")


def forward(function: Callable[..., Any], *args: Any, **keywords: Any) -> Any:
    """A wrapper that hands on whatever it was given, as decorators do."""
    return function(*args, **keywords)


def in_thread(function: Callable[..., Any], *args: Any) -> Any:
    """What a thread pool makes of a call."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *args).result()


def in_loop(make: Callable[[asyncio.AbstractEventLoop], Any]) -> Any:
    """The result of an awaitable made inside a running event loop."""

    async def run() -> Any:
        return await make(asyncio.get_running_loop())

    return asyncio.run(run())


def thread_target(function: Callable[..., Any], *args: Any) -> Any:
    """Run as the target of a thread; the result is lost, `last_error` is not."""
    usual = threading.excepthook
    threading.excepthook = lambda _: None
    try:
        thread = threading.Thread(target=function, args=args)
        thread.start()
        thread.join()
    finally:
        threading.excepthook = usual


NAMES: dict[str, Any] = {
    "asyncio": asyncio, "collections": collections, "concurrent": concurrent, "copy": copy, "date": date,
    "datetime": datetime, "functools": functools, "inspect": inspect, "json": json, "math": math, "np": np,
    "pickle": pickle, "sys": sys, "threading": threading, "timedelta": timedelta, "timezone": timezone,
    "types": types, "weakref": weakref,
    "Level": Level, "Colour": Colour, "Ratio": Ratio, "Name": Name, "Whole": Whole, "Table": Table,
    "Indexed": Indexed, "Floated": Floated, "Falsy": Falsy,
    "forward": forward, "in_thread": in_thread, "in_loop": in_loop, "thread_target": thread_target,
}  # fmt: skip
"""What a case may mention besides `mt5`."""


def _evaluate(module: Any, source: str) -> Any:
    """Run the statements; the value is that of the last one, which is an expression."""
    names = {**NAMES, "mt5": module}
    tree = ast.parse(source)
    last = tree.body.pop()
    assert isinstance(last, ast.Expr), source
    exec(compile(tree, "<case>", "exec"), names)
    return eval(compile(ast.Expression(last.value), "<case>", "eval"), names)


def _shown(text: str) -> str:
    """Without the addresses of objects, which differ from run to run."""
    return re.sub("0x[0-9A-Fa-f]+", "0x", text)


def _error(error: BaseException) -> list[str]:
    return [type(error).__name__, _shown(str(error))]


def outcome(module: Any, source: str) -> dict[str, Any]:
    """Value or exception, and `last_error` afterwards; that is absent where the case left it as it was: -5."""
    module.symbols_total()
    before = module.last_error()
    found: dict[str, Any]
    try:
        value = _evaluate(module, source)
    except Exception as error:
        found = {"raises": _error(error)}
        if error.__cause__ is not None:
            found["cause"] = _error(error.__cause__)
    else:
        kind = "type" if isinstance(value, type) else type(value).__name__
        found = {"type": kind, "value": _shown(repr(value))}
    after = module.last_error()
    if after != before:
        found["last_error"] = list(after)
    return found
