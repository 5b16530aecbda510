"""What the simulated terminal costs, beside baselines that do the same without a broker behind them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, Final

import numpy as np

from benchmarks.machine import resident_bytes
from reference_server.simulator import (
    GeneratedPrices,
    ManualClock,
    ManualPrices,
    SimulatedBroker,
    SimulatedMetaTrader5,
    SymbolProfile,
    load_symbols,
)
from reference_server.terminals.adapter.adapter import MetaTraderAdapter
from reference_server.terminals.polling.poller import Poller

YEAR_MINUTES: Final = 365 * 1440
POLLS_PER_SECOND: Final = 20
SYMBOLS: Final = 1000
TICKS_PER_SECOND: Final = 10
_MANY_BARS: Final = 1_000_000
_STEP_SECONDS: Final = 30
_SAMPLES: Final = 20
_SAMPLES_OF_MINUTE: Final = 4

Work = Callable[[], float]
"""Does some work and says how many units of it: orders, requests, seconds of the simulated world."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Processor time for one unit of work, in seconds: the simulator's and the baseline's, in the order of rounds."""

    ours: Sequence[float]
    theirs: Sequence[float]

    @property
    def middle(self) -> tuple[float, float]:
        """The medians of both."""
        return median(self.ours), median(self.theirs)

    @property
    def ratios(self) -> tuple[float, float, float]:
        """How many times the baseline's time the simulator takes: of the medians, the lowest and highest of a round."""
        ours, theirs = self.middle
        each = [one / other for one, other in zip(self.ours, self.theirs, strict=True)]
        return ours / theirs, min(each), max(each)


def measured(ours: Work, theirs: Work, rounds: int) -> Pair:
    """Do both in turn, after once of each that does not count."""
    ours()
    theirs()
    return Pair(*zip(*((_unit(ours), _unit(theirs)) for _ in range(rounds)), strict=True))


def _unit(work: Work) -> float:
    before = time.process_time()
    units = work()
    return (time.process_time() - before) / units


def measure_orders(rounds: int, count: int) -> Pair:
    """Market orders, bought and sold in turn on a netting account, beside a function that only builds the answer."""
    broker = SimulatedBroker(clock=ManualClock(), prices=ManualPrices())
    mt5 = SimulatedMetaTrader5(broker)
    mt5.initialize(login=1, password="secret", server="TonpoSim-Netting")
    requests = [{"action": 1, "symbol": "EURUSD", "volume": 0.01, "type": side, "deviation": 10} for side in (0, 1)]
    answer = tuple(mt5.order_send(requests[0]))
    mt5.order_send(requests[1])
    kind, request_kind = mt5.OrderSendResult, mt5.TradeRequest
    names = request_kind.__match_args__

    def bare(request: dict[str, Any]) -> Any:
        return kind((*answer[:-1], request_kind([request.get(name, 0) for name in names])))

    def sent(send: Callable[[dict[str, Any]], Any]) -> float:
        for number in range(count):
            if send(requests[number & 1]) is None:
                raise RuntimeError(f"an order was not sent: {mt5.last_error()}")
        return count

    return measured(lambda: sent(mt5.order_send), lambda: sent(bare), rounds)


def measure_year(rounds: int) -> Pair:
    """A year of minute bars, beside a random walk of as many minutes in the same array."""
    broker = SimulatedBroker(clock=ManualClock(), prices=GeneratedPrices(), max_bars=_MANY_BARS)
    mt5 = SimulatedMetaTrader5(broker)
    mt5.initialize()
    until = broker.market.now_ms // 1000
    random = np.random.default_rng(1)

    def year() -> float:
        bars = mt5.copy_rates_range("EURUSD", mt5.TIMEFRAME_M1, until - YEAR_MINUTES * 60, until)
        if not YEAR_MINUTES * 0.99 < len(bars) <= YEAR_MINUTES + 1:
            raise RuntimeError(f"a year has {YEAR_MINUTES} minutes, not {len(bars)}")
        return 1.0

    kind = mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_M1, 0, 1).dtype

    def bare() -> float:
        steps = random.standard_normal(YEAR_MINUTES * _SAMPLES_OF_MINUTE)
        prices = np.exp(np.cumsum(steps) * 1e-5).reshape(-1, _SAMPLES_OF_MINUTE)
        bars = np.zeros(YEAR_MINUTES, dtype=kind)
        bars["time"] = np.arange(YEAR_MINUTES) * 60
        bars["open"], bars["close"] = prices[:, 0], prices[:, -1]
        bars["high"], bars["low"] = prices.max(axis=1), prices.min(axis=1)
        bars["tick_volume"] = random.integers(1, 200, YEAR_MINUTES)
        return 1.0

    return measured(year, bare, rounds)


class SteppedClock(ManualClock):
    """A clock moved by hand, for the adapter too."""

    def monotonic(self) -> float:
        """Seconds from a fixed moment."""
        return self.now_ms() / 1000

    async def sleep(self, seconds: float) -> None:
        """Move on by so much."""
        self.advance(seconds=seconds)


def busy_symbols(count: int) -> list[SymbolProfile]:
    """Symbols that tick ten times a second, and the one that converts into the deposit currency."""
    euro = load_symbols()[0]
    interval_ms = 1000 // TICKS_PER_SECOND
    return [euro, *(replace(euro, name=f"BUSY{number}", tick_interval_ms=interval_ms) for number in range(count))]


def measure_poller(rounds: int, seconds: float) -> Pair:
    """The poller over many busy symbols, beside a loop that asks for each symbol's last tick as often.

    The unit is a second of the simulated world, so that the time for one is the share of a core.
    """
    clock = SteppedClock()
    symbols = busy_symbols(SYMBOLS)
    mt5 = SimulatedMetaTrader5(SimulatedBroker(clock=clock, prices=GeneratedPrices(), symbols=symbols))
    mt5.initialize()
    poller = Poller(MetaTraderAdapter(mt5, clock))
    poller.begin()
    names = [symbol.name for symbol in symbols[1:]]
    poller.watch(names, [])
    polls = max(round(seconds * POLLS_PER_SECOND), 1)
    step_ms = 1000 // POLLS_PER_SECOND

    def polled() -> float:
        told = 0
        for _ in range(polls):
            clock.advance(milliseconds=step_ms)
            told += len(poller.poll())
        if not told:
            raise RuntimeError("the poller told of nothing")
        return polls / POLLS_PER_SECOND

    still = SimulatedMetaTrader5(SimulatedBroker(clock=ManualClock(), prices=ManualPrices(), symbols=symbols))
    still.initialize()

    def asked() -> float:
        for _ in range(polls):
            for name in names:
                still.symbol_info_tick(name)
        return polls / POLLS_PER_SECOND

    return measured(polled, asked, rounds)


@dataclass(frozen=True, slots=True)
class Growth:
    """The memory of a process, in bytes: when all buffers were full, the most after that, and how many ticks came."""

    ticks: int
    before: int
    most: int
    seconds: float


def measure_memory(ticks: int) -> Growth | None:
    """Let many ticks come; None where the system does not tell a process's memory.

    Memory counts from the moment at which each symbol's buffer of ticks is full.
    """
    clock = ManualClock()
    symbols = [replace(symbol, tick_interval_ms=1000 // TICKS_PER_SECOND) for symbol in load_symbols()]
    broker = SimulatedBroker(clock=clock, prices=GeneratedPrices(), symbols=symbols)
    counted = 0

    def count(_: object) -> None:
        nonlocal counted
        counted += 1

    broker.market.on_tick = count
    quotes = broker.market.quotes.values()
    while any(len(quote.recent) < (quote.recent.maxlen or 0) for quote in quotes):
        clock.advance(seconds=_STEP_SECONDS)
        broker.advance()
    before = resident_bytes()
    if before is None:
        return None
    counted, most = 0, before
    began = time.process_time()
    sample = max(ticks // _SAMPLES, 1)
    while counted < ticks:
        aim = min(counted + sample, ticks)
        while counted < aim:
            clock.advance(seconds=_STEP_SECONDS)
            broker.advance()
        most = max(most, resident_bytes() or 0)
    return Growth(counted, before, most, time.process_time() - began)
