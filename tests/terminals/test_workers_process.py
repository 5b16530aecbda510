"""Worker processes from the gateway's side: deadlines, queues, deaths, and what may be believed after each."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from reference_server.domain.errors import OutcomeUnknown, TerminalUnavailable
from reference_server.domain.events import ConnectionChanged, PositionChanged, TickArrived
from reference_server.domain.trading import NewOrder, OrderType, Side
from reference_server.terminals.workers.calls import Kind
from reference_server.terminals.workers.process import COMMAND, Deadlines, WorkerProcess
from reference_server.terminals.workers.protocol import Read
from reference_server.usecases.ports import BrokerUnreachable
from tests.terminals.providers import ServedDesk, WorkerDesk, Workshop, open_desk, until
from tonpo_spec.served import tonpo_environment

BUY = NewOrder("EURUSD", Side.BUY, OrderType.MARKET, 0.1)
IMPATIENT = Deadlines(opening=20.0, trade=0.5, read=0.5, closing=5.0, silence=0.8)


@pytest.fixture
async def desk(workshop: Workshop, tmp_path: Path) -> AsyncIterator[WorkerDesk]:
    async with open_desk("per_account", workshop, tmp_path) as desk:
        yield desk


@pytest.fixture
async def impatient(workshop: Workshop, tmp_path: Path) -> AsyncIterator[ServedDesk]:
    async with open_desk("per_account", workshop, tmp_path, deadlines=IMPATIENT) as desk:
        assert isinstance(desk, ServedDesk)
        yield desk
        desk.broker.faults.clear()


def is_running(pid: int) -> bool:
    """Whether the process lives; one that is dead and not yet collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def children() -> set[int]:
    """The processes that this thread has started."""
    return {int(pid) for pid in Path("/proc/self/task", str(os.getpid()), "children").read_text().split()}


def told_to(pid: int) -> bytes:
    """Arguments and environment of a process, as every program of its user can read them."""
    return b"".join(Path(f"/proc/{pid}", name).read_bytes() for name in ("cmdline", "environ"))


async def started(command: Sequence[str], deadlines: Deadlines | None = None) -> WorkerProcess:
    return await WorkerProcess.start("test", command=command, deadlines=deadlines)


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-I", "-c", code)


async def test_a_read_that_hangs_is_ended_by_a_kill_and_nothing_was_done(impatient: ServedDesk) -> None:
    terminal = await impatient.open()
    impatient.fault({"kind": "hang", "call": "symbol_info_tick"})
    with pytest.raises(TerminalUnavailable, match=r"did not answer within 0.5 s\): nothing was done"):
        await terminal.price("EURUSD")
    died = await impatient.heard.first(ConnectionChanged)
    assert not died.alive


async def test_what_waits_behind_a_hanging_call_did_nothing(impatient: ServedDesk) -> None:
    terminal = await impatient.open()
    impatient.fault({"kind": "hang", "call": "symbol_info_tick"})
    hanging = asyncio.ensure_future(terminal.price("EURUSD"))
    await asyncio.sleep(0)
    order = asyncio.ensure_future(terminal.place_order(BUY))
    await asyncio.wait({hanging, order})
    assert isinstance(order.exception(), TerminalUnavailable)
    impatient.broker.faults.clear()
    assert await (await impatient.open()).positions() == []


async def test_an_order_that_hangs_in_the_terminal_is_unknown_when_it_leaves_no_trace(impatient: ServedDesk) -> None:
    terminal = await impatient.open()
    impatient.fault({"kind": "hang", "call": "order_send"})
    order = asyncio.ensure_future(terminal.place_order(BUY))
    await impatient.heard.first(ConnectionChanged)
    await terminal.close()
    reopened = await impatient.open()
    assert not order.done()
    with pytest.raises(OutcomeUnknown):
        await order
    assert await reopened.positions() == []


async def test_an_order_whose_answer_comes_after_the_kill_gets_its_true_result(impatient: ServedDesk) -> None:
    """The terminal carries out what its dead caller had sent."""
    terminal = await impatient.open()
    impatient.fault({"kind": "delay", "call": "order_send", "ms": 1000, "when": "after"})
    order = asyncio.ensure_future(terminal.place_order(BUY))
    await impatient.heard.first(ConnectionChanged)
    await terminal.close()
    reopened = await impatient.open()
    result = await order
    assert result.success
    assert [position.ticket for position in await reopened.positions()] == [result.ticket]


async def test_a_worker_that_gives_no_sign_is_killed_although_nothing_is_asked(impatient: ServedDesk) -> None:
    await impatient.open()
    impatient.fault({"kind": "hang", "call": "account_info"})
    died = await impatient.heard.first(ConnectionChanged)
    assert "it gave no sign" in died.detail


async def test_a_full_queue_refuses_and_nothing_was_done() -> None:
    silent = python("import sys; sys.stdin.buffer.read()")
    process = await WorkerProcess.start("test", command=silent, queue_length=2)
    waiting = [
        asyncio.ensure_future(process.call(Kind.READ, lambda number: Read(number, 0, "symbols"))) for _ in range(3)
    ]
    await asyncio.sleep(0)
    with pytest.raises(TerminalUnavailable, match="Too many requests wait"):
        await process.call(Kind.TRADE, lambda number: Read(number, 0, "symbols"))
    process.kill("the test is over")
    await process.gone()
    assert all(isinstance(one.exception(), TerminalUnavailable) for one in waiting)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("print('hello, I am no worker')", "its output is no message"),
        ("import os; os.write(1, b'\\0\\0\\0\\3abc')", "its output is no message"),
        ("import os; os.close(1); os.read(0, 1)", "it closed its output"),
        ("raise SystemExit(3)", "(it closed its output|it ended with status 3)"),
    ],
)
async def test_a_worker_that_is_none_is_given_up(code: str, reason: str) -> None:
    process = await started(python(code))
    with pytest.raises(TerminalUnavailable, match=reason):
        await process.call(Kind.READ, lambda number: Read(number, 0, "symbols"))
    await process.gone()
    assert not is_running(process.pid)
    with pytest.raises(TerminalUnavailable):
        await process.call(Kind.READ, lambda number: Read(number, 0, "symbols"))


async def test_a_trade_behind_words_that_are_no_message_is_unknown() -> None:
    """Among them may have been the one that it leaves."""
    process = await started(python("import os; os.read(0, 1); os.write(1, b'garbage'); os.read(0, 1)"))
    with pytest.raises(OutcomeUnknown):
        await process.call(Kind.TRADE, lambda number: Read(number, 0, "symbols"))
    await process.gone()


async def test_what_else_the_worker_prints_is_logged_without_secrets(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "tonpo.worker")
    code = "import sys, os; sys.stderr.write('login hunter22 ?api_key=abcd\\n'); sys.stderr.flush(); os.read(0, 1)"
    process = await started(python(code))
    process.hide("hunter22")
    await until(lambda: caplog.messages, 0.01)
    process.kill("the test is over")
    await process.gone()
    # asyncio itself may log that the child was reaped by its own kill
    logged = [record.message for record in caplog.records if record.name == "tonpo.worker"]
    assert logged == ["test: login [hidden] ?api_key=[hidden]"]


async def test_neither_arguments_nor_environment_of_a_worker_hold_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONPO_MASTER_KEYS", "very-secret")
    process = await started(COMMAND)
    told = told_to(process.pid)
    process.kill("the test is over")
    await process.gone()
    assert b"very-secret" not in told


async def test_a_stopped_worker_exits_by_itself_and_leaves_no_zombie() -> None:
    process = await started(COMMAND)
    await process.stop()
    assert process.pid not in children()


async def test_ctrl_c_in_the_console_does_not_reach_a_worker() -> None:
    process = await started(COMMAND)
    assert os.getsid(process.pid) == process.pid != os.getsid(0)
    await process.stop()


def test_a_worker_exits_when_the_gateway_is_gone() -> None:
    with subprocess.Popen(
        COMMAND, env=tonpo_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        assert worker.stdout.read(4)  # it beats
        worker.stdin.close()
        assert worker.wait(10) == 0


async def test_closing_a_provider_leaves_no_process(desk: WorkerDesk) -> None:
    await desk.open("1001")
    await desk.open("1002")
    before = children()
    await desk.terminals.close()
    assert len(before - children()) == 2


async def test_a_worker_killed_from_outside_is_told_and_replaced(desk: WorkerDesk) -> None:
    before = children()
    terminal = await desk.open()
    ticket = (await terminal.place_order(BUY)).ticket
    (worker,) = children() - before
    os.kill(worker, signal.SIGKILL)
    died = await desk.heard.first(ConnectionChanged)
    assert (died.connected, died.alive) == (False, False)
    with pytest.raises(TerminalUnavailable):
        await terminal.positions()
    await terminal.close()
    assert [position.ticket for position in await (await desk.open()).positions()] == [ticket]


async def test_a_burst_of_calls_is_served_in_full_and_trades_go_first(desk: WorkerDesk) -> None:
    terminal = await desk.open()
    ended: list[str] = []

    async def noted(name: str, call: object) -> None:
        await call  # type: ignore[misc]
        ended.append(name)

    reads = [asyncio.ensure_future(noted("read", terminal.price("EURUSD"))) for _ in range(60)]
    await asyncio.sleep(0)
    await noted("trade", terminal.place_order(BUY))
    assert ended.index("trade") <= 2, "only what had left before may be first"
    await asyncio.gather(*reads)
    assert len(ended) == 61


async def test_trades_sent_at_one_time_are_all_executed_once(desk: WorkerDesk) -> None:
    terminal = await desk.open()
    results = await asyncio.gather(*(terminal.place_order(BUY) for _ in range(20)))
    assert len({result.order for result in results}) == 20
    assert len(await terminal.positions()) == 20


async def test_an_order_goes_on_when_its_caller_leaves(desk: WorkerDesk) -> None:
    terminal = await desk.open()
    order = asyncio.ensure_future(terminal.place_order(BUY))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    order.cancel()
    await desk.heard.first(PositionChanged)
    assert len(await terminal.positions()) == 1


async def test_many_ticks_come_in_order_and_in_full(desk: WorkerDesk) -> None:
    terminal = await desk.open()
    terminal.watch({"EURUSD"}, ())
    await terminal.knows_symbol("EURUSD")
    bids = [round(1.1 + step * 1e-5, 5) for step in range(1, 2_001)]
    for bid in bids:
        desk.pass_time(0.001)
        desk.price("EURUSD", bid, round(bid + 1e-4, 5))
    await desk.heard.first(TickArrived, lambda event: event.tick.bid == bids[-1])
    assert [event.tick.bid for event in desk.heard.of(TickArrived)] == bids


async def test_a_program_that_cannot_be_started_is_said_so(desk: WorkerDesk) -> None:
    desk.command[:] = ["/nonexistent/python"]
    with pytest.raises(BrokerUnreachable, match="No process can be started for the terminal: No such file"):
        await desk.open()
