"""One run: both loads at once, the gateway watched, then the accounts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.child import BenchmarkFailed
from benchmarks.fuzzing.secrets_kept import Secrets
from benchmarks.fuzzing.subject import Growth, Reading, growth_of, read_log, read_process
from benchmarks.gateway import call
from benchmarks.soaking.accounting import Account, check_deals, check_events, check_orders, check_ticks, read_deals
from benchmarks.soaking.ground import Ground
from benchmarks.soaking.listeners import Heard, Listening
from benchmarks.soaking.minutes import Minutes
from benchmarks.soaking.orders import OrderBook, Trader
from benchmarks.soaking.plan import SoakPlan

_QUIET_SECONDS = 1.0
_LAST_TICKS_SECONDS = 2.0
_MOST_QUIET_SECONDS = 30.0
_WARM_MINUTES = 2.0
_OVERTIME_SECONDS = 120.0


@dataclass(slots=True)
class Soaked:
    """What came of a run. Processor shares are of one core."""

    plan: SoakPlan
    minutes: Minutes
    books: list[OrderBook] = field(default_factory=list)
    account: Account = field(default_factory=Account)
    readings: list[Reading] = field(default_factory=list)
    growth: Growth | None = None
    seconds: float = 0.0
    server_share: float | None = None
    client_share: float = 0.0
    data_bytes: int = 0

    @property
    def is_sound(self) -> bool:
        """Whether everything held."""
        return not self.account.counts


async def soak(ground: Ground, plan: SoakPlan, progress: Callable[[float, int], None]) -> Soaked:
    """Load the gateway for the plan's time. `progress` is told the seconds that passed and the orders sent."""
    minutes = Minutes()
    soaked = Soaked(plan, minutes)
    prices = [await Listening.join(ground.port, ground.watcher, mix, minutes) for mix in ground.subscriptions]
    events = [
        [await Listening.join(ground.port, account, (), minutes) for _ in range(plan.event_sockets_each)]
        for account in ground.traders
    ]
    traders = [Trader(ground.port, one, plan, number, minutes) for number, one in enumerate(ground.traders)]
    soaked.books = [one.book for one in traders]
    from_second = time.time_ns() // 10**9 + 2
    server_before, client_before, began = ground.child.cpu_seconds(), time.process_time(), time.monotonic()
    watching = asyncio.ensure_future(_watch(ground, soaked, began, progress))
    try:
        async with asyncio.timeout(plan.seconds + _OVERTIME_SECONDS), asyncio.TaskGroup() as tasks:
            for one in traders:
                tasks.create_task(one.run())
    except TimeoutError:
        soaked.account.add("answers", "the orders were not done long after their time")
    finally:
        watching.cancel()
    soaked.seconds = time.monotonic() - began
    server_after = ground.child.cpu_seconds()
    if server_before is not None and server_after is not None:
        soaked.server_share = (server_after - server_before) / soaked.seconds
    soaked.client_share = (time.process_time() - client_before) / soaked.seconds
    until_second = time.time_ns() // 10**9
    await _let_settle(events)
    for account_sockets, book in zip(events, soaked.books, strict=True):
        check_events([one.leave() for one in account_sockets], book, soaked.account)
    check_ticks(await _until(prices, until_second * 1_000), from_second, until_second, soaked.account)
    await asyncio.to_thread(_do_accounts, ground, soaked)
    return soaked


async def _watch(ground: Ground, soaked: Soaked, began: float, progress: Callable[[float, int], None]) -> None:
    plan = soaked.plan
    while True:
        passed = time.monotonic() - began
        reading = read_process(ground.child.pid, passed / max(plan.seconds, 1e-9))
        if reading is not None:
            soaked.readings.append(reading)
        progress(min(passed, plan.seconds), sum(book.sent for book in soaked.books))
        await asyncio.sleep(min(1.0, plan.seconds / 20))


async def _let_settle(sockets: list[list[Listening]]) -> None:
    """Wait until no event has come for a second: the last orders are told after their answers."""
    counted, waited = -1, 0.0
    while waited < _MOST_QUIET_SECONDS:
        now = sum(one.heard.events for account in sockets for one in account)
        if now == counted:
            return
        counted = now
        await asyncio.sleep(_QUIET_SECONDS)
        waited += _QUIET_SECONDS


async def _until(sockets: list[Listening], cutoff_ms: int) -> list[Heard]:
    """Leave the sockets once each had the time to hear all prices before the moment."""
    for one in sockets:
        one.cutoff_ms = cutoff_ms
    await asyncio.sleep(_LAST_TICKS_SECONDS)
    return [one.leave() for one in sockets]


def _do_accounts(ground: Ground, soaked: Soaked) -> None:
    result, plan = soaked.account, soaked.plan
    for account, book in zip(ground.traders, soaked.books, strict=True):
        check_orders(book, result)
        try:
            positions = call(
                ground.port, "GET", "/api/positions", account.key, headers={"X-Account-ID": account.account_id}
            )["positions"]
            check_deals(book, read_deals(ground.port, account), positions, result)
        except BenchmarkFailed as failed:
            result.add("deals", str(failed))
    soaked.data_bytes = sum(one.stat().st_size for one in ground.data.rglob("*") if one.is_file())
    minutes = plan.seconds / 60
    if minutes > _WARM_MINUTES:
        soaked.growth = growth_of(soaked.readings, after=_WARM_MINUTES / minutes)
        bound = memory_bound(soaked)
        if soaked.growth is not None and soaked.growth.slope_bytes / minutes > bound:
            result.add("memory", f"memory grows by {soaked.growth.slope_bytes / minutes / 2**20:.1f} MB a minute")
    for line in read_log(ground.log, Secrets()).bad_lines:
        result.add("log", line)


def memory_bound(soaked: Soaked) -> float:
    """Tell by how many bytes memory may grow in a minute with the orders that were sent."""
    orders = sum(book.sent for book in soaked.books)
    return soaked.plan.slope_bytes + soaked.plan.order_bytes * orders / max(soaked.seconds / 60, 1e-9)
