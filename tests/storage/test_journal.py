"""The journal on a real file: what is kept, for how long, and what survives which end of the process."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from reference_server.clock import SystemClock
from reference_server.domain.errors import DailyTradeLimitExceeded, StorageUnavailable
from reference_server.domain.requests import Claim, Outcome, TradeRecord
from reference_server.domain.trading import (
    NewOrder,
    OrderCancellation,
    OrderChange,
    OrderResult,
    OrderType,
    PositionChange,
    PositionClose,
    Side,
    TradeMark,
    TradeRequest,
)
from reference_server.storage import journal_file
from reference_server.storage.journal import KEPT_MS, SqlJournal
from reference_server.storage.journal_file import JournalFile, JournalUnusable
from reference_server.storage.journal_schema import JOURNAL_FILE, open_journal_file
from reference_server.storage.stream_positions import SqlStreamPositions
from tests.storage.conftest import HandClock

ORDER = NewOrder("EURUSD", Side.BUY, OrderType.MARKET, 0.1, sl=1.08, comment="é", magic=7)
DONE = OrderResult(7, True, 10009, price=1.1, volume=0.1, order=7, deal=8)
REFUSED = OrderResult(0, False, 10019, error="No money")
REQUESTS: tuple[TradeRequest, ...] = (
    ORDER,
    replace(ORDER, order_type=OrderType.STOP_LIMIT, price=1.2, stop_limit_price=1.1, expiration_ms=1_700_000_000_000),
    PositionClose(5),
    PositionClose(5, 0.05),
    PositionChange(5, sl=None),
    PositionChange(5, tp=1.2),
    OrderChange(6, price=1.3, expiration_ms=None),
    OrderCancellation(6),
)


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[JournalFile]:
    opened = open_journal_file(tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
def journal(file: JournalFile, clock: HandClock) -> SqlJournal:
    return SqlJournal(file, clock)


@pytest.fixture
def record(clock: HandClock) -> Callable[..., TradeRecord]:
    def make(request: TradeRequest = ORDER, **fields: object) -> TradeRecord:
        made = TradeRecord("usr_1", "acc_1", "placeOrder", request, TradeMark(2**47 + 5, clock.now_ms()))
        return replace(made, **fields)

    return make


async def claimed(journal: SqlJournal, record: TradeRecord, daily_limit: int | None = None) -> TradeRecord:
    claim = await journal.claim(record, daily_limit=daily_limit)
    assert claim.is_new
    return claim.record


@pytest.mark.parametrize("request_", REQUESTS, ids=repr)
async def test_what_is_written_down_is_read_again_as_it_was(
    journal: SqlJournal, record: Callable[..., TradeRecord], request_: TradeRequest
) -> None:
    written = await claimed(journal, record(request_, key="k", fingerprint=b"f"))
    assert written.number > 0
    assert journal.by_key("usr_1", "k") == written
    assert journal.open_requests() == [written]
    settled = written.answered(DONE)
    journal.settle(settled)
    assert journal.by_key("usr_1", "k") == settled, "also before it is on disk"
    await asyncio.sleep(0)
    assert journal.by_key("usr_1", "k") == settled
    assert journal.open_requests() == []


async def test_a_key_is_claimed_once_also_when_asked_for_at_once(
    journal: SqlJournal, record: Callable[..., TradeRecord]
) -> None:
    claims = await asyncio.gather(*(journal.claim(record(key="k"), daily_limit=None) for _ in range(10)))
    assert [claim.is_new for claim in claims] == [True] + [False] * 9
    assert len({claim.record.number for claim in claims}) == 1
    assert (await journal.claim(replace(record(key="k"), user_id="usr_2"), daily_limit=None)).is_new


async def test_a_request_that_was_not_sent_leaves_its_key_to_the_same_request_only(
    journal: SqlJournal, record: Callable[..., TradeRecord]
) -> None:
    first = await claimed(journal, record(key="k", fingerprint=b"f"))
    journal.settle(first.settled(Outcome.NOT_SENT))
    other = await journal.claim(record(key="k", fingerprint=b"g"), daily_limit=None)
    assert (other.is_new, other.record.outcome) == (False, Outcome.NOT_SENT)
    again = await claimed(journal, record(key="k", fingerprint=b"f"))
    assert journal.by_key("usr_1", "k") == again


async def test_repetitions_of_what_was_not_sent_are_one_request_also_where_that_is_not_written_yet(
    tmp_path: Path, journal: SqlJournal, record: Callable[..., TradeRecord]
) -> None:
    first = await claimed(journal, record(key="k"))
    with closing(sqlite3.connect(tmp_path / JOURNAL_FILE, isolation_level=None)) as intruder:
        intruder.execute("BEGIN IMMEDIATE")
        journal.settle(first.settled(Outcome.NOT_SENT))
        with pytest.raises(StorageUnavailable, match="locked"):
            await journal.claim(record(key="other"), daily_limit=None)
        intruder.execute("ROLLBACK")
    claims = await asyncio.gather(*(journal.claim(record(key="k"), daily_limit=None) for _ in range(3)))
    assert [claim.is_new for claim in claims] == [True, False, False]
    assert len({claim.record.number for claim in claims}) == 1


async def test_an_outcome_that_comes_after_a_repetition_in_one_turn_is_no_outcome_of_the_repetition(
    journal: SqlJournal, record: Callable[..., TradeRecord]
) -> None:
    first = await claimed(journal, record(key="k"))
    repetition = asyncio.ensure_future(journal.claim(record(key="k"), daily_limit=None))
    await asyncio.sleep(0)
    journal.settle(first.settled(Outcome.NOT_SENT))
    claim = await repetition
    assert (claim.is_new, claim.record.outcome) == (False, Outcome.IN_FLIGHT)
    again = await claimed(journal, record(key="k"))
    assert again.number > first.number, "a number is given out once"
    assert not (await journal.claim(record(key="k"), daily_limit=None)).is_new


async def test_an_outcome_without_a_key_that_is_not_written_yet_is_nobody_elses(
    tmp_path: Path, journal: SqlJournal, record: Callable[..., TradeRecord]
) -> None:
    first = await claimed(journal, record())
    with closing(sqlite3.connect(tmp_path / JOURNAL_FILE, isolation_level=None)) as intruder:
        intruder.execute("BEGIN IMMEDIATE")
        journal.settle(first.answered(DONE))
        with pytest.raises(StorageUnavailable, match="locked"):
            await journal.claim(record(key="other"), daily_limit=None)
        intruder.execute("ROLLBACK")
    claims = await asyncio.gather(*(journal.claim(record(key="k"), daily_limit=None) for _ in range(2)))
    assert [(claim.is_new, claim.record.key) for claim in claims] == [(True, "k"), (False, "k")]


async def test_a_request_that_cannot_be_written_down_is_no_harm_to_the_others_of_its_turn(
    journal: SqlJournal, record: Callable[..., TradeRecord]
) -> None:
    sound, unwritable = await asyncio.gather(
        journal.claim(record(key="k"), daily_limit=None),
        journal.claim(record(PositionClose(object())), daily_limit=None),  # type: ignore[arg-type]
        return_exceptions=True,
    )
    assert isinstance(unwritable, TypeError)
    assert isinstance(sound, Claim)
    assert sound.is_new


async def test_a_key_is_kept_for_a_day_and_while_its_outcome_is_open(
    journal: SqlJournal, record: Callable[..., TradeRecord], clock: HandClock
) -> None:
    clock.seconds = 1_700_000_000.0
    done = await claimed(journal, record(key="done"))
    journal.settle(done.answered(DONE))
    lost = await claimed(journal, record(key="lost"))
    journal.settle(lost.settled(Outcome.UNKNOWN))
    clock.seconds += KEPT_MS / 1000 - 1
    assert journal.by_key("usr_1", "done") is not None
    assert not (await journal.claim(record(key="done"), daily_limit=None)).is_new
    clock.seconds += 2
    assert journal.by_key("usr_1", "done") is None
    assert (await journal.claim(record(key="done"), daily_limit=None)).is_new
    assert journal.by_key("usr_1", "lost") is not None


async def test_what_is_over_leaves_the_file(
    tmp_path: Path, journal: SqlJournal, record: Callable[..., TradeRecord], clock: HandClock
) -> None:
    clock.seconds = 1_700_000_000.0
    for number in range(400):
        journal.settle((await claimed(journal, record(key=f"{number}"))).answered(DONE))
    journal.settle((await claimed(journal, record())).answered(DONE))
    lost = await claimed(journal, record(key="lost"))
    clock.seconds += KEPT_MS / 1000 + 1
    for _ in range(4):
        fresh = await claimed(journal, record())
        clock.seconds += 61
        await asyncio.sleep(0)
    with closing(sqlite3.connect(tmp_path / JOURNAL_FILE)) as reader:
        left = {number for (number,) in reader.execute("SELECT number FROM requests")}
    assert left == {lost.number, *range(fresh.number - 3, fresh.number + 1)}


async def test_trades_count_up_to_the_limit_and_what_was_not_accepted_is_given_back(
    journal: SqlJournal, record: Callable[..., TradeRecord]
) -> None:
    day = "2023-11-14"
    first = await claimed(journal, record(counted_day=day), 2)
    second = await claimed(journal, record(counted_day=day), 2)
    with pytest.raises(DailyTradeLimitExceeded):
        await journal.claim(record(counted_day=day, key="k"), daily_limit=2)
    assert journal.by_key("usr_1", "k") is None
    journal.settle(first.answered(REFUSED))
    third = await claimed(journal, record(counted_day=day), 2)
    journal.settle(second.settled(Outcome.UNKNOWN))
    journal.settle(third.answered(DONE))
    with pytest.raises(DailyTradeLimitExceeded):
        await journal.claim(record(counted_day=day), daily_limit=2)
    journal.settle(second.answered(REFUSED))
    await claimed(journal, record(counted_day=day), 2)
    assert journal.trades("usr_1", day) == 2
    with pytest.raises(DailyTradeLimitExceeded):
        await journal.claim(record(counted_day="2023-11-15"), daily_limit=0)


async def test_the_next_process_finds_what_was_in_flight_as_unknown(
    tmp_path: Path, clock: HandClock, record: Callable[..., TradeRecord]
) -> None:
    file = open_journal_file(tmp_path)
    first = SqlJournal(file, clock)
    flying = await claimed(first, record(key="flying"))
    done = (await claimed(first, record(key="done"))).answered(DONE)
    first.settle(done)
    secret = first.cursor_secret()
    await file.close()
    file = open_journal_file(tmp_path)
    second = SqlJournal(file, clock)
    try:
        assert second.open_requests() == [flying.settled(Outcome.UNKNOWN)]
        assert second.by_key("usr_1", "done") == done
        assert second.cursor_secret() == secret
    finally:
        await file.close()


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from reference_server.clock import SystemClock
from reference_server.domain.requests import TradeRecord
from reference_server.domain.trading import NewOrder, OrderResult, OrderType, Side, TradeMark
from reference_server.storage.journal import SqlJournal
from reference_server.storage.journal_schema import open_journal_file

async def main():
    clock = SystemClock()
    journal = SqlJournal(open_journal_file(Path(sys.argv[1]), is_durable=sys.argv[2] == "durable"), clock)
    order = NewOrder("EURUSD", Side.BUY, OrderType.MARKET, 0.1)
    for number in range(20):
        mark = TradeMark(number, clock.now_ms())
        record = TradeRecord("usr_1", "acc_1", "placeOrder", order, mark, key=f"{number}")
        claim = await journal.claim(record, daily_limit=None)
        if number % 2:
            journal.settle(claim.record.answered(OrderResult(number, True, 10009)))
            await asyncio.sleep(0)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.mark.parametrize("durability", ["durable", "process"])
async def test_a_killed_process_has_written_down_all_that_was_claimed_and_settled(
    tmp_path: Path, durability: str
) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path), durability]
    ended = await asyncio.to_thread(subprocess.run, command, check=False)
    assert ended.returncode == -signal.SIGKILL
    file = open_journal_file(tmp_path)
    journal = SqlJournal(file, SystemClock())
    try:
        outcomes = [found.outcome for number in range(20) if (found := journal.by_key("usr_1", f"{number}"))]
        assert outcomes == [Outcome.UNKNOWN, Outcome.ACCEPTED] * 10
    finally:
        await file.close()


async def test_a_locked_journal_refuses_claims_and_catches_up_with_outcomes(
    tmp_path: Path, journal: SqlJournal, record: Callable[..., TradeRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_file, "RETRY_SECONDS", 0.001)
    flying = await claimed(journal, record(key="k"))
    with closing(sqlite3.connect(tmp_path / JOURNAL_FILE, isolation_level=None)) as intruder:
        intruder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageUnavailable, match="locked"):
            await journal.claim(record(key="other"), daily_limit=None)
        journal.settle(flying.answered(DONE))
        assert journal.by_key("usr_1", "k") == flying.answered(DONE)
        intruder.execute("ROLLBACK")
        for _ in range(10_000):
            await asyncio.sleep(0.001)
            if intruder.execute("SELECT outcome FROM requests").fetchall() == [("accepted",)]:
                break
        else:
            pytest.fail("the outcome is never written")
    assert (await journal.claim(record(key="other"), daily_limit=None)).is_new


async def test_a_full_disk_refuses_claims_and_leaves_no_half_of_one(
    file: JournalFile, journal: SqlJournal, record: Callable[..., TradeRecord]
) -> None:
    connection = file._connection
    await claimed(journal, record(key="first"))
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")  # SQLite's own "disk is full"
    filled = 0

    async def fill() -> None:
        nonlocal filled
        for filled in range(10_000):
            await journal.claim(record(key=f"{filled}", counted_day="2023-11-14"), daily_limit=10**6)

    with pytest.raises(StorageUnavailable, match="full"):
        await fill()
    connection.execute("PRAGMA max_page_count = 1000000")
    assert journal.by_key("usr_1", f"{filled}") is None
    assert journal.trades("usr_1", "2023-11-14") == filled
    assert (await journal.claim(record(key=f"{filled}"), daily_limit=None)).is_new


async def test_a_claim_that_the_file_system_does_not_confirm_is_refused_and_its_key_stays_free(
    journal: SqlJournal, record: Callable[..., TradeRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as ill:
        ill.setattr(journal_file, "_fdatasync", fail)
        with pytest.raises(StorageUnavailable):
            await journal.claim(record(key="k", counted_day="2023-11-14"), daily_limit=5)
    assert (await journal.claim(record(key="k"), daily_limit=None)).is_new
    assert journal.trades("usr_1", "2023-11-14") == 0


async def test_a_disk_that_hangs_refuses_claims_in_time_and_frees_their_keys(
    journal: SqlJournal, record: Callable[..., TradeRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    is_well = threading.Event()
    with monkeypatch.context() as ill:
        ill.setattr(journal_file, "_fdatasync", lambda _descriptor: is_well.wait(30))
        ill.setattr("reference_server.storage.journal.CLAIM_SECONDS", 0.01)
        with pytest.raises(StorageUnavailable, match="in time"):
            await journal.claim(record(key="k"), daily_limit=None)
    is_well.set()
    assert (await journal.claim(record(key="other"), daily_limit=None)).is_new
    assert (await journal.claim(record(key="k"), daily_limit=None)).is_new


async def test_claims_that_come_while_the_file_system_is_waited_for_are_one_transaction(
    file: JournalFile, journal: SqlJournal, record: Callable[..., TradeRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, is_well = threading.Event(), threading.Event()

    def wait(_descriptor: int) -> None:
        begun.set()
        assert is_well.wait(30)

    monkeypatch.setattr(journal_file, "_fdatasync", wait)
    first = asyncio.ensure_future(journal.claim(record(key="first"), daily_limit=None))
    await asyncio.to_thread(begun.wait, 30)
    transactions: list[str] = []
    file._connection.set_trace_callback(lambda sql: transactions.append(sql) if sql == "COMMIT" else None)
    others = []
    for number in range(5):
        others.append(asyncio.ensure_future(journal.claim(record(key=f"{number}"), daily_limit=None)))
        await asyncio.sleep(0)
    assert transactions == []
    is_well.set()
    assert all(claim.is_new for claim in await asyncio.gather(first, *others))
    assert transactions == ["COMMIT"]


async def test_what_those_who_were_answered_send_next_shares_one_wait_for_the_disk(
    journal: SqlJournal, record: Callable[..., TradeRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[int] = []
    sync = journal_file._fdatasync

    def wait(descriptor: int) -> None:
        waits.append(descriptor)
        sync(descriptor)

    monkeypatch.setattr(journal_file, "_fdatasync", wait)

    async def trader(number: int) -> None:
        for turns in (0, number):
            for _ in range(turns):
                await asyncio.sleep(0)
            assert (await journal.claim(record(key=f"{number} {turns}"), daily_limit=None)).is_new

    await asyncio.gather(*(trader(number) for number in range(1, 6)))
    assert len(waits) == 2


async def test_a_claim_that_comes_while_the_journal_rests_is_answered_when_it_is_closed(
    file: JournalFile, journal: SqlJournal, record: Callable[..., TradeRecord]
) -> None:
    await claimed(journal, record(key="first"))
    waiting = asyncio.ensure_future(journal.claim(record(key="k"), daily_limit=None))
    await asyncio.sleep(0)
    await file.close()
    assert (await waiting).is_new


async def test_outcomes_do_not_wait_for_the_file_system(
    journal: SqlJournal, record: Callable[..., TradeRecord], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    known = await claimed(journal, record(key="known"))
    begun, is_well = threading.Event(), threading.Event()

    def wait(_descriptor: int) -> None:
        begun.set()
        assert is_well.wait(30)

    monkeypatch.setattr(journal_file, "_fdatasync", wait)
    waiting = asyncio.ensure_future(journal.claim(record(key="waiting"), daily_limit=None))
    await asyncio.to_thread(begun.wait, 30)
    journal.settle(known.settled(Outcome.REFUSED, REFUSED))
    late = asyncio.ensure_future(journal.claim(record(key="late"), daily_limit=None))
    await asyncio.sleep(0)
    with closing(sqlite3.connect(tmp_path / JOURNAL_FILE)) as other:
        assert other.execute("SELECT outcome FROM requests WHERE key = 'known'").fetchone() == ("refused",)
    is_well.set()
    assert all(claim.is_new for claim in await asyncio.gather(waiting, late))


async def test_a_claim_that_was_refused_before_it_was_written_never_is(
    journal: SqlJournal, record: Callable[..., TradeRecord], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    begun, is_well = threading.Event(), threading.Event()

    def wait(_descriptor: int) -> None:
        begun.set()
        assert is_well.wait(30)

    with monkeypatch.context() as ill:
        ill.setattr(journal_file, "_fdatasync", wait)
        ill.setattr("reference_server.storage.journal.CLAIM_SECONDS", 0.2)
        first = asyncio.ensure_future(journal.claim(record(key="first"), daily_limit=None))
        await asyncio.to_thread(begun.wait, 30)
        with pytest.raises(StorageUnavailable, match="in time"):
            await journal.claim(record(key="k", counted_day="2023-11-14"), daily_limit=5)
        with pytest.raises(StorageUnavailable, match="in time"):
            await first
    is_well.set()
    await claimed(journal, record(key="after"))
    assert journal.by_key("usr_1", "first") is not None
    assert journal.by_key("usr_1", "k") is None
    assert journal.trades("usr_1", "2023-11-14") == 0


async def test_the_log_is_moved_into_the_database_and_begins_anew(
    tmp_path: Path,
    file: JournalFile,
    journal: SqlJournal,
    record: Callable[..., TradeRecord],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(journal_file, "LOG_BYTES", 200_000)
    file._move_above = 200_000
    sizes = []
    for number in range(600):
        await journal.claim(record(key=f"{number}"), daily_limit=None)
        sizes.append((tmp_path / f"{JOURNAL_FILE}-wal").stat().st_size)
    assert max(sizes) < 1_000_000
    assert min(sizes[100:]) < max(sizes) / 2
    assert all(journal.by_key("usr_1", f"{number}") for number in range(600))


@pytest.mark.skipif(os.name != "posix", reason="POSIX file modes")
async def test_the_journal_is_readable_by_its_owner_alone(tmp_path: Path, journal: SqlJournal) -> None:
    assert (tmp_path / JOURNAL_FILE).stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_no_journal_or_a_newer_one_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / JOURNAL_FILE
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(JournalUnusable, match="not a database"):
        open_journal_file(tmp_path)
    path.unlink()
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("PRAGMA user_version = 99")
    with pytest.raises(JournalUnusable, match="newer version"):
        open_journal_file(tmp_path)


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from([None, "accepted", "refused", "unknown", "not_sent", "restart"])),
        max_size=20,
    )
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_count_of_the_day_is_that_of_the_requests_that_count(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, str | None]]
) -> None:
    """Whatever is claimed, settled, and cut off by restarts, in whatever order."""
    folder = tmp_path_factory.mktemp("journal")

    async def run() -> None:
        clock = HandClock()
        file = open_journal_file(folder, is_durable=False)
        journal = SqlJournal(file, clock)
        try:
            open_: dict[str, TradeRecord] = {}
            counting: set[str] = set()
            for number, (which, outcome) in enumerate(steps):
                key = f"{which}"
                if outcome == "restart":
                    await file.close()
                    file = open_journal_file(folder, is_durable=False)
                    journal = SqlJournal(file, clock)
                elif outcome is None:
                    drawn = TradeRecord(
                        "usr_1", "acc_1", "placeOrder", ORDER, TradeMark(number, clock.now_ms()), key=key,
                        counted_day="2023-11-14",
                    )  # fmt: skip
                    try:
                        claim = await journal.claim(drawn, daily_limit=3)
                    except DailyTradeLimitExceeded:
                        assert len(counting) == 3
                        continue
                    assert claim.is_new == (key not in counting and (key not in open_))
                    if claim.is_new:
                        open_[key] = claim.record
                        counting.add(key)
                elif key in open_ and open_[key].outcome.is_open:
                    result = {"accepted": DONE, "refused": REFUSED}.get(outcome)
                    open_[key] = settled = open_[key].settled(Outcome(outcome), result)
                    journal.settle(settled)
                    if outcome in ("refused", "not_sent"):
                        counting.discard(key)
                    if outcome == "not_sent":
                        del open_[key]
                await asyncio.sleep(0)
                assert journal.trades("usr_1", "2023-11-14") == len(counting)
        finally:
            await file.close()

    asyncio.run(run())


async def test_numbers_of_a_stream_are_given_out_once_over_all_lives(tmp_path: Path) -> None:
    file = open_journal_file(tmp_path)
    positions = SqlStreamPositions(file)
    assert [positions.reserve("acc_1", 1024), positions.reserve("acc_1", 1024), positions.reserve("acc_2", 5)] == [
        0,
        1024,
        0,
    ]
    await file.close()
    file = open_journal_file(tmp_path)
    assert SqlStreamPositions(file).reserve("acc_1", 1024) == 2048
    with closing(sqlite3.connect(tmp_path / JOURNAL_FILE, isolation_level=None)) as intruder:
        intruder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageUnavailable):
            SqlStreamPositions(file).reserve("acc_1", 1024)
    assert SqlStreamPositions(file).reserve("acc_1", 1024) == 3072
    await file.close()
