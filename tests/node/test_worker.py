"""The worker of a node: opens the terminal that its agent gave it, one at a time, whatever its gateway asks for."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from reference_server.clock import SystemClock
from reference_server.domain.account import Mt5Credentials
from reference_server.node import worker as node_worker
from reference_server.node.worker import MOST_UNREAD_BYTES, NodeWorker
from reference_server.terminals.providers.processes import OneSource
from reference_server.terminals.providers.seating import Seating
from reference_server.terminals.workers.protocol import Given, Open
from reference_server.terminals.workers.sources import Bridged, Hosted, Installed, OfNode, Source
from reference_server.usecases.ports import BrokerUnreachable
from tests.terminals.fakes import Heard
from tests.terminals.providers import until

CREDENTIALS = Mt5Credentials("1234", "secret", "Sim-Demo")


def asked(source: Source) -> Open:
    return Open(1, 0, "acc_1", CREDENTIALS, source, 0.01)


@pytest.mark.parametrize(
    "source", [OfNode(), Installed("C:\\evil.exe"), Bridged("10.0.0.1", 22), Hosted(configuration="/etc/passwd")]
)
async def test_a_gateway_chooses_no_terminal_on_the_nodes_machine(tmp_path: Path, source: Source) -> None:
    seating = Seating(SystemClock())
    given = Given(Hosted(state_directory=str(tmp_path)), str(tmp_path / "worker.lock"))
    terminal = await seating.open(asked(source), Heard(), given)
    assert (await terminal.account_info()).login == 1234
    await seating.close()
    assert (tmp_path / "simulator.json").exists()


async def test_while_an_earlier_worker_lives_another_opens_nothing(tmp_path: Path) -> None:
    given = Given(Hosted(), str(tmp_path / "worker.lock"))
    earlier, later = Seating(SystemClock()), Seating(SystemClock())
    await earlier.open(asked(OfNode()), Heard(), given)
    with pytest.raises(BrokerUnreachable, match="An earlier worker of this node has not ended yet"):
        await later.open(asked(OfNode()), Heard(), given)
    await earlier.close()


TALKATIVE = "import os; os.read(0, 1); os.write(1, b'x' * 60_000); os.write(1, b'the last word')"


async def test_the_end_is_told_behind_the_last_word_however_slow_the_gateway_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_worker, "DRAINING_SECONDS", 0.02)
    said: list[str | bytes] = []
    takes = asyncio.Event()

    async def say(message: str | bytes) -> None:
        await takes.wait()
        said.append(message)

    async def give_up() -> None:
        raise AssertionError

    worker = NodeWorker(
        1, "acc_1", OneSource(Hosted()), say, give_up,
        worker_lock=str(tmp_path / "lock"), piece_bytes=1_000, command=(sys.executable, "-I", "-c", TALKATIVE),
    )  # fmt: skip
    await until(lambda: worker._line is not None and worker._line.exited.is_set(), 0.005)
    asyncio.get_running_loop().call_later(0.2, takes.set)
    await worker.gone()
    assert b"".join(piece for piece in said if isinstance(piece, bytes)) == b"x" * 60_000 + b"the last word"
    assert said[-1] == '{"type":"Exited","life":1,"why":"it ended with status 0"}'


async def test_a_worker_that_does_not_read_is_ended(tmp_path: Path) -> None:
    said: list[str | bytes] = []

    async def say(message: str | bytes) -> None:
        said.append(message)

    async def give_up() -> None:
        raise AssertionError

    deaf = (sys.executable, "-I", "-c", "import threading; threading.Event().wait()")
    worker = NodeWorker(
        7, "acc_1", OneSource(Hosted()), say, give_up,
        worker_lock=str(tmp_path / "lock"), piece_bytes=1_000, command=deaf,
    )  # fmt: skip
    await until(lambda: worker._line is not None, 0.005)
    for _ in range(MOST_UNREAD_BYTES // 2**20 + 1):
        worker.take(b"x" * 2**20)
    await worker.gone()
    assert said == ['{"type":"Exited","life":7,"why":"it does not read"}']


async def test_a_worker_of_a_gateway_has_no_terminal_of_a_node() -> None:
    with pytest.raises(BrokerUnreachable, match="without a terminal of its own"):
        await Seating(SystemClock()).open(asked(OfNode()), Heard())
    await asyncio.sleep(0)
