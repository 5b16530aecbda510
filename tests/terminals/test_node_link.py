"""Terminals behind a network: whatever becomes of the connection, no order is lost, doubled or told wrongly."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from reference_server.domain.account import Mt5Credentials
from reference_server.domain.errors import OutcomeUnknown, TerminalUnavailable
from reference_server.domain.events import ConnectionChanged
from reference_server.domain.nodes import NodeEnd
from reference_server.domain.trading import HistoryQuery, NewOrder, OrderResult, OrderType, Side
from reference_server.node.refusals import NodeEnded
from reference_server.terminals.providers.metatrader5 import PROGRAM, metatrader5_folders
from reference_server.terminals.providers.mt5linux import mt5linux_endpoints
from reference_server.terminals.providers.processes import Sources
from reference_server.terminals.workers.node_link import LinkTimes
from reference_server.usecases.ports import BrokerUnreachable, Terminal
from tests.terminals.cable import DOWN, UP
from tests.terminals.conftest import use_stand_in
from tests.terminals.fakes import MONDAY_MS
from tests.terminals.providers import NodeDesk, Workshop, open_node_desk, until
from tests.terminals.test_workers_process import IMPATIENT, children

BUY = NewOrder("EURUSD", Side.BUY, OrderType.MARKET, 0.1, comment="mine")
ACCOUNT = "acc_1234"
QUICK = LinkTimes(beat=0.1, missed=5, kill=5.0)
PATIENT = LinkTimes(beat=0.1, missed=10_000, kill=0.5)
"""Notices no silence: what ends the connection is something else."""


@pytest.fixture
async def desk(workshop: Workshop, tmp_path: Path) -> AsyncIterator[NodeDesk]:
    async with open_node_desk(workshop, tmp_path, times=QUICK) as desk:
        yield desk
        desk.broker.faults.clear()


async def deals(terminal: Terminal) -> list[int]:
    """The orders of every deal of the account, balance operations left out."""
    always = HistoryQuery(0, MONDAY_MS + 86_400_000, 1000)
    return [deal.order for deal in await terminal.deals(always) if deal.order]


async def reopened(desk: NodeDesk, terminal: Terminal) -> Terminal:
    """What the supervisor does when a terminal dies."""
    died = await desk.heard.first(ConnectionChanged)
    assert not died.alive
    await terminal.close()
    await desk.board.is_connected(ACCOUNT)
    return await desk.open()


def is_executed(desk: NodeDesk) -> bool:
    return any(account.positions for account in desk.broker.accounts.values())


@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_order_whose_connection_is_cut_at_the_broker_is_found_by_the_next_terminal(
    desk: NodeDesk, when: str
) -> None:
    terminal = await desk.open()
    desk.fault({"kind": "delay", "call": "order_send", "ms": 250, "when": when})
    order = asyncio.ensure_future(terminal.place_order(BUY))
    await until(lambda: any(entry.used for entry in desk.broker.faults.list()), 0.01)
    desk.board.cable.cut()
    successor = await reopened(desk, terminal)
    result = await order
    assert result.success
    assert await deals(successor) == [result.order]


async def test_an_order_of_which_nothing_was_heard_is_not_told_as_not_done(desk: NodeDesk) -> None:
    """The gateway cannot know that it arrived: the worker's word is held up on its way."""
    terminal = await desk.open()
    desk.board.cable.hold(UP)
    order = asyncio.ensure_future(terminal.place_order(BUY))
    await until(lambda: is_executed(desk), 0.01)
    successor = await reopened(desk, terminal)
    result = await order
    assert result.success
    assert await deals(successor) == [result.order]


async def test_an_order_that_never_arrives_is_unknown_and_is_not_executed_later(desk: NodeDesk) -> None:
    terminal = await desk.open()
    desk.board.cable.hold(DOWN)
    order = asyncio.ensure_future(terminal.place_order(BUY))
    successor = await reopened(desk, terminal)
    desk.board.cable.let_go()
    with pytest.raises(OutcomeUnknown):
        await order
    assert await deals(successor) == []


async def test_an_order_that_an_agent_finds_after_its_machine_has_slept_is_not_executed(
    workshop: Workshop, tmp_path: Path
) -> None:
    asleep = LinkTimes(beat=1.0, missed=100, kill=5.0)
    async with open_node_desk(workshop, tmp_path, times=asleep) as desk:
        terminal = await desk.open()
        desk.board.cable.hold(DOWN)
        order = asyncio.ensure_future(terminal.place_order(BUY))
        await asyncio.sleep(0)
        desk.board.slept_ms = 3_600_000
        desk.board.cable.let_go()
        successor = await reopened(desk, terminal)
        with pytest.raises(TerminalUnavailable, match="nothing was done"):  # the agent was heard to say so
            await order
        assert await deals(successor) == []


async def test_what_waits_behind_an_order_when_the_connection_is_lost_did_nothing(desk: NodeDesk) -> None:
    terminal = await desk.open()
    desk.board.cable.hold(DOWN)
    first = asyncio.ensure_future(terminal.place_order(BUY))
    await asyncio.sleep(0)
    read = asyncio.ensure_future(terminal.positions())
    await desk.heard.first(ConnectionChanged)
    with pytest.raises(TerminalUnavailable, match="nothing was done"):
        await read
    await terminal.close()
    await desk.open()
    with pytest.raises(OutcomeUnknown):
        await first


@pytest.mark.parametrize("point", [1, 10, 40, 80, 120, 200])
async def test_a_worker_that_dies_at_any_point_of_an_order_is_told_of_truly(
    workshop: Workshop, tmp_path: Path, point: int
) -> None:
    """The connection holds, and the agent passes on the worker's last word before it tells of its end."""
    async with open_node_desk(workshop, tmp_path, times=QUICK, command=("--kill", str(point))) as desk:
        terminal = await desk.open()
        order = asyncio.ensure_future(terminal.place_order(BUY))
        dying = asyncio.ensure_future(desk.heard.first(ConnectionChanged))
        await asyncio.wait({order, dying}, return_when=asyncio.FIRST_COMPLETED)
        dying.cancel()
        await terminal.close()
        del desk.command[-2:]
        successor = await desk.open()
        told = await outcome(order)
        executed = await deals(successor)
        assert desk.board.cable.connections == 1
        if isinstance(told, OrderResult):
            assert executed == [told.order]
        else:
            assert executed == []
        assert point > 1 or isinstance(told, TerminalUnavailable)


async def outcome(order: asyncio.Future[OrderResult]) -> OrderResult | Exception:
    try:
        return await order
    except (OutcomeUnknown, TerminalUnavailable) as told:
        return told


async def test_a_connection_on_which_nothing_is_heard_is_given_up_by_both_ends(desk: NodeDesk) -> None:
    terminal = await desk.open()
    desk.board.cable.hold(UP, DOWN)
    successor = await reopened(desk, terminal)
    assert desk.board.cable.connections == 2
    assert (await successor.place_order(BUY)).success


async def test_no_worker_outlives_its_connection(desk: NodeDesk) -> None:
    before = children()
    terminal = await desk.open()
    (worker,) = children() - before
    desk.board.cable.cut()
    await reopened(desk, terminal)
    (successor,) = children() - before
    assert successor != worker


async def test_a_second_agent_with_the_same_key_takes_the_place_of_the_first(desk: NodeDesk) -> None:
    terminal = await desk.open()
    first = desk.board.agents[ACCOUNT]
    before = children()
    desk.board.agents[ACCOUNT] = asyncio.ensure_future(desk.board.agent(ACCOUNT).run())
    await desk.heard.first(ConnectionChanged)
    with pytest.raises(NodeEnded, match="another agent has connected"):
        await first
    assert children() < before  # its worker is gone, and not only told to go
    await terminal.close()
    assert (await (await desk.open()).place_order(BUY)).success


async def test_an_agent_that_is_stopped_ends_its_worker_first(desk: NodeDesk) -> None:
    before = children()
    terminal = await desk.open()
    await desk.board.stop_agent(ACCOUNT)
    assert children() == before
    died = await desk.heard.first(ConnectionChanged)
    assert "the agent is stopped" in died.detail
    await terminal.close()


async def test_an_order_that_hangs_is_ended_by_a_kill_at_the_other_end(workshop: Workshop, tmp_path: Path) -> None:
    async with open_node_desk(workshop, tmp_path, times=QUICK, deadlines=IMPATIENT) as desk:
        terminal = await desk.open()
        desk.fault({"kind": "hang", "call": "order_send"})
        order = asyncio.ensure_future(terminal.place_order(BUY))
        died = await desk.heard.first(ConnectionChanged)
        assert "it did not answer within 0.5 s" in died.detail
        await terminal.close()
        successor = await desk.open()
        with pytest.raises(OutcomeUnknown):
            await order
        assert await deals(successor) == []
        assert desk.board.cable.connections == 1
        desk.broker.faults.clear()


async def test_a_kill_that_nobody_confirms_counts_as_a_lost_connection(workshop: Workshop, tmp_path: Path) -> None:
    async with open_node_desk(workshop, tmp_path, times=PATIENT, deadlines=IMPATIENT) as desk:
        terminal = await desk.open()
        desk.board.cable.hold(UP)
        order = asyncio.ensure_future(terminal.place_order(BUY))
        successor = await reopened(desk, terminal)
        result = await order
        assert await deals(successor) == [result.order]
        assert desk.board.cable.connections == 2


@pytest.mark.parametrize("kind", ["metatrader5", "mt5linux"])
async def test_the_genuine_packages_place_is_taken_by_a_node_too(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    use_stand_in(workshop, monkeypatch)
    template = tmp_path / "template"
    template.mkdir()
    (template / PROGRAM).touch()
    sources: Sources = metatrader5_folders(template, tmp_path / "terminals", timeout_ms=10_000)
    if kind == "mt5linux":
        sources = mt5linux_endpoints(workshop.bridges()[:1], path=None, timeout_ms=10_000)
    async with open_node_desk(workshop, tmp_path, sources=sources) as desk:
        terminal = await desk.open()
        result = await terminal.place_order(BUY)
        assert await deals(terminal) == [result.order]
        desk.board.cable.cut()
        successor = await reopened(desk, terminal)  # the one endpoint was given back
        assert await deals(successor) == [result.order]
    assert (tmp_path / "terminals" / ACCOUNT / PROGRAM).is_file() == (kind == "metatrader5")


async def test_without_its_node_an_account_waits(desk: NodeDesk) -> None:
    with pytest.raises(BrokerUnreachable, match="node is not connected"):
        await desk.terminals.open(ACCOUNT, Mt5Credentials("1234", "secret", "Sim-Demo"), desk.heard)


@pytest.mark.parametrize("end", [end for end in NodeEnd if end.is_final])
async def test_an_agent_whose_node_is_ended_stops_with_the_reason(desk: NodeDesk, end: NodeEnd) -> None:
    await desk.board.connect(ACCOUNT)
    desk.board.terminals.disconnect(ACCOUNT, end)
    with pytest.raises(NodeEnded, match=end.reason):
        await desk.board.agents[ACCOUNT]
    assert desk.board.terminals.connected == 0


@pytest.mark.parametrize("end", [end for end in NodeEnd if not end.is_final])
async def test_an_agent_comes_back_from_any_other_end(desk: NodeDesk, end: NodeEnd) -> None:
    await desk.board.connect(ACCOUNT)
    desk.board.terminals.disconnect(ACCOUNT, end)
    await desk.board.is_connected(ACCOUNT)
    assert desk.board.cable.connections == 2


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("print('hello, I am no worker')", "its output is no message"),
        ("import os; os.write(1, b'\\0\\0\\0\\3abc'); os.read(0, 1)", "its output is no message"),
        ("import os; os.close(1); os.read(0, 1)", "it closed its output"),
        ("raise SystemExit(3)", "(it closed its output|it ended with status 3)"),
    ],
)
async def test_a_worker_that_is_none_is_given_up(desk: NodeDesk, code: str, reason: str) -> None:
    await desk.board.connect(ACCOUNT)
    desk.command[:] = (sys.executable, "-I", "-c", code)
    with pytest.raises(BrokerUnreachable, match=reason):
        await desk.open()


async def test_a_worker_that_cannot_be_started_is_told_of(desk: NodeDesk) -> None:
    await desk.board.connect(ACCOUNT)
    desk.command[:] = ("/no/such/program",)
    with pytest.raises(BrokerUnreachable, match="no process can be started: No such file"):
        await desk.open()


async def test_a_password_is_kept_out_of_the_log_of_the_agent(desk: NodeDesk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "tonpo.worker")
    await desk.board.connect(ACCOUNT)
    code = "import sys, os; os.read(0, 9); sys.stderr.write('logging in with hunter22\\n')"
    desk.command[:] = (sys.executable, "-I", "-c", code)
    with pytest.raises(BrokerUnreachable):
        await desk.open(password="hunter22")
    assert [record.message for record in caplog.records if record.name == "tonpo.worker"] == [
        "logging in with [hidden]"
    ]
