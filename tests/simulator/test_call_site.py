"""`order_send` refuses a request beside keywords, empty ones too, whoever hands them on."""

import asyncio
import contextvars
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import pytest

from reference_server.simulator.faults import Delay
from reference_server.simulator.stand_in.module import fill
from tests.simulator.conftest import Desk

ORDER = {"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": 0}
REFUSED = (-2, "Unnamed arguments not allowed")


def forward(function: Callable[..., Any], *args: Any, **keywords: Any) -> Any:
    return function(*args, **keywords)


class Decorated:
    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        return self.function(*args, **keywords)


def retrying(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **keywords: Any) -> Any:
        return next(function(*args, **keywords) for _ in range(3))

    return wrapper


def pooled(function: Callable[..., Any], *args: Any) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *args).result()


def in_executor(function: Callable[..., Any], *args: Any) -> Any:
    async def run() -> Any:
        return await asyncio.get_running_loop().run_in_executor(None, function, *args)

    return asyncio.run(run())


def sent(function: Callable[..., Any]) -> dict[str, Callable[[], Any]]:
    """Ways to call that work."""
    request = ORDER
    return {
        "directly": lambda: function(request),
        "unpacked": lambda: function(*[request]),
        "by keywords": lambda: function(**request),
        "keywords handed on": lambda: forward(function, **request),
        "a lambda handed on": lambda: forward(lambda: function(request)),
        "a partial": lambda: functools.partial(function, request)(),
        "a lambda in a pool": lambda: pooled(lambda: function(request)),
        "asyncio.to_thread": lambda: asyncio.run(asyncio.to_thread(function, request)),
        "in a context": lambda: contextvars.copy_context().run(function, request),
        "in a context handed on": lambda: forward(contextvars.copy_context().run, function, request),
        "mapped": lambda: next(map(function, [request])),
        "mapped and handed on": lambda: forward(next, map(function, [request])),
    }


def refused(function: Callable[..., Any]) -> dict[str, Callable[[], Any]]:
    """Ways to call that do not."""
    request, nothing = ORDER, dict[str, Any]()
    return {
        "no keywords": lambda: function(request, **nothing),
        "no keywords, unpacked": lambda: function(*(request,), **nothing),
        "handed on": lambda: forward(function, request),
        "handed on twice": lambda: forward(forward, function, request),
        "by an object": lambda: Decorated(function)(request),
        "in a generator": lambda: retrying(function)(request),
        "a partial handed on": lambda: forward(functools.partial(function, request)),
        "a partial without keywords": lambda: functools.partial(function, request)(**nothing),
        "in a pool": lambda: pooled(function, request),
        "a partial in a pool": lambda: pooled(functools.partial(function, request)),
        "in an executor": lambda: in_executor(function, request),
        "found at run time": lambda: [function, len][0](*[request], **nothing),
    }


def stand_in(desk: Desk) -> ModuleType:
    module = ModuleType("MetaTrader5")
    fill(module, desk.mt5)
    return module


@pytest.mark.parametrize("way", sent(len))
def test_ways_that_send(desk: Desk, way: str) -> None:
    assert sent(desk.mt5.order_send)[way]().retcode == 10009
    assert sent(stand_in(desk).order_send)[way]().retcode == 10009


@pytest.mark.parametrize("way", refused(len))
def test_ways_that_are_refused(desk: Desk, way: str) -> None:
    for module in (desk.mt5, stand_in(desk)):
        assert refused(module.order_send)[way]() is None
        assert module.last_error() == REFUSED
        assert refused(module.order_check)[way]() is None
        assert module.last_error() == REFUSED
    assert desk.mt5.positions_total() == 0


def test_faults_stand_in_nobodys_way(desk: Desk) -> None:
    desk.broker.faults.add(Delay(ms=1, call="login"))
    assert desk.mt5.order_send(ORDER).retcode == 10009
    assert forward(desk.mt5.order_send, ORDER) is None
    assert desk.mt5.last_error() == REFUSED
    assert pooled(desk.mt5.order_send, ORDER) is None
    assert asyncio.run(asyncio.to_thread(desk.mt5.order_send, ORDER)).retcode == 10009


def test_other_functions_do_not_mind(desk: Desk) -> None:
    assert forward(desk.mt5.positions_get) == ()
    assert forward(desk.mt5.symbol_info_tick, "EURUSD") is not None
    assert forward(desk.mt5.history_deals_get, 0, 2**31 - 1)
    assert forward(desk.mt5.initialize, "C:\\terminal64.exe") is True
