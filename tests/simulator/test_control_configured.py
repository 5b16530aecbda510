"""A configuration file opens the control port of a gateway's simulated broker."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from reference_server.clock import SystemClock
from reference_server.config import Settings
from reference_server.provider import choose_terminals
from reference_server.simulator.control import ControlClient, ControlUnreachable
from reference_server.terminals.providers.simulated import SimulatedTerminals
from reference_server.terminals.providers.unusable import ProviderUnusable

TOKEN = "a-token-of-this-test"


def written(tmp_path: Path, control: str) -> Path:
    file = tmp_path / "broker.toml"
    file.write_text(f"[control]\n{control}\n", encoding="utf-8")
    return file


@asynccontextmanager
async def gateway_terminals(tmp_path: Path, file: Path | None) -> AsyncIterator[SimulatedTerminals]:
    """The terminals of a gateway with this configuration file."""
    terminals = choose_terminals(Settings(data_dir=tmp_path, simulator_config=file), SystemClock())
    assert isinstance(terminals, SimulatedTerminals)
    try:
        yield terminals
    finally:
        await terminals.close()


async def test_the_file_of_a_gateway_opens_the_port_and_closing_closes_it(tmp_path: Path) -> None:
    file = written(tmp_path, f'listen = "127.0.0.1:0"\ntoken = "{TOKEN}"')
    async with gateway_terminals(tmp_path, file) as terminals:
        assert terminals.control is not None
        control = ControlClient(terminals.control.url, TOKEN)
        control.add_fault("requote")
        assert terminals.broker.faults.is_armed
    with pytest.raises(ControlUnreachable):
        control.faults()


async def test_without_a_file_there_is_no_port(tmp_path: Path) -> None:
    async with gateway_terminals(tmp_path, None) as terminals:
        assert terminals.control is None


async def test_a_file_without_control_opens_none(tmp_path: Path) -> None:
    file = tmp_path / "broker.toml"
    file.write_text("[account]\ndeposit = 5.0\n", encoding="utf-8")
    async with gateway_terminals(tmp_path, file) as terminals:
        assert terminals.control is None


async def test_a_gateway_wants_a_token_and_a_free_port(tmp_path: Path) -> None:
    file = written(tmp_path, 'listen = "127.0.0.1:0"')
    async with gateway_terminals(tmp_path, None) as terminals:
        with pytest.raises(ProviderUnusable, match="token is needed"):
            terminals.open_control(file)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            file = written(tmp_path, f'listen = "127.0.0.1:{taken.getsockname()[1]}"\ntoken = "{TOKEN}"')
            with pytest.raises(ProviderUnusable, match="cannot listen"):
                terminals.open_control(file)
        assert terminals.control is None
