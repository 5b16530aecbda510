"""No step of the wall clock makes the journal forget a key before its time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reference_server.domain.requests import TradeRecord
from reference_server.domain.trading import NewOrder, OrderResult, OrderType, Side, TradeMark
from reference_server.storage.journal import KEPT_MS, SqlJournal
from reference_server.storage.journal_schema import open_journal_file

HOUR = 3600.0
DAY = 24 * HOUR
ORDER = NewOrder("EURUSD", Side.BUY, OrderType.MARKET, 0.1)
DONE = OrderResult(7, True, 10009, price=1.1, volume=0.1, order=7)


@dataclass
class TwoClocks:
    """A wall clock that is set now and then, and a clock that is not."""

    passed: float = 0.0
    wall: float = 1_700_000_000.0

    def now_ms(self) -> int:
        return int(self.wall * 1000)

    def monotonic(self) -> float:
        return self.passed

    async def sleep(self, seconds: float) -> None:
        self.wait(seconds)

    def wait(self, seconds: float) -> None:
        self.passed += seconds
        self.wall += seconds


async def done(journal: SqlJournal, clock: TwoClocks, key: str) -> None:
    record = TradeRecord("usr_1", "acc_1", "placeOrder", ORDER, TradeMark(1, clock.now_ms()), key=key)
    claim = await journal.claim(record, daily_limit=None)
    assert claim.is_new
    journal.settle(claim.record.answered(DONE))
    await asyncio.sleep(0)


@pytest.mark.parametrize("step", [HOUR, -HOUR, DAY, -DAY, 30 * DAY])
async def test_a_key_is_kept_for_its_day_whatever_step_the_clock_makes(tmp_path: Path, step: float) -> None:
    clock = TwoClocks()
    file = open_journal_file(tmp_path, is_durable=False)
    journal = SqlJournal(file, clock)
    await done(journal, clock, "before")
    clock.wall += step
    await done(journal, clock, "after")
    for _ in range(23):
        clock.wait(HOUR)
        await done(journal, clock, f"{clock.passed}")  # each lets the journal drop what is over
        for key in ("before", "after"):
            assert journal.by_key("usr_1", key) is not None
    clock.wait(abs(step) + 2 * HOUR)
    assert journal.by_key("usr_1", "before") is None
    clock.wait(abs(step))
    assert journal.by_key("usr_1", "after") is None
    await file.close()


@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("wait"), st.floats(0, 12 * HOUR)),
            st.tuples(st.just("set"), st.floats(-40 * HOUR, 40 * HOUR)),
            st.tuples(st.just("order"), st.just(0.0)),
        ),
        max_size=25,
    )
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_key_is_forgotten_before_its_time_whatever_is_done_to_the_clock(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, float]]
) -> None:
    async def run() -> None:
        clock = TwoClocks()
        file = open_journal_file(tmp_path_factory.mktemp("journal"), is_durable=False)
        journal = SqlJournal(file, clock)
        born: dict[str, float] = {}
        for number, (what, value) in enumerate(steps):
            if what == "wait":
                clock.wait(value)
            elif what == "set":
                clock.wall = max(10 * DAY, clock.wall + value)
            else:
                await done(journal, clock, f"{number}")
                born[f"{number}"] = clock.passed
            for key, moment in born.items():
                if clock.passed - moment < KEPT_MS / 1000 - 1:
                    assert journal.by_key("usr_1", key) is not None
        await file.close()

    asyncio.run(run())
