"""A terminal at the other end of a pipe behaves as one in process, and a pipe that breaks as the genuine one's does."""

from __future__ import annotations

import datetime as dt
import itertools
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.simulator import ManualClock, ManualPrices, SimulatedBroker, SimulatedMetaTrader5
from reference_server.simulator.faults import AnswerLost, Crash, Hang
from reference_server.simulator.faults.visit import Visit
from reference_server.simulator.pipe import wire
from reference_server.simulator.pipe.address import Address, AddressUnusable, parse_address
from reference_server.simulator.pipe.client import FORWARDED, RemoteMetaTrader5
from reference_server.simulator.pipe.server import PipeServer
from reference_server.simulator.surface.constants import FIELDS

ROOT = Path(__file__).parent.parent.parent
LOGIN = {"login": 42, "password": "secret", "server": "TonpoSim-Demo"}


class Filling(IntEnum):
    """An enumeration of one's own, as many programs have it."""

    IOC = 1


class Lots(float):
    """A float of one's own."""


class Name(str):
    """A string of one's own."""

    __slots__ = ()


class Request(dict[Any, Any]):
    """A dict of one's own."""


def make_broker() -> SimulatedBroker:
    return SimulatedBroker(clock=ManualClock(), prices=ManualPrices())


@pytest.fixture
def broker() -> SimulatedBroker:
    return make_broker()


@pytest.fixture
def address(tmp_path: Path) -> Address:
    return Address(path=str(tmp_path / "broker.sock"))


@pytest.fixture
def server(broker: SimulatedBroker, address: Address) -> Iterator[PipeServer]:
    served = PipeServer(broker, address)
    yield served
    served.close()


@pytest.fixture
def remote(server: PipeServer) -> RemoteMetaTrader5:
    return RemoteMetaTrader5(server.address)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignallingHang(Hang):
    """A hang that tells the process by a signal that it has begun."""

    def wait_before(self, visit: Visit) -> None:
        os.kill(os.getpid(), signal.SIGUSR1)
        Hang.wait_before(self, visit)


BUY: dict[Any, Any] = {"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": 0, "comment": "пример 😀"}
CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("initialize", (), LOGIN),
    ("terminal_info", (), {}),
    ("version", (), {}),
    ("account_info", (), {}),
    ("symbols_total", (), {}),
    ("symbols_get", (), {}),
    ("symbols_get", (), {"group": "*USD*,!EUR*"}),
    ("symbols_get", (1,), {}),
    ("symbol_info", ("EURUSD",), {}),
    ("symbol_info", ("NOSUCH",), {}),
    ("symbol_info", (), {}),
    ("symbol_info", (), {"symbol": "EURUSD"}),
    ("symbol_info_tick", (Name("EURUSD"),), {}),
    ("symbol_select", ("EURUSD", object()), {}),
    ("symbol_select", ("GBPUSD", []), {}),
    ("order_check", (BUY,), {}),
    ("order_send", (BUY,), {}),
    ("order_send", (Request(BUY | {"volume": Lots(0.2), "type_filling": Filling.IOC, "note": object(), 5: 6}),), {}),
    ("order_send", (), BUY | {"magic": 2**64 - 1, "unknown": {}}),
    ("order_send", (BUY | {"volume": np.float64(0.1)},), {}),
    ("order_send", (BUY | {"volume": np.float32(0.1)},), {}),
    ("order_send", (BUY | {"volume": 1},), {}),
    ("order_send", (BUY | {"magic": np.int64(1)},), {}),
    ("order_send", (BUY | {"magic": -1},), {}),
    ("order_send", (BUY | {"comment": "\ud800"},), {}),
    ("order_send", (BUY | {"sl": float("nan")},), {}),
    ("order_send", ({},), {}),
    ("order_send", (None,), {}),
    ("order_send", (BUY, BUY), {}),
    ("order_send", ({"action": 5, "symbol": "EURUSD", "volume": 0.1, "type": 2, "price": 1.0},), {}),
    ("order_send", ({"action": 6, "symbol": "EURUSD", "position": 1, "sl": 1.0},), {}),
    ("orders_total", (), {}),
    ("orders_get", (), {}),
    ("positions_total", (), {}),
    ("positions_total", (1,), {}),
    ("positions_get", (), {}),
    ("positions_get", (), {"symbol": Name("EURUSD")}),
    ("positions_get", (), {"ticket": np.int64(1)}),
    ("positions_get", (), {"ticket": -1}),
    ("positions_get", (), {"magic": 1, "thing": object()}),
    ("positions_get", ("EURUSD",), {}),
    ("history_deals_total", (0, 2**31 - 1), {}),
    ("history_deals_get", (dt.datetime(2024, 1, 1), dt.datetime(2030, 1, 1)), {}),
    ("history_deals_get", (dt.datetime(2024, 1, 1, tzinfo=dt.UTC), 1.9e9), {"group": "EUR*"}),
    ("history_deals_get", (0, 2**40), {}),
    ("history_deals_get", (dt.date(2024, 1, 1), 0), {}),
    ("history_orders_get", (), {"position": 4300000001}),
    ("history_orders_total", (0, 10), {}),
    ("copy_rates_from_pos", ("EURUSD", Filling.IOC, np.int64(0), 10), {}),
    ("copy_rates_from_pos", ("EURUSD", 7, 0, 10), {}),
    ("copy_rates_from_pos", ("EURUSD", "M1", 0, 10), {}),
    ("copy_rates_from", ("EURUSD", 5, dt.datetime(2030, 1, 1), 10), {}),
    ("copy_rates_range", ("EURUSD", 16385, 0, 2**31 - 1), {}),
    ("copy_ticks_from", ("EURUSD", 0, 100, -1), {}),
    ("copy_ticks_range", ("EURUSD", 0, 2**31 - 1, 1), {}),
    ("copy_ticks_range", ("EURUSD", 0, 2**31 - 1, 99), {}),
    ("order_calc_margin", (0, "EURUSD", 1, Decimal("1.1")), {}),
    ("order_calc_profit", (np.int64(0), "EURUSD", np.float32(1), 1, 2), {}),
    ("market_book_add", ("EURUSD",), {}),
    ("market_book_get", ("EURUSD",), {}),
    ("market_book_get", ("GBPUSD",), {}),
    ("market_book_release", ("NOSUCH",), {}),
    ("Buy", ("EURUSD", 0.1), {}),
    ("Sell", ("EURUSD", 0.1, 1.1), {"comment": "by helper"}),
    ("Close", ("EURUSD",), {}),
    ("login", (43, "other", "TonpoSim-Netting"), {}),
    ("login", (43, "invalid"), {}),
    ("login", (0,), {}),
    ("login", ("43",), {}),
    ("account_info", (), {}),
    ("initialize", ("C:\\Program Files\\terminal64.exe",), LOGIN | {"portable": object()}),
    ("initialize", (), {"login": 42, "password": "wrong", "server": "TonpoSim-Demo"}),
    ("account_info", (), {}),
    ("initialize", (), {"login": 1, "password": "x", "server": "Unreachable", "timeout": 1}),
    ("initialize", (5,), {}),
    ("initialize", (), LOGIN),
    ("shutdown", (), {}),
    ("shutdown", (), {}),
    ("positions_get", (), {}),
    ("symbols_total", (), {}),
]  # fmt: skip


def made(terminal: Any, name: str, args: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, ...]:
    """Everything that a caller can see of a call."""
    function = getattr(terminal, name)
    try:
        value = function(*args, **keywords) if keywords else function(*args)
    except Exception as error:
        return type(error), str(error), type(error.__cause__), terminal.last_error()
    return described(value), terminal.last_error()


def described(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.dtype, value.tolist(), value.flags.writeable
    if isinstance(value, tuple):
        return type(value), tuple(map(described, value))
    return type(value), repr(value)


def test_every_call_gives_the_same_over_the_pipe_as_in_process(remote: RemoteMetaTrader5) -> None:
    local = SimulatedMetaTrader5(make_broker())
    for name, args, keywords in [("last_error", (), {}), *CALLS]:
        assert made(remote, name, args, keywords) == made(local, name, args, keywords), (name, args, keywords)


def test_a_wrapper_that_hands_on_keywords_is_refused_as_in_process(remote: RemoteMetaTrader5) -> None:
    assert remote.initialize(**LOGIN)
    nothing: dict[str, Any] = {}
    assert remote.order_send(BUY, **nothing) is None
    assert remote.last_error() == (-2, "Unnamed arguments not allowed")
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(remote.order_send, BUY).result() is None
        assert pool.submit(lambda: remote.order_send(BUY)).result().retcode == 10009


def test_the_calls_compared_are_all_there_are() -> None:
    assert {name for name, _, _ in CALLS} == {*FORWARDED, "Buy", "Sell", "Close"}


def test_arrays_are_read_only(remote: RemoteMetaTrader5) -> None:
    remote.initialize()
    bars = remote.copy_rates_from_pos("EURUSD", 1, 0, 10)
    with pytest.raises(ValueError, match="read-only"):
        bars["close"] = 0


def test_nobody_at_the_address_is_a_terminal_that_is_not_found(tmp_path: Path) -> None:
    terminal = RemoteMetaTrader5(str(tmp_path / "nobody.sock"))
    assert terminal.initialize() is False
    assert terminal.last_error() == (-10003, "IPC initialize failed, MetaTrader 5 x64 not found")
    assert terminal.account_info() is None
    assert terminal.last_error()[0] == -10004


def test_a_pipe_that_breaks_fails_once_with_10002_then_10004_until_initialize(
    broker: SimulatedBroker, address: Address
) -> None:
    server = PipeServer(broker, address)
    terminal = RemoteMetaTrader5(address)
    assert terminal.initialize(**LOGIN)
    server.close()
    assert terminal.order_send(BUY) is None
    assert terminal.last_error() == (-10002, "IPC recv failed")
    for _ in range(2):
        assert terminal.positions_get() is None
        assert terminal.last_error() == (-10004, "No IPC connection")
    assert terminal.symbol_select("EURUSD") is False
    server = PipeServer(broker, address)
    try:
        assert terminal.initialize(**LOGIN)
        assert terminal.positions_total() == 0
    finally:
        server.close()


@pytest.mark.parametrize(("name", "failure"), [("version", (0, 0, "")), ("login", False), ("symbol_info", None)])
def test_each_function_fails_in_its_own_way(broker: SimulatedBroker, address: Address, name: str, failure: Any) -> None:
    server = PipeServer(broker, address)
    terminal = RemoteMetaTrader5(address)
    assert terminal.initialize(**LOGIN)
    server.close()
    arguments = {"version": (), "login": (42, "secret"), "symbol_info": ("EURUSD",)}[name]
    assert getattr(terminal, name)(*arguments) == failure
    assert terminal.last_error()[0] == -10002


def test_wrong_arguments_are_found_without_the_server(broker: SimulatedBroker, address: Address) -> None:
    server = PipeServer(broker, address)
    terminal = RemoteMetaTrader5(address)
    assert terminal.initialize(**LOGIN)
    server.close()
    assert terminal.order_send({"volume": 1}) is None
    assert terminal.last_error() == (-2, 'Invalid "volume" argument')


def test_several_processes_share_the_broker_and_each_has_its_own_terminal(server: PipeServer) -> None:
    one, other = RemoteMetaTrader5(server.address), RemoteMetaTrader5(server.address)
    assert one.initialize(**LOGIN)
    assert other.initialize(**(LOGIN | {"login": 43}))
    assert one.order_send(BUY).retcode == 10009
    assert (one.positions_total(), other.positions_total()) == (1, 0)
    assert other.login(42, "secret", "TonpoSim-Demo")
    assert other.positions_get() == one.positions_get()


def test_a_forked_process_has_no_connection_and_leaves_its_parents_alone(remote: RemoteMetaTrader5) -> None:
    assert remote.initialize(**LOGIN)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        remote.account_info()
        os.write(writer, str(remote.last_error()[0]).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 16) == b"-10004"
    os.close(reader)
    os.close(writer)
    assert remote.account_info().login == 42


class TestPort:
    """A port of this machine asks for a token."""

    @pytest.fixture
    def address(self) -> Address:
        return parse_address("127.0.0.1:0")

    def test_the_token_opens_it(self, server: PipeServer) -> None:
        terminal = RemoteMetaTrader5(str(server.address), token=server.token)
        assert terminal.initialize(**LOGIN)

    @pytest.mark.parametrize("token", ["", "wrong"])
    def test_another_token_does_not(self, server: PipeServer, token: str) -> None:
        terminal = RemoteMetaTrader5(server.address, token=token)
        assert terminal.initialize(**LOGIN) is False
        assert terminal.last_error() == (-10003, "IPC initialize failed, CreateFile failed [5]")

    def test_two_made_up_tokens_differ(self, broker: SimulatedBroker, address: Address, server: PipeServer) -> None:
        second = PipeServer(broker, address)
        second.close()
        assert len(server.token) == 32
        assert server.token != second.token

    def test_what_is_no_client_is_cut_off(self, server: PipeServer) -> None:
        with socket.create_connection((server.address.host, server.address.port)) as line:
            line.sendall(b"GET / HTTP/1.1\r\n".ljust(wire.HELLO_BYTES))
            assert line.recv(1) == b""


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(wire._LENGTH.pack(wire.LONGEST_REQUEST + 1), id="too long"),
        pytest.param(wire._LENGTH.pack(3) + b"abc", id="no value"),
        pytest.param(wire._LENGTH.pack(5) + b"i\x01\x00\x00\x00", id="no call"),
        pytest.param((lambda body: wire._LENGTH.pack(len(body)) + body)(wire.pack_call("__init__", (), {})), id="name"),
    ],
)
def test_a_garbled_message_ends_its_connection_alone(
    server: PipeServer, remote: RemoteMetaTrader5, message: bytes
) -> None:
    assert remote.initialize(**LOGIN)
    with server.address.connect() as line:
        line.sendall(wire.hello("") + message)
        assert wire.receive(line, 100) == wire.GREETING
        assert line.recv(1) == b""
    assert remote.account_info().login == 42


def test_a_socket_file_that_nobody_serves_is_replaced(broker: SimulatedBroker, address: Address) -> None:
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(address.path)
    server = PipeServer(broker, address)
    assert Path(address.path).stat().st_mode & 0o777 == 0o600
    server.close()
    assert not Path(address.path).exists()


def test_a_server_whose_socket_file_was_removed_still_closes(broker: SimulatedBroker, address: Address) -> None:
    server = PipeServer(broker, address)
    Path(address.path).unlink()
    server.close()


def test_a_socket_in_use_is_not_replaced(server: PipeServer) -> None:
    with pytest.raises(AddressUnusable, match=r"broker\.sock: Address already in use"):
        PipeServer(make_broker(), server.address)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:7000", Address(host="127.0.0.1", port=7000)),
        ("localhost:7000", Address(host="127.0.0.1", port=7000)),
        ("[::1]:7000", Address(host="::1", port=7000)),
        ("unix:broker.sock", Address(path="broker.sock")),
        ("./broker.sock", Address(path="./broker.sock")),
    ],
)
def test_addresses_are_read(text: str, expected: Address) -> None:
    assert parse_address(text) == expected


@pytest.mark.parametrize("text", ["", "unix:", "7000", "127.0.0.1", "0.0.0.0:7000", "example.com:1", "127.0.0.1:70000"])
def test_what_is_no_address_of_this_machine_is_refused(text: str) -> None:
    with pytest.raises(AddressUnusable):
        parse_address(text)


VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters())


@given(values=st.tuples(VALUES, VALUES, VALUES), code=st.integers(-(2**31), 2**31 - 1), text=st.text())
def test_any_plain_value_arrives_as_it_was_sent(values: tuple[Any, ...], code: int, text: str) -> None:
    assert wire.unpack_reply(wire.pack_reply((code, text), values)) == ((code, text), values)
    name, args, keywords = wire.unpack_call(wire.pack_call("f", values, {"key": values[0]}))
    assert (name, args, keywords) == ("f", values, {"key": values[0]})
    assert [type(value) for value in args] == [type(value) for value in values]


@given(st.dictionaries(st.sampled_from(FIELDS["TradeRequest"]), VALUES))
def test_a_trade_request_arrives_without_the_keys_that_are_no_fields(request: dict[str, Any]) -> None:
    _, args, _ = wire.unpack_call(wire.pack_call("order_send", ({**request, "other": object(), 3: 4},), {}))
    assert args == (request,)


def test_a_defect_of_the_simulator_ends_the_connection_as_a_crashed_terminal_does(
    server: PipeServer, remote: RemoteMetaTrader5, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert remote.initialize(**LOGIN)
    broken: Callable[..., Any] = lambda *_: 1 / 0  # noqa: E731
    monkeypatch.setattr(server.broker.trade_server, "send", broken)
    assert remote.order_send(BUY) is None
    assert remote.last_error() == (-10002, "IPC recv failed")
    assert "ZeroDivisionError" in caplog.text


CLIENT = """
import sys
from reference_server.simulator.pipe.client import RemoteMetaTrader5

terminal = RemoteMetaTrader5(sys.argv[1])
assert terminal.initialize(login=42, password="secret", server="TonpoSim-Demo")
print(terminal.order_send({"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": 0}), flush=True)
"""


def run_client(address: Address) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", CLIENT, str(address)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(("when", "deals"), [("before", 0), ("after", 1)])
def test_a_client_can_be_killed_before_and_after_its_order_is_carried_out(
    server: PipeServer, broker: SimulatedBroker, when: str, deals: int
) -> None:
    broker.faults.add(Crash(call="order_send", when=when, process="client"))
    killed = run_client(server.address)
    assert (killed.returncode, killed.stdout) == (-signal.SIGKILL, "")
    survivor = RemoteMetaTrader5(server.address)
    assert survivor.initialize(**LOGIN)
    assert survivor.positions_total() == deals
    assert run_client(server.address).returncode == 0
    assert survivor.positions_total() == deals + 1


def test_a_client_in_the_servers_own_process_is_cut_off_in_the_place_of_killed(
    remote: RemoteMetaTrader5, broker: SimulatedBroker
) -> None:
    assert remote.initialize(**LOGIN)
    broker.faults.add(Crash(call="order_send", when="after", process="client"))
    assert remote.order_send(BUY) is None
    assert remote.last_error() == (-10002, "IPC recv failed")
    assert remote.initialize(**LOGIN)
    assert remote.positions_total() == 1


def test_a_hanging_call_holds_up_its_own_connection_alone(server: PipeServer, broker: SimulatedBroker) -> None:
    one, other = RemoteMetaTrader5(server.address), RemoteMetaTrader5(server.address)
    assert one.initialize(**LOGIN)
    assert other.initialize(**(LOGIN | {"login": 43}))
    hang = broker.faults.add(Hang(call="order_send", login=42, gil=True))
    answers: list[Any] = []
    calling = Thread(target=lambda: answers.append(one.order_send(BUY)))
    calling.start()
    assert other.order_send(BUY).retcode == 10009
    assert not answers
    broker.faults.clear(hang)
    calling.join(30)
    assert answers[0].retcode == 10009


def test_an_answer_lost_at_the_broker_is_a_broken_pipe_at_the_client(
    remote: RemoteMetaTrader5, broker: SimulatedBroker
) -> None:
    assert remote.initialize(**LOGIN)
    broker.faults.add(AnswerLost())
    assert remote.order_send(BUY) is None
    assert remote.last_error() == (-10002, "IPC recv failed")
    assert remote.positions_get() is None
    assert remote.last_error() == (-10004, "No IPC connection")
    assert remote.initialize()
    assert remote.positions_total() == 1


def test_a_terminal_remembers_its_account_for_the_next_connection(server: PipeServer) -> None:
    one = RemoteMetaTrader5(server.address)
    assert one.initialize("C:\\one\\terminal64.exe", **LOGIN)
    one.symbol_select("GBPUSD", False)
    one.shutdown()
    other = RemoteMetaTrader5(server.address)
    assert other.initialize("C:\\two\\terminal64.exe")
    assert other.account_info().login != 42
    assert other.symbol_info("GBPUSD").select
    again = RemoteMetaTrader5(server.address)
    assert again.initialize("C:\\one\\terminal64.exe")
    assert again.account_info().login == 42
    assert not again.symbol_info("GBPUSD").select
    assert again.terminal_info().path == "C:\\one"


@given(message=st.binary(max_size=600), cuts=st.lists(st.integers(1, 200), max_size=6))
def test_a_message_arrives_however_it_is_cut(message: bytes, cuts: list[int]) -> None:
    one, other = socket.socketpair()
    with one, other:
        framed = wire._LENGTH.pack(len(message)) + message
        places = [0, *sorted({cut for cut in cuts if cut < len(framed)}), len(framed)]

        def write() -> None:
            for start, end in itertools.pairwise(places):
                one.sendall(framed[start:end])

        writing = Thread(target=write)
        writing.start()
        assert wire.receive(other, 1000) == message
        writing.join()


def test_two_messages_at_once_are_none() -> None:
    one, other = socket.socketpair()
    with one, other:
        one.sendall(wire._LENGTH.pack(1) + b"ab")
        with pytest.raises(wire.Garbled, match="more than one message"):
            wire.receive(other, 1000)


@pytest.fixture
def interrupted() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Have a function run in the main thread as a signal's handler."""
    before = signal.getsignal(signal.SIGUSR1)

    def arrange(handler: Callable[[], None]) -> None:
        signal.signal(signal.SIGUSR1, lambda *_: handler())

    yield arrange
    signal.signal(signal.SIGUSR1, before)


def test_a_call_that_is_interrupted_leaves_no_answer_behind_for_the_next(
    remote: RemoteMetaTrader5, broker: SimulatedBroker, interrupted: Callable[[Callable[[], None]], None]
) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    assert remote.initialize(**LOGIN)
    interrupted(stop)
    hang = broker.faults.add(SignallingHang(call="positions_total"))
    with pytest.raises(KeyboardInterrupt):
        remote.positions_total()
    broker.faults.clear(hang)
    assert remote.account_info() is None
    assert remote.last_error() == (-10004, "No IPC connection")
    assert remote.initialize(**LOGIN)
    assert remote.account_info().login == 42


def test_a_signals_handler_in_the_middle_of_a_call_cannot_make_another(
    remote: RemoteMetaTrader5, broker: SimulatedBroker, interrupted: Callable[[Callable[[], None]], None]
) -> None:
    found: list[Any] = []

    def look() -> None:
        found.extend((remote.account_info(), remote.last_error(), remote.shutdown()))
        broker.faults.clear()

    assert remote.initialize(**LOGIN)
    interrupted(look)
    broker.faults.add(SignallingHang(call="positions_total"))
    assert remote.positions_total() == 0
    assert found == [None, (-10001, "IPC send failed"), True]
    assert remote.account_info() is None
