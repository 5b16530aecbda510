"""The official package: a terminal folder for each account, and clear words where it cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from reference_server.clock import SystemClock
from reference_server.domain.account import Mt5Credentials
from reference_server.terminals.providers.metatrader5 import PROGRAM, TerminalFolders, metatrader5_folders
from reference_server.terminals.providers.package import installed_module, is_package_installed
from reference_server.terminals.providers.processes import ProcessPerAccount
from reference_server.terminals.providers.unusable import ProviderUnusable
from reference_server.terminals.workers.sources import Installed
from reference_server.usecases.ports import BrokerUnreachable
from tests.terminals.conftest import use_stand_in
from tests.terminals.fakes import Heard
from tests.terminals.providers import Workshop, open_desk


@pytest.fixture
def template(tmp_path: Path) -> Path:
    template = tmp_path / "MetaTrader 5"
    (template / "Config").mkdir(parents=True)
    (template / PROGRAM).write_bytes(b"program")
    (template / "Config" / "servers.dat").write_bytes(b"servers")
    return template


def folders(template: Path, tmp_path: Path) -> TerminalFolders:
    return TerminalFolders(template, tmp_path / "terminals", timeout_ms=90_000)


async def test_each_account_gets_a_whole_copy_of_its_own(template: Path, tmp_path: Path) -> None:
    taken = [await folders(template, tmp_path).take(account) for account in ("acc_1", "acc_2")]
    assert taken == [
        Installed(str(tmp_path / "terminals" / account / PROGRAM), portable=True, timeout_ms=90_000)
        for account in ("acc_1", "acc_2")
    ]
    assert (tmp_path / "terminals" / "acc_2" / "Config" / "servers.dat").read_bytes() == b"servers"


async def test_what_a_terminal_has_stored_stays_when_it_is_opened_again(template: Path, tmp_path: Path) -> None:
    await folders(template, tmp_path).take("acc_1")
    stored = tmp_path / "terminals" / "acc_1" / "Config" / "accounts.dat"
    stored.write_bytes(b"stored")
    await folders(template, tmp_path).take("acc_1")
    assert stored.read_bytes() == b"stored"


async def test_a_copy_that_was_cut_short_is_made_again(template: Path, tmp_path: Path) -> None:
    half = tmp_path / "terminals" / "acc_1.new"
    half.mkdir(parents=True)
    (half / "rest").touch()
    (tmp_path / "terminals" / "acc_1").mkdir()
    await folders(template, tmp_path).take("acc_1")
    assert (tmp_path / "terminals" / "acc_1" / PROGRAM).read_bytes() == b"program"
    assert [path.name for path in (tmp_path / "terminals").iterdir()] == ["acc_1"]


async def test_a_folder_that_cannot_be_made_keeps_the_account_unconnected(template: Path, tmp_path: Path) -> None:
    (tmp_path / "terminals").touch()
    with pytest.raises(BrokerUnreachable, match=r"The terminal folder .*acc_1 cannot be made"):
        await folders(template, tmp_path).take("acc_1")


def provider(template: Path, tmp_path: Path) -> ProcessPerAccount:
    sources = metatrader5_folders(template, tmp_path / "terminals", timeout_ms=10_000)
    return ProcessPerAccount(SystemClock(), sources)


def test_without_the_package_the_gateway_says_what_to_do(template: Path, tmp_path: Path) -> None:
    assert not is_package_installed()
    with pytest.raises(ProviderUnusable, match=r"the package MetaTrader5 is not installed .* use mt5linux"):
        provider(template, tmp_path)
    with pytest.raises(BrokerUnreachable, match="MetaTrader5 cannot be imported here: No module named"):
        installed_module()


def test_a_template_without_a_terminal_is_refused_at_start(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use_stand_in(workshop, monkeypatch)
    with pytest.raises(ProviderUnusable, match=r"terminal_template = .*: there is no terminal64\.exe in it"):
        provider(tmp_path, tmp_path)


async def test_the_terminal_is_started_by_its_own_path_and_portable(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Never by a search, which may find the terminal of somebody else."""
    use_stand_in(workshop, monkeypatch)
    async with open_desk("metatrader5", workshop, tmp_path) as desk:
        one = await desk.open("1001")
        other = await desk.terminals.open("acc_2", Mt5Credentials("1002", "secret", "Sim-Demo"), Heard())
        assert [(await terminal.account_info()).login for terminal in (one, other)] == [1001, 1002]
        assert sorted(path.name for path in (tmp_path / "terminals").iterdir()) == ["acc_1001", "acc_2"]
