"""The child's side of a probe: opens one terminal's module, asks it step by step, tells what it found.

`python -m reference_server.doctor.survey` reads an `inquiry.Request` as one line of JSON. Nothing is sent to the broker
but a login and a check, and what the survey changes in the terminal (a symbol shown in Market Watch) it changes back.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TextIO

import msgspec

from reference_server.doctor.inquiry import Login, Request
from reference_server.doctor.modules import OpenedModule, open_module
from reference_server.domain.errors import GatewayError
from reference_server.domain.trading import NewOrder, OrderType, Side
from reference_server.terminals.adapter import requests
from reference_server.terminals.adapter.constants import EXECUTION_MARKET
from reference_server.terminals.adapter.symbols import TradingRules, trading_rules
from reference_server.terminals.providers.simulator_state import SimulatorStateUnusable
from reference_server.terminals.providers.unusable import ProviderUnusable
from reference_server.usecases.ports import BrokerUnreachable

_LIQUID: Final = ("EURUSD", "GBPUSD", "USDJPY", "XAUUSD", "BTCUSD")
_TERMINAL_FIELDS: Final = ("connected", "trade_allowed", "tradeapi_disabled", "build", "maxbars", "ping_last", "path")
_ACCOUNT_FIELDS: Final = (
    "login", "server", "currency", "leverage", "trade_mode", "margin_mode", "trade_allowed", "trade_expert",
    "fifo_close",
)  # fmt: skip
_LOOKED_AT: Final = 200
"""How many symbols are looked through for a liquid one: across a bridge each is a round trip."""
_POLL_SECONDS: Final = 0.05
_LONGEST_REASON: Final = 300


class Stopped(Exception):
    """A step failed and was told."""


class Telling:
    """Tells the parent of each step, a line of JSON at its beginning and one at its end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def say(self, **told: Any) -> None:
        """Write one line."""
        self._stream.write(json.dumps(told) + "\n")
        self._stream.flush()

    @contextmanager
    def step(self, name: str) -> Iterator[dict[str, Any]]:
        """Tell of a step; the block fills in its facts. Raises Stopped when the block raises anything."""
        self.say(event="begin", step=name)
        began = time.monotonic()
        facts: dict[str, Any] = {}
        try:
            yield facts
        except Exception as error:
            self.say(event="failed", step=name, reason=_sentence(error))
            raise Stopped from error
        self.say(event="end", step=name, seconds=time.monotonic() - began, facts=facts)


def _sentence(error: Exception) -> str:
    """What went wrong; the kind of error is worth telling only where nobody wrote the text for an operator."""
    text = error.message if isinstance(error, GatewayError) else str(error)
    is_written = isinstance(error, (GatewayError, BrokerUnreachable, ProviderUnusable, SimulatorStateUnusable))
    return (text if is_written and text else f"{type(error).__name__}: {text}")[:_LONGEST_REASON]


def survey(request: Request, telling: Telling) -> None:
    """Carry out a request. Raises Stopped."""
    with telling.step("open") as facts:
        opened = open_module(request.source)
        facts.update(opened.facts)
    if request.login is not None:
        Session(opened, telling, request.watch_seconds).run(request.login)


class Session:
    """What is asked of a terminal once it is logged in."""

    def __init__(self, opened: OpenedModule, telling: Telling, watch_seconds: float) -> None:
        self._module = opened.module
        self._opened = opened
        self._telling = telling
        self._watch_seconds = watch_seconds

    def run(self, login: Login) -> None:
        """Ask step by step. Raises Stopped."""
        if not self._initialize(login):
            return
        try:
            if not self._account(login):
                return
            self._terminal()
            symbol = self._choose_symbol()
            if symbol is not None:
                self._symbol(symbol)
        finally:
            with self._telling.step("shutdown"):
                self._module.shutdown()

    def _initialize(self, account: Login) -> bool:
        with self._telling.step("initialize") as facts:
            facts["done"] = bool(
                self._module.initialize(
                    *self._opened.positional,
                    login=account.login,
                    password=account.password,
                    server=account.server,
                    **self._opened.keywords,
                )
            )
            facts["error"] = self._error()
        return bool(facts["done"])

    def _account(self, expected: Login) -> bool:
        with self._telling.step("account") as facts:
            facts.update(self._read(self._module.account_info(), _ACCOUNT_FIELDS))
        is_same_server = str(facts.get("server", "")).casefold() == expected.server.casefold()
        return facts.get("login") == expected.login and is_same_server

    def _terminal(self) -> None:
        with self._telling.step("terminal") as facts:
            facts.update(self._read(self._module.terminal_info(), _TERMINAL_FIELDS))

    def _choose_symbol(self) -> str | None:
        """List the symbols and choose one that is likely to have ticks."""
        with self._telling.step("symbols") as facts:
            records = self._module.symbols_get()
            facts["error"] = self._error()
            facts["count"] = 0 if not records else len(records)
            if not records:
                return None
            names = [str(record.name) for record in itertools.islice(records, _LOOKED_AT)]
            return next((name for liquid in _LIQUID for name in names if name.startswith(liquid)), names[0])

    def _symbol(self, name: str) -> None:
        was_shown = True
        try:
            with self._telling.step("symbol") as facts:
                facts["name"] = name
                was_shown = bool(self._module.symbol_info(name).select)
                if not self._module.symbol_select(name, True):
                    facts["error"] = self._error()
                    return
                info = self._module.symbol_info(name)
                rules = trading_rules(name, info)
                facts.update(
                    filling_mask=int(rules.filling_mask),
                    execution=int(rules.execution),
                    trade_mode=int(info.trade_mode),
                    volume_min=float(rules.volume_min),
                )
            self._tick(name)
            self._order_check(rules)
        finally:
            if not was_shown:
                with self._telling.step("hide symbol"):
                    self._module.symbol_select(name, False)

    def _tick(self, name: str) -> None:
        """Wait for a tick, and for the next one: only one that is seen to arrive tells the server's clock."""
        with self._telling.step("tick") as facts:
            until = time.monotonic() + self._watch_seconds
            first_ms: int | None = None
            while time.monotonic() < until:
                record = self._module.symbol_info_tick(name)
                now_ms = time.time_ns() // 1_000_000
                if record is not None and record.time_msc:
                    tick_ms = int(record.time_msc)
                    facts.update(time_ms=tick_ms, now_ms=now_ms, is_new=first_ms not in (None, tick_ms))
                    if facts["is_new"]:
                        break
                    first_ms = tick_ms
                time.sleep(_POLL_SECONDS)

    def _order_check(self, symbol: TradingRules) -> None:
        """Ask whether the smallest order would be taken; nothing is sent."""
        with self._telling.step("order_check") as facts:
            tick = self._module.symbol_info_tick(symbol.name)
            price = float(tick.ask) if tick is not None else 0.0
            order = NewOrder(symbol=symbol.name, side=Side.BUY, order_type=OrderType.MARKET, volume=symbol.volume_min)
            request = requests.market_order(
                order,
                symbol,
                filling=requests.market_fillings(symbol)[0],
                price=price if symbol.execution < EXECUTION_MARKET else None,
            )
            result = self._module.order_check(request)
            facts["error"] = self._error()
            if result is not None:
                facts.update(retcode=int(result.retcode), comment=str(result.comment), volume=float(symbol.volume_min))

    def _read(self, record: Any, names: tuple[str, ...]) -> dict[str, Any]:
        """Take fields of a record as plain values: below a bridge they are references to another process."""
        if record is None:
            return {"error": self._error()}
        return {name: getattr(record, name) for name in names}

    def _error(self) -> list[Any]:
        code, text = self._module.last_error()
        return [int(code), str(text)]


def main() -> None:
    """Read the request and answer it on what was standard output; prints of others go nowhere."""
    request = msgspec.json.decode(sys.stdin.buffer.readline(), type=Request)
    channel = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
    telling = Telling(channel)
    try:
        survey(request, telling)
    except Stopped:
        return
    telling.say(event="done")


if __name__ == "__main__":
    main()
