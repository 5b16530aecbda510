"""`import MetaTrader5` finds the simulator in each of the documented ways, and finds a real module."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reference_server.simulator import ManualClock, ManualPrices, SimulatedBroker, SimulatedMetaTrader5
from reference_server.simulator.pipe.address import Address
from reference_server.simulator.pipe.server import PipeServer
from reference_server.simulator.stand_in import StandInMisconfigured, site_folder, terminal_from_environment
from tonpo_spec.served import tonpo_command, tonpo_environment

TRADE = Path(__file__).parent.parent / "third_party" / "use_metatrader5.py"
INSTALL = "from reference_server.simulator import install; install()"


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run this Python where only the checkout is on its path, and what `environment` says."""
    return run([sys.executable, *arguments], {**tonpo_environment(), **environment})


def with_path_alone(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run this Python with the stand-in's folder on PYTHONPATH and nothing else of this project."""
    return run([sys.executable, *arguments], {**os.environ, "PYTHONPATH": str(site_folder()), **environment})


def run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env=environment, cwd="/", capture_output=True, text=True, timeout=120, check=False
    )  # fmt: skip


def said(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


class TestEachWay:
    """The same program, unchanged, by each of the documented ways."""

    def test_installed_by_a_line_of_python(self, tmp_path: Path) -> None:
        program = tmp_path / "program.py"
        program.write_text(f"{INSTALL}\n{TRADE.read_text(encoding='utf-8')}", encoding="utf-8")
        assert said(python(str(program))).endswith("done\n")

    def test_found_on_pythonpath(self) -> None:
        assert said(with_path_alone(str(TRADE))).endswith("done\n")

    def test_run_by_the_command(self) -> None:
        assert said(run(tonpo_command("simulator", "run", str(TRADE)), tonpo_environment())).endswith("done\n")

    def test_attached_to_a_served_broker(self, tmp_path: Path) -> None:
        broker = SimulatedBroker()
        server = PipeServer(broker, Address(path=str(tmp_path / "broker.sock")))
        try:
            output = said(with_path_alone(str(TRADE), TONPO_SIMULATOR_ADDRESS=str(server.address)))
        finally:
            server.close()
        assert output.endswith("done\n")
        (account,) = broker.accounts.values()
        assert account.login == 12345
        assert len(account.deals) == 5


SHAPE = """
import importlib, importlib.metadata, importlib.util, inspect, sys, types
import MetaTrader5
import MetaTrader5 as mt5
from MetaTrader5 import *
from MetaTrader5 import _core

assert type(mt5) is types.ModuleType and sys.modules["MetaTrader5"] is mt5
assert mt5.__name__ == "MetaTrader5" and mt5.__version__ == "5.0.6231" == importlib.metadata.version("MetaTrader5")
assert inspect.ismodule(mt5) and mt5.__file__.endswith("__init__.py") and mt5.__doc__ and mt5.__author__
assert importlib.util.find_spec("MetaTrader5").name == "MetaTrader5"
public = [name for name in dir(mt5) if not name.startswith("_")]
assert public == sorted(public) and len([name for name in public if name.isupper()]) == 223
functions = [name for name in public if not name.isupper() and not isinstance(getattr(mt5, name), type)]
assert {"initialize", "last_error", "order_send", "copy_rates_from_pos", "shutdown"} <= set(functions)
assert all(callable(getattr(mt5, name)) and getattr(mt5, name).__name__ == name for name in functions)
assert order_send is mt5.order_send is _core.order_send and TRADE_ACTION_DEAL == 1 and Tick is mt5.Tick
assert not [name for name in public if isinstance(getattr(mt5, name), types.ModuleType)]
assert vars(mt5)["order_send"] is mt5.order_send

class Client:
    send = mt5.order_send
    TIMEFRAME = mt5.TIMEFRAME_H1

assert mt5.last_error() == (0, "")
assert Client().send({"volume": 1}) is None and mt5.last_error() == (-2, 'Invalid "volume" argument')
assert mt5.initialize() and isinstance(mt5.symbol_info_tick("EURUSD"), mt5.Tick)
assert importlib.import_module("MetaTrader5").account_info() == mt5.account_info()
print("done")
"""


@pytest.mark.parametrize("way", ["installed", "on the path"])
def test_the_stand_in_is_a_module_of_the_genuine_ones_shape(way: str) -> None:
    done = python("-c", f"{INSTALL}\n{SHAPE}") if way == "installed" else with_path_alone("-c", SHAPE)
    assert said(done) == "done\n"


def test_a_process_that_was_started_by_an_installed_one_finds_the_stand_in_too() -> None:
    program = f"""
{INSTALL}
import multiprocessing
import MetaTrader5

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.apply(eval, ("__import__('MetaTrader5').__version__",)))
"""
    assert said(python("-c", program)) == "5.0.6231\n"


@pytest.fixture
def clean_modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "MetaTrader5", raising=False)
    monkeypatch.delitem(sys.modules, "MetaTrader5._core", raising=False)
    yield monkeypatch
    sys.modules.pop("MetaTrader5", None)
    sys.modules.pop("MetaTrader5._core", None)


def test_a_terminal_of_ones_own_can_be_installed_and_replaced(clean_modules: pytest.MonkeyPatch) -> None:
    from reference_server.simulator import install

    broker = SimulatedBroker(clock=ManualClock(), prices=ManualPrices())
    module = install(SimulatedMetaTrader5(broker))
    assert module is sys.modules["MetaTrader5"]
    assert module.initialize()
    broker.set_price("EURUSD", 1.1, 1.2)
    assert module.symbol_info_tick("EURUSD").ask == 1.2
    assert install(SimulatedMetaTrader5(broker)) is module
    assert module.account_info() is None
    assert sys.path.count(str(site_folder())) == 1


def test_faults_that_are_added_later_reach_the_installed_module(clean_modules: pytest.MonkeyPatch) -> None:
    from reference_server.simulator import install
    from reference_server.simulator.faults import Refuse

    broker = SimulatedBroker(clock=ManualClock(), prices=ManualPrices())
    send = install(SimulatedMetaTrader5(broker)).order_send
    assert sys.modules["MetaTrader5"].initialize()
    broker.faults.add(Refuse(retcode=10006))
    order = {"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": 0}
    assert [send(order).retcode, send(order).retcode] == [10006, 10009]


def test_the_genuine_package_is_not_replaced(clean_modules: pytest.MonkeyPatch) -> None:
    from types import ModuleType

    from reference_server.simulator.stand_in import GenuinePackageImported, install

    clean_modules.setitem(sys.modules, "MetaTrader5", ModuleType("MetaTrader5"))
    with pytest.raises(GenuinePackageImported, match=r"call install\(\) before anything imports it"):
        install()


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"TONPO_SIMULATOR_ADDRESS": "nowhere"}, "TONPO_SIMULATOR_ADDRESS: 'nowhere' is no address"),
        ({"TONPO_SIMULATOR_CONFIG": "/no/such.toml"}, "TONPO_SIMULATOR_CONFIG: .*/no/such.toml"),
        ({"TONPO_SIMULATOR_ADDRESS": "./a", "TONPO_SIMULATOR_CONFIG": "b"}, "are both set"),
    ],
)
def test_an_environment_that_describes_no_simulator_is_explained(environment: dict[str, str], message: str) -> None:
    with pytest.raises(StandInMisconfigured, match=message):
        terminal_from_environment(environment)


def test_a_misconfigured_import_says_so_and_is_no_missing_package() -> None:
    program = "try:\n  import MetaTrader5\nexcept ImportError:\n  print('not installed')"
    done = with_path_alone("-c", program, TONPO_SIMULATOR_ADDRESS="nowhere")
    assert done.returncode == 1
    assert "StandInMisconfigured: TONPO_SIMULATOR_ADDRESS" in done.stderr


def test_the_metadata_says_what_it_is() -> None:
    (metadata,) = site_folder().glob("*.dist-info/METADATA")
    text = metadata.read_text(encoding="utf-8")
    assert "Version: 5.0.6231" in text
    assert "Summary: The simulated terminal of tonpo-spec" in text
