"""The simulated broker's accounts outlive the gateway, also one that is killed between a trade and the next dump."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from reference_server.domain.events import OrderSettled
from reference_server.domain.trading import HistoryQuery, NewOrder, OrderResult, OrderType, PositionChange, Side
from reference_server.terminals.providers import simulator_state
from reference_server.terminals.providers.simulated import SimulatedTerminals
from reference_server.terminals.providers.simulator_state import SimulatorState, SimulatorStateUnusable, encoded
from reference_server.terminals.workers.inline import InlineTerminal
from tests.terminals.fakes import Desk, HandClock

BUY = NewOrder("EURUSD", Side.BUY, OrderType.MARKET, 0.1)
SELL_MORE = NewOrder("EURUSD", Side.SELL, OrderType.MARKET, 0.3)
SELL = NewOrder("EURUSD", Side.SELL, OrderType.MARKET, 0.1)


def names_in(directory: Path) -> list[str]:
    return sorted(one.name for one in directory.iterdir())


class Killed:
    """Desks on one directory, of which each but the last is given up without being closed, as `kill -9` does."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.desks: list[Desk] = []

    async def restart(self, server: str = "Sim-Demo") -> InlineTerminal:
        clock = self.desks[-1].clock.ms if self.desks else None
        desk = Desk(self.directory)
        if clock is not None:
            desk.clock.ms = clock
        else:
            desk.price("EURUSD", 1.1, 1.1001)
        self.desks.append(desk)
        return await desk.open(server=server)


@pytest.fixture
async def killed(tmp_path: Path) -> AsyncIterator[Killed]:
    killed = Killed(tmp_path / "data")
    yield killed
    for desk in killed.desks:
        await desk.terminals.close()


async def test_accounts_outlive_a_gateway_that_is_stopped(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.price("EURUSD", 1.1, 1.1001)
    terminal = await desk.open()
    result = await terminal.place_order(BUY)
    before = await terminal.account_info()
    await desk.terminals.close()
    path = tmp_path / "simulator.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "secret" not in path.read_text()
    assert names_in(tmp_path) == ["simulator.json"], "what the dump holds is nowhere else"
    again = Desk(tmp_path)
    terminal = await again.open()
    assert [position.ticket for position in await terminal.positions()] == [result.ticket]
    assert (await terminal.account_info()).balance == before.balance
    await again.terminals.close()


@pytest.mark.parametrize("server", ["Sim-Demo", "Sim-Netting"])
async def test_no_trade_is_lost_and_no_ticket_given_twice_when_the_gateway_is_killed(
    killed: Killed, server: str
) -> None:
    used: set[int] = set()
    steps: list[Callable[[InlineTerminal, int], Awaitable[OrderResult]]] = [
        lambda terminal, _: terminal.place_order(BUY),
        lambda terminal, _: terminal.place_order(BUY),
        lambda terminal, _: terminal.place_order(NewOrder("EURUSD", Side.BUY, OrderType.LIMIT, 0.2, price=1.05)),
        lambda terminal, position: terminal.modify_position(PositionChange(position, sl=1.0)),
        lambda terminal, position: terminal.close_position(position, 0.05),
        lambda terminal, _: terminal.place_order(SELL_MORE),
        lambda terminal, _: terminal.place_order(SELL),
        lambda terminal, position: terminal.close_position(position, None),
        lambda terminal, _: terminal.place_order(SELL),
    ]
    terminal = await killed.restart(server)
    position = 0
    for step in steps:
        result = await step(terminal, position)
        assert result.success
        assert not result.order or result.order not in used
        used.add(result.order)
        position = min((one.ticket for one in await terminal.positions()), default=0)
        before = (await terminal.positions(), await terminal.account_info())
        terminal = await killed.restart(server)
        assert (await terminal.positions(), await terminal.account_info()) == before
    assert len(killed.desks[-1].broker.accounts) == 1
    (account,) = killed.desks[-1].broker.accounts.values()
    (first,) = killed.desks[0].broker.accounts.values()
    assert len(account.orders) == 1
    assert account.deals[: len(first.deals)] == first.deals
    assert len({deal.ticket for deal in account.deals}) == len(account.deals)
    assert account.balance == pytest.approx(
        sum(deal.profit + deal.swap + deal.commission + deal.fee for deal in account.deals)
    )


async def test_stop_that_was_announced_is_not_undone_by_a_kill(killed: Killed) -> None:
    terminal = await killed.restart()
    desk = killed.desks[-1]
    await terminal.place_order(NewOrder("EURUSD", Side.BUY, OrderType.MARKET, 0.1, sl=1.09))
    desk.price("EURUSD", 1.08, 1.0801)
    await desk.heard.first(OrderSettled, lambda event: event.side is Side.SELL)
    desk.price("EURUSD", 1.1, 1.1001)
    balance = (await terminal.account_info()).balance
    terminal = await killed.restart()
    assert await terminal.positions() == []
    assert (await terminal.account_info()).balance == balance


async def test_line_that_was_cut_while_written_is_left_out(killed: Killed) -> None:
    terminal = await killed.restart()
    first = await terminal.place_order(BUY)
    await terminal.place_order(BUY)
    (journal,) = killed.directory.glob("*.journal")
    journal.write_bytes(journal.read_bytes()[:-20])
    terminal = await killed.restart()
    assert [one.ticket for one in await terminal.positions()] == [first.ticket]
    second = await terminal.place_order(BUY)
    terminal = await killed.restart()
    assert [one.ticket for one in await terminal.positions()] == [first.ticket, second.ticket]


async def test_a_dump_is_due_when_the_journal_is_as_long_as_the_last_one_also_over_several_lives(
    killed: Killed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulator_state, "SHORT_JOURNAL_BYTES", 5_000)

    def state() -> SimulatorState:
        kept = killed.desks[-1].terminals._state
        assert kept is not None
        return kept

    terminal = await killed.restart()
    trades = 0
    while not state().is_dump_due:
        await terminal.place_order(BUY)
        trades += 1
    assert trades > 2
    terminal = await killed.restart()
    assert state().is_dump_due
    for _ in range(20):
        await terminal.place_order(BUY)
    await state().dump()
    assert not state().is_dump_due
    journal = 0
    while not state().is_dump_due:
        await terminal.place_order(BUY)
        journal = sum(path.stat().st_size for path in killed.directory.glob("*.journal"))
    assert journal > (killed.directory / "simulator.json").stat().st_size > 5_000


@pytest.mark.parametrize("servers", [(), ("Sim-Demo",), ("Sim-Demo", "Sim-Netting")])
async def test_a_dump_in_pieces_is_the_dump_whole(
    tmp_path: Path, servers: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulator_state, "_PIECE_RECORDS", 3)
    desk = Desk(tmp_path)
    desk.price("EURUSD", 1.1, 1.1001)
    for number, server in enumerate(servers):
        terminal = await desk.open(server=server)
        for _ in range(3 + number):
            await terminal.close_position((await terminal.place_order(BUY)).ticket, None)
        await terminal.place_order(SELL)
    pieces = list(encoded(desk.broker.dump_briefly()))
    assert json.loads(b"".join(pieces)) == desk.broker.dump()
    assert len(pieces) > 6 * len(servers)
    await desk.terminals.close()


async def test_journal_without_its_dump_is_not_played(killed: Killed, clock: HandClock) -> None:
    await (await killed.restart()).place_order(BUY)
    state = killed.desks[-1].terminals._state
    assert state is not None
    await state.dump()
    await (await killed.restart()).place_order(BUY)
    (killed.directory / "simulator.json").unlink()
    with pytest.raises(SimulatorStateUnusable, match=r"simulator\.1\.journal.* is missing"):
        SimulatedTerminals(clock, state_directory=killed.directory)


@pytest.mark.parametrize("name", ["simulator.json", "simulator.0.journal"])
@pytest.mark.parametrize("text", ["[]\n", "{\n", '{"version": 99}\n', "\x00\n"])
def test_a_damaged_file_says_what_to_do(clock: HandClock, tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(SimulatorStateUnusable, match=f"{name}.*move it away"):
        SimulatedTerminals(clock, state_directory=tmp_path)


async def test_what_a_full_disk_did_not_take_comes_with_the_next_trade(
    killed: Killed, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = await killed.restart()
    first = await terminal.place_order(BUY)
    write = os.write
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda file, data: write(file, data[: len(data) // 2]))
        missed = await terminal.place_order(BUY)
        await terminal.modify_position(PositionChange(first.ticket, sl=1.0))
    killed.desks[-1].price("EURUSD", 1.2, 1.2001)
    last = await terminal.place_order(BUY)
    again = await killed.restart()
    positions = {position.ticket: position for position in await again.positions()}
    assert positions.keys() == {first.ticket, missed.ticket, last.ticket}
    assert positions[first.ticket].sl == 1.0
    deals = await again.deals(HistoryQuery(0, 2**53, 1000))
    assert [deal.ticket for deal in deals if deal.order] == [first.deal, missed.deal, last.deal]
    assert (await again.price("EURUSD")).bid == 1.2
