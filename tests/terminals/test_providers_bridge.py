"""mt5linux: plain values from another Python, one endpoint for one account, and broken connections by MT5's numbers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from reference_server.clock import SystemClock
from reference_server.domain.account import Mt5Credentials
from reference_server.simulator import ManualPrices, SimulatedBroker
from reference_server.simulator.pipe.address import Address
from reference_server.simulator.pipe.server import PipeServer
from reference_server.terminals.adapter.module import MetaTrader5Module
from reference_server.terminals.providers.bridge import bridged_module
from reference_server.terminals.providers.mt5linux import Endpoint, Endpoints, mt5linux_endpoints
from reference_server.terminals.providers.processes import ProcessPerAccount
from reference_server.terminals.providers.unusable import ProviderUnusable
from reference_server.terminals.workers.sources import Bridged
from reference_server.usecases.ports import BrokerUnreachable
from tests.terminals.fakes import HandClock, Heard
from tests.terminals.providers import Workshop, open_bridge

ORDER = {"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": 0, "type_filling": 1}


@pytest.fixture
def broker(workshop: Workshop) -> Iterator[SimulatedBroker]:
    broker = SimulatedBroker(clock=HandClock(), prices=ManualPrices())
    server = PipeServer(broker, Address(path=workshop.served))
    broker.set_price("EURUSD", 1.1, 1.1001)
    yield broker
    server.close()


@pytest.fixture
def bridged(workshop: Workshop, broker: SimulatedBroker) -> Iterator[MetaTrader5Module]:
    endpoint = workshop.bridges()[0]
    module = bridged_module(endpoint.host, endpoint.port)
    assert module.initialize(login=5, password='it\'s "quoted" \\', server="Sim-Demo")
    yield module
    module.shutdown()


def test_records_come_as_values_with_their_fields(bridged: MetaTrader5Module) -> None:
    account = bridged.account_info()
    assert (account.login, account.server, account.balance) == (5, "Sim-Demo", 10_000.0)
    assert bridged.last_error() == (1, "Success")
    assert "EURUSD" in [symbol.name for symbol in bridged.symbols_get()]
    assert bridged.symbol_info("NOSUCH") is None
    assert bridged.last_error() == (-4, "Terminal: Not found")


def test_a_request_arrives_as_a_dictionary_and_its_answer_is_whole(bridged: MetaTrader5Module) -> None:
    answer = bridged.order_send(ORDER)
    assert (answer.retcode, answer.request.symbol, answer.request.volume) == (10009, "EURUSD", 0.1)
    (position,) = bridged.positions_get(symbol="EURUSD")
    assert position.ticket == answer.order


def test_arrays_keep_their_fields(bridged: MetaTrader5Module) -> None:
    now = HandClock().now_ms() // 1000 + 3 * 3600
    ticks = bridged.copy_ticks_from("EURUSD", now - 60, 10, -1)
    assert isinstance(ticks, np.ndarray)
    assert ticks.dtype.names is not None
    assert ticks.dtype.itemsize == 60
    assert ticks["bid"][-1] == 1.1


def test_refused_arguments_say_so(bridged: MetaTrader5Module) -> None:
    assert bridged.order_send({**ORDER, "volume": 1}) is None
    assert bridged.last_error() == (-2, 'Invalid "volume" argument')


def test_a_broken_connection_is_said_once_as_broken_and_then_as_none(
    workshop: Workshop, broker: SimulatedBroker
) -> None:
    with open_bridge(workshop) as endpoint:
        module = bridged_module(endpoint.host, endpoint.port)
        assert module.initialize(login=5, password="secret", server="Sim-Demo")
    assert module.account_info() is None
    assert module.last_error() == (-10002, "IPC recv failed")
    assert module.order_send(ORDER) is None
    assert module.last_error() == (-10004, "No IPC connection")
    assert module.shutdown()


def test_a_server_that_is_not_there_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(BrokerUnreachable, match=f"No mt5linux server answers at 127.0.0.1:{port}"):
            bridged_module("127.0.0.1", port)


def test_what_speaks_another_protocol_is_no_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()

        def hang_up() -> None:
            listener.accept()[0].close()

        answering = threading.Thread(target=hang_up)
        answering.start()
        with pytest.raises(BrokerUnreachable, match=rf"127\.0\.0\.1:{port}"):
            bridged_module(host, port)
        answering.join()


def test_a_server_without_the_package_is_named(workshop: Workshop) -> None:
    problem = "cannot use the package MetaTrader5: No module named 'MetaTrader5'"
    with open_bridge(workshop, with_package=False) as endpoint, pytest.raises(BrokerUnreachable, match=problem):
        bridged_module(endpoint.host, endpoint.port)


async def test_an_endpoint_serves_one_account_at_a_time_and_its_own_again() -> None:
    endpoints = Endpoints([Endpoint("a", 1), Endpoint("b", 2)], path="C:\\mt5\\terminal64.exe", timeout_ms=9)
    one = await endpoints.take("acc_1")
    other = await endpoints.take("acc_2")
    assert one == Bridged("a", 1, path="C:\\mt5\\terminal64.exe", timeout_ms=9)
    assert other.host == "b"
    with pytest.raises(BrokerUnreachable, match="All 2 mt5linux servers serve other accounts"):
        await endpoints.take("acc_3")
    endpoints.give_back(one)
    endpoints.give_back(other)
    assert (await endpoints.take("acc_2")).host == "b"
    assert (await endpoints.take("acc_1")).host == "a"


async def test_an_account_without_an_endpoint_waits_unconnected(workshop: Workshop) -> None:
    endpoints = mt5linux_endpoints([Endpoint("127.0.0.1", 1)], path=None, timeout_ms=1_000)
    terminals = ProcessPerAccount(SystemClock(), endpoints)
    with pytest.raises(BrokerUnreachable, match=r"No mt5linux server answers at 127\.0\.0\.1:1 "):
        await terminals.open("acc_1", Mt5Credentials("1", "secret", "Sim-Demo"), Heard())
    await terminals.close()


def test_a_provider_without_endpoints_is_refused_at_start() -> None:
    with pytest.raises(ProviderUnusable, match="mt5linux_endpoints is empty"):
        mt5linux_endpoints([], path=None, timeout_ms=1_000)
