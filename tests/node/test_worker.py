"""The worker of a node: opens the terminal that its agent gave it, one at a time, whatever its gateway asks for."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from reference_server.clock import SystemClock
from reference_server.domain.account import Mt5Credentials
from reference_server.terminals.providers.seating import Seating
from reference_server.terminals.workers.protocol import Given, Open
from reference_server.terminals.workers.sources import Bridged, Hosted, Installed, OfNode, Source
from reference_server.usecases.ports import BrokerUnreachable
from tests.terminals.fakes import Heard

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


async def test_a_worker_of_a_gateway_has_no_terminal_of_a_node() -> None:
    with pytest.raises(BrokerUnreachable, match="without a terminal of its own"):
        await Seating(SystemClock()).open(asked(OfNode()), Heard())
    await asyncio.sleep(0)
