"""Builders: a gateway clock moved by hand, a simulated provider, and a hand-made module for what no broker does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import numpy as np

from reference_server.domain.account import Mt5Credentials
from reference_server.domain.events import TerminalEvent
from reference_server.simulator import ManualPrices, SimulatedBroker
from reference_server.simulator.faults.parsing import fault_from_dict
from reference_server.terminals.providers.simulated import SimulatedTerminals
from reference_server.terminals.workers.inline import InlineTerminal

E = TypeVar("E")
MONDAY_MS = 1_717_408_800_000
"""Monday 3 June 2024, 10:00 UTC."""


class HandClock:
    """The Clock port, moved by hand."""

    def __init__(self, now_ms: int = MONDAY_MS) -> None:
        self.ms = now_ms

    def now_ms(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return self.ms / 1000

    async def sleep(self, seconds: float) -> None:
        self.ms += round(seconds * 1000)
        await asyncio.sleep(0)


@dataclass
class Heard:
    """What a listener was told, to be waited for."""

    events: list[TerminalEvent] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self, event: TerminalEvent) -> None:
        self.events.append(event)
        self._news.set()

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    async def first(self, kind: type[E], wanted: Callable[[E], bool] = lambda _: True) -> E:
        """Wait for the first event of this kind that is wanted."""
        async with asyncio.timeout(10):
            while True:
                for event in self.of(kind):
                    if wanted(event):
                        return event
                self._news.clear()
                await self._news.wait()


class Desk:
    """A provider under test, with the hands of its broker: what a contract test may do besides calling the port."""

    def __init__(self, state_directory: Path | None = None) -> None:
        self.clock = HandClock()
        self.broker = SimulatedBroker(clock=self.clock, prices=ManualPrices())
        self.terminals = SimulatedTerminals(
            self.clock, broker=self.broker, poll_interval_seconds=0.002, state_directory=state_directory
        )
        self.heard = Heard()

    async def open(self, login: str = "1234", password: str = "secret", server: str = "Sim-Demo") -> InlineTerminal:
        return await self.terminals.open("acc_1", Mt5Credentials(login, password, server), self.heard)

    def price(self, symbol: str, bid: float, ask: float) -> None:
        self.broker.set_price(symbol, bid, ask)

    def fault(self, fault: Mapping[str, Any]) -> None:
        self.broker.faults.add(fault_from_dict(dict(fault)))

    def pass_time(self, seconds: float) -> None:
        self.clock.ms += round(seconds * 1000)


TICKS = np.dtype(
    [
        ("time", "<i8"),
        ("bid", "<f8"),
        ("ask", "<f8"),
        ("last", "<f8"),
        ("volume", "<u8"),
        ("time_msc", "<i8"),
        ("flags", "<u4"),
        ("volume_real", "<f8"),
    ]
)


class HandMadeModule:
    """A module of the package's shape with one symbol, whose `order_send` answers what a test puts in `answers`."""

    def __init__(self, **symbol: Any) -> None:
        self.symbol = {
            "name": "EURUSD",
            "select": True,
            "digits": 5,
            "point": 1e-5,
            "trade_tick_size": 1e-5,
            "trade_exemode": 2,
            "filling_mode": 3,
            "expiration_mode": 15,
            "trade_tick_value": 1.0,
            "trade_contract_size": 100_000.0,
            "currency_base": "EUR",
            "currency_profit": "USD",
            "currency_margin": "EUR",
            "volume_min": 0.01,
            "volume_max": 100.0,
            "volume_step": 0.01,
            "trade_stops_level": 0,
            **symbol,
        }
        self.account = {
            "login": 7,
            "server": "Hand-Made",
            "name": "Hand",
            "currency": "USD",
            "currency_digits": 2,
            "leverage": 100,
            "balance": 1000.0,
            "credit": 0.0,
            "equity": 1000.0,
            "profit": 0.0,
            "margin": 0.0,
            "margin_free": 1000.0,
            "margin_level": 0.0,
            "margin_mode": 2,
            "trade_mode": 0,
            "trade_allowed": True,
            "trade_expert": True,
        }
        self.terminal = {"trade_allowed": True, "tradeapi_disabled": False}
        self.error = (1, "Success")
        self.initializes = True
        self.started_with: dict[str, Any] = {}
        self.sent: list[dict[str, Any]] = []
        self.answers: list[Any] = []
        self.checked: list[dict[str, Any]] = []
        self.verdicts: list[dict[str, Any]] = []
        self.ticks: list[tuple[Any, ...]] = [
            (MONDAY_MS // 1000, 1.1, 1.1001, 0.0, 0, MONDAY_MS + 3 * 3_600_000, 6, 0.0)
        ]
        self.held: list[Any] = []
        self.pending: list[Any] = []
        self.deals: list[Any] = []
        self.past_orders: list[Any] = []
        self.connected = True
        self.is_dead = False

    def _alive(self, answer: Any) -> Any:
        if self.is_dead:
            self.error = (-10004, "No IPC connection")
            return None
        return answer

    def initialize(self, *args: Any, **kwargs: Any) -> bool:
        self.started_with = {"args": args, **kwargs}
        return self.initializes

    def shutdown(self) -> bool:
        return True

    def last_error(self) -> tuple[int, str]:
        return self.error

    def account_info(self) -> Any:
        return self._alive(SimpleNamespace(**self.account))

    def terminal_info(self) -> Any:
        return self._alive(SimpleNamespace(connected=self.connected, **self.terminal))

    def symbols_get(self, *args: Any, **kwargs: Any) -> Any:
        return self._alive((SimpleNamespace(**self.symbol),))

    def symbol_info(self, symbol: str, /) -> Any:
        if symbol == self.symbol["name"]:
            return self._alive(SimpleNamespace(**self.symbol))
        self.error = (-4, "Terminal: Not found")
        return self._alive(None)

    def symbol_info_tick(self, symbol: str, /) -> Any:
        return self._alive(TickRecord(self.ticks[-1]) if self.ticks else TickRecord((0, 0.0, 0.0, 0.0, 0, 0, 0, 0.0)))

    def symbol_select(self, symbol: str, enable: bool = True, /) -> bool:
        return True

    def copy_rates_from_pos(self, symbol: str, timeframe: int, start: int, count: int, /) -> Any:
        self.error = (-1, "Terminal: Call failed")

    def copy_rates_from(self, symbol: str, timeframe: int, date_from: int, count: int, /) -> Any:
        self.error = (-1, "Terminal: Call failed")

    def copy_ticks_from(self, symbol: str, date_from: int, count: int, flags: int, /) -> Any:
        found = [row for row in self.ticks if row[5] >= date_from * 1000][:count]
        return np.array(found, dtype=TICKS)

    def orders_get(self, **kwargs: Any) -> Any:
        return self._alive(tuple(self.pending))

    def positions_get(self, **kwargs: Any) -> Any:
        return self._alive(tuple(p for p in self.held if kwargs.get("ticket") in (None, p.ticket)))

    def history_orders_get(self, *args: Any, **kwargs: Any) -> Any:
        return self._alive(tuple(order for order in self.past_orders if order.ticket == kwargs.get("ticket")))

    def history_orders_total(self, date_from: int, date_to: int, /) -> Any:
        return self._alive(len([order for order in self.past_orders if date_from <= order.time_done <= date_to]))

    def history_deals_total(self, date_from: int, date_to: int, /) -> Any:
        return self._alive(len([deal for deal in self.deals if date_from <= deal.time <= date_to]))

    def history_deals_get(self, *args: Any, **kwargs: Any) -> Any:
        if "ticket" in kwargs:
            return self._alive(tuple(deal for deal in self.deals if deal.ticket == kwargs["ticket"]))
        if "position" in kwargs:
            return self._alive(tuple(deal for deal in self.deals if deal.position_id == kwargs["position"]))
        return self._alive(tuple(deal for deal in self.deals if args[0] <= deal.time <= args[1]))

    def order_check(self, request: dict[str, Any], /) -> Any:
        self.checked.append(request)
        return self._alive(
            SimpleNamespace(
                **{
                    "retcode": 0,
                    "balance": 1000.0,
                    "equity": 1000.0,
                    "margin": 110.0,
                    "margin_free": 890.0,
                    "margin_level": 909.0909,
                    **(self.verdicts.pop(0) if self.verdicts else {}),
                }
            )
        )

    def order_send(self, request: dict[str, Any], /) -> Any:
        self.sent.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, tuple):
            self.error = answer
            return None
        return SimpleNamespace(
            **{
                "retcode": 10009,
                "deal": 0,
                "order": 0,
                "volume": 0.0,
                "price": 0.0,
                "request_id": 5,
                "request": SimpleNamespace(**request),
                **answer,
            }
        )


class TickRecord(tuple[Any, ...]):
    """A tick as the package gives it: a tuple with names."""

    __slots__ = ()
    bid = property(lambda self: self[1])
    ask = property(lambda self: self[2])
    last = property(lambda self: self[3])
    volume = property(lambda self: self[4])
    time_msc = property(lambda self: self[5])
