"""Calls that take long or do not return; only what the real waiter does is waited for by the clock on the wall."""

import time
from dataclasses import dataclass, field
from itertools import pairwise
from threading import Event, Thread
from typing import Any

import pytest

from reference_server.simulator import SimulatedMetaTrader5
from reference_server.simulator.faults import AnswerLost, Delay, Hang, RealWaiter, Refuse
from tests.simulator.conftest import Desk

WITHIN_SECONDS = 30.0


@dataclass
class DeskWaiter:
    """Passes time on the desk's clock, and tells when a hang begins."""

    desk: Desk
    waited: list[tuple[int, bool]] = field(default_factory=list)
    positions_meanwhile: list[int] = field(default_factory=list)
    hanging: Event = field(default_factory=Event)

    def delay(self, milliseconds: int, *, gil: bool) -> None:
        self.waited.append((milliseconds, gil))
        self.positions_meanwhile.append(len(self.desk.broker.accounts["TonpoSim-Demo", 42].positions))
        self.desk.clock.advance(milliseconds=milliseconds)

    def hang(self, cleared: Event, *, gil: bool) -> None:
        assert not gil
        self.hanging.set()
        assert cleared.wait(WITHIN_SECONDS)


@pytest.fixture
def waiter(desk: Desk) -> DeskWaiter:
    made = desk.broker.faults.waiter = DeskWaiter(desk)
    return made


def test_an_order_waits_before_it_is_carried_out(desk: Desk, waiter: DeskWaiter) -> None:
    desk.broker.faults.add(Delay(ms=250))
    before_ms = desk.broker.market.now_ms
    assert desk.buy().retcode == 10009
    assert (waiter.waited, waiter.positions_meanwhile) == ([(250, False)], [0])
    assert desk.mt5.positions_get()[0].time_msc == before_ms + 250


def test_an_answer_waits_after_the_order_was_carried_out(desk: Desk, waiter: DeskWaiter) -> None:
    desk.broker.faults.add(Delay(ms=250, when="after", gil=True))
    before_ms = desk.broker.market.now_ms
    assert desk.buy().retcode == 10009
    assert (waiter.waited, waiter.positions_meanwhile) == ([(250, True)], [1])
    assert desk.mt5.positions_get()[0].time_msc == before_ms


def test_a_delayed_call_may_also_be_refused_or_lost(desk: Desk, waiter: DeskWaiter) -> None:
    desk.broker.faults.add(Delay(ms=10, times=2))
    desk.broker.faults.add(Refuse(retcode=10018))
    desk.broker.faults.add(AnswerLost())
    assert desk.buy().retcode == 10018
    assert desk.buy() is None
    assert waiter.waited == [(10, False), (10, False)]


def test_every_read_is_slow_until_the_fault_is_cleared(desk: Desk, waiter: DeskWaiter) -> None:
    fault = desk.broker.faults.add(Delay(call="positions_get", ms=5, times=0))
    for _ in range(3):
        desk.mt5.positions_get()
    desk.mt5.orders_get()
    desk.broker.faults.clear(fault)
    desk.mt5.positions_get()
    assert len(waiter.waited) == 3


def in_a_thread(call: Any) -> tuple[Thread, list[Any]]:
    answers: list[Any] = []
    thread = Thread(target=lambda: answers.append(call()), daemon=True)
    thread.start()
    return thread, answers


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_hanging_order_goes_on_when_the_fault_is_cleared(desk: Desk, waiter: DeskWaiter, when: str) -> None:
    desk.broker.faults.add(Hang(when=when))
    thread, answers = in_a_thread(desk.buy)
    assert waiter.hanging.wait(WITHIN_SECONDS)
    other = SimulatedMetaTrader5(desk.broker)
    assert other.initialize(login=42, password="secret", server="TonpoSim-Demo"), "the broker must not be locked"
    assert len(other.positions_get()) == (when == "after")
    assert [entry.calls_under_way for entry in desk.broker.faults.list()] == [1]
    desk.broker.faults.clear()
    thread.join(WITHIN_SECONDS)
    assert [answer.retcode for answer in answers] == [10009]
    assert len(desk.mt5.positions_get()) == 1
    assert not desk.broker.faults.is_armed


def test_a_pipe_that_broke_meanwhile_ends_a_hanging_call(desk: Desk, waiter: DeskWaiter) -> None:
    desk.broker.faults.add(Hang(call="positions_get"))
    thread, answers = in_a_thread(desk.mt5.positions_get)
    assert waiter.hanging.wait(WITHIN_SECONDS)
    desk.mt5.shutdown()
    desk.broker.faults.clear()
    thread.join(WITHIN_SECONDS)
    assert answers == [None]


def longest_gap(call: Any) -> float:
    """The longest time for which another thread did not run during a call."""
    stamps: list[float] = []
    running, stop = Event(), Event()

    def tick() -> None:
        while not stop.is_set():
            stamps.append(time.perf_counter())
            running.set()

    thread = Thread(target=tick)
    thread.start()
    assert running.wait(WITHIN_SECONDS)
    call()
    stop.set()
    thread.join(WITHIN_SECONDS)
    stamps.append(time.perf_counter())
    return max(after - before for before, after in pairwise(stamps))


def test_the_real_waiter_stops_every_thread_when_asked_to_keep_the_lock(desk: Desk) -> None:
    """The one thing that cannot be shown without real time: a twentieth of a second."""
    assert isinstance(desk.broker.faults.waiter, RealWaiter)
    desk.broker.faults.add(Delay(ms=50, gil=True))
    assert longest_gap(desk.buy) >= 0.049


def test_the_real_waiter_lets_other_threads_run_otherwise(desk: Desk) -> None:
    desk.broker.faults.add(Delay(ms=50))
    ran: list[int] = []
    done = Event()

    def count() -> None:
        while not done.is_set():
            ran.append(1)

    thread = Thread(target=count)
    thread.start()
    started, before = time.perf_counter(), len(ran)
    assert desk.buy().retcode == 10009
    after = len(ran)
    assert time.perf_counter() - started >= 0.049
    done.set()
    thread.join(WITHIN_SECONDS)
    assert after > before


def test_a_hang_by_the_real_waiter_ends_with_the_fault(desk: Desk) -> None:
    desk.broker.faults.add(Hang())
    thread, answers = in_a_thread(desk.buy)
    while not any(entry.calls_under_way for entry in desk.broker.faults.list()):
        thread.join(0.001)
    assert desk.broker.faults.clear() == 1
    thread.join(WITHIN_SECONDS)
    assert answers[0].retcode == 10009
