"""From settings to terminals: each choice, and the words for what cannot be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reference_server.clock import SystemClock
from reference_server.config import load_settings
from reference_server.domain.account import Mt5Credentials
from reference_server.provider import choose_terminals, node_sources, patience
from reference_server.terminals.providers.processes import ProcessPerAccount, SharedProcess
from reference_server.terminals.providers.simulated import SimulatedTerminals
from reference_server.terminals.providers.unusable import ProviderUnusable
from reference_server.usecases.ports import BrokerUnreachable


def chosen(tmp_path: Path, **settings: Any) -> Any:
    return choose_terminals(load_settings({"data_dir": tmp_path, **settings}, {}), SystemClock())


async def test_the_simulated_broker_is_in_the_gateway_unless_told_otherwise(tmp_path: Path) -> None:
    assert isinstance(chosen(tmp_path), SimulatedTerminals)
    assert isinstance(chosen(tmp_path, simulator_process="shared"), SharedProcess)
    served = chosen(tmp_path, simulator_process="per_account", simulator_address=str(tmp_path / "socket"))
    assert isinstance(served, ProcessPerAccount)


async def test_a_gateway_may_have_no_terminals_of_its_own(tmp_path: Path) -> None:
    terminals = chosen(tmp_path, terminal="none")
    with pytest.raises(BrokerUnreachable, match="no terminals of its own: enrol a node"):
        await terminals.open("acc_1", Mt5Credentials("1234", "secret", "Demo"), lambda _event: None)
    await terminals.close()
    with pytest.raises(ProviderUnusable, match="terminal = none"):
        node_sources(load_settings({"data_dir": tmp_path, "terminal": "none"}, {}))


async def test_mt5linux_takes_its_endpoints_from_one_text(tmp_path: Path) -> None:
    settings = {"terminal": "mt5linux", "mt5linux_endpoints": "localhost:18812, [::1]:18813"}
    assert isinstance(chosen(tmp_path, **settings), ProcessPerAccount)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"simulator_process": "per_account"}, "simulator_process = per_account: simulator_address is needed"),
        ({"simulator_address": "127.0.0.1:5000"}, "a served simulator is used with simulator_process = per_account"),
        (
            {"simulator_process": "per_account", "simulator_address": "nowhere"},
            "simulator_address = 'nowhere': ",
        ),
        ({"simulator_config": "/no/such.toml"}, "simulator_config = /no/such.toml: "),
        ({"terminal": "metatrader5"}, "terminal = metatrader5: terminal_template is needed"),
        ({"terminal": "mt5linux"}, "mt5linux_endpoints is empty"),
    ],
)
def test_what_cannot_be_used_is_said_at_start(tmp_path: Path, settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ProviderUnusable) as caught:
        chosen(tmp_path, **settings)
    assert problem in str(caught.value)


def test_the_supervisor_waits_longer_than_a_terminal_needs_to_give_up() -> None:
    settings = load_settings({"terminal_start_timeout_ms": 90_000}, {})
    assert patience(settings).opening > 90
