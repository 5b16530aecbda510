"""Which terminal `initialize` finds, and what a broken pipe does."""

import pytest

from reference_server.simulator import ManualClock, ManualPrices, SimulatedBroker, SimulatedMetaTrader5
from tests.simulator.conftest import Desk

FIRST, SECOND = "C:\\One\\terminal64.exe", "C:\\Two\\terminal64.exe"


@pytest.fixture
def broker() -> SimulatedBroker:
    return SimulatedBroker(clock=ManualClock(), prices=ManualPrices())


def test_there_is_a_terminal_at_every_path(broker: SimulatedBroker) -> None:
    mt5 = SimulatedMetaTrader5(broker)
    assert mt5.initialize(FIRST)
    assert mt5.terminal_info().path == "C:\\One"
    assert mt5.initialize(path=SECOND, portable=True, timeout=1)
    assert mt5.terminal_info().path == mt5.terminal_info().data_path == "C:\\Two"


def test_each_terminal_remembers_its_own_account(broker: SimulatedBroker) -> None:
    mt5 = SimulatedMetaTrader5(broker)
    assert mt5.initialize(FIRST, login=1, password="a", server="Demo")
    assert mt5.initialize(SECOND, login=2, password="b", server="Demo")
    assert mt5.initialize(FIRST.replace("\\", "/").lower())
    assert mt5.account_info().login == 1
    assert mt5.initialize()
    assert mt5.account_info().login == 1


def test_a_machine_has_the_terminals_that_are_installed(broker: SimulatedBroker) -> None:
    mt5 = SimulatedMetaTrader5(broker, path=FIRST, installed=[FIRST, SECOND])
    assert mt5.initialize()
    assert mt5.initialize("c:/two/terminal64.exe")
    assert not mt5.initialize("C:\\Three")
    assert mt5.last_error() == (-10003, "IPC initialize failed, Process create failed 'C:\\Three'")
    assert mt5.account_info() is None


def test_a_machine_without_a_terminal(broker: SimulatedBroker) -> None:
    mt5 = SimulatedMetaTrader5(broker, installed=())
    assert not mt5.initialize()
    assert mt5.last_error() == (-10003, "IPC initialize failed, MetaTrader 5 x64 not found")


def test_a_broken_pipe_fails_one_call_and_then_there_is_no_connection(desk: Desk) -> None:
    desk.mt5._broken = True
    assert desk.mt5.order_send({}) is None
    assert desk.mt5.last_error() == (-10002, "IPC recv failed")
    assert desk.mt5.account_info() is None
    assert desk.mt5.last_error() == (-10004, "No IPC connection")
    assert desk.mt5.initialize()
    assert desk.mt5.account_info().login == 42


def test_a_broken_pipe_is_met_by_any_call(desk: Desk) -> None:
    desk.mt5._broken = True
    assert desk.mt5.order_send(None) is None
    assert desk.mt5.last_error() == (-2, "Invalid arguments")
    assert desk.mt5.symbols_total() is None
    assert desk.mt5.last_error() == (-10002, "IPC recv failed")
    assert not desk.mt5._broken
    assert desk.mt5.symbols_total() is None
    assert desk.mt5.last_error()[0] == -5


def test_shutdown_forgets_a_broken_pipe(desk: Desk) -> None:
    desk.mt5._broken = True
    assert desk.mt5.shutdown() is True
    assert desk.mt5.account_info() is None
    assert desk.mt5.last_error()[0] == -10004


def test_login_meets_a_broken_pipe(desk: Desk) -> None:
    desk.mt5._broken = True
    assert desk.mt5.login(42, "secret", "TonpoSim-Demo") is False
    assert desk.mt5.last_error() == (-10002, "IPC recv failed")


def test_a_doubtful_portable_connects_and_raises(broker: SimulatedBroker) -> None:
    class Doubtful:
        def __bool__(self) -> bool:
            raise ValueError("neither")

    mt5 = SimulatedMetaTrader5(broker)
    with pytest.raises(SystemError) as raised:
        mt5.initialize(portable=Doubtful())
    assert isinstance(raised.value.__cause__, ValueError)
    assert mt5.last_error() == (1, "Success")
    assert mt5.account_info() is not None
