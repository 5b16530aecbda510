"""The control port: who may use it, what it does to the broker, and what it answers to nonsense."""

import http.client
import json
import shlex
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_server.simulator import ManualPrices, SimulatedBroker, SimulatedMetaTrader5
from reference_server.simulator.control import (
    ControlClient,
    ControlPort,
    ControlRefused,
    ControlUnreachable,
    ControlUnusable,
    start_control,
)
from reference_server.simulator.faults import KINDS
from tests.simulator.conftest import Desk, open_desk

SERVER, TOKEN = "TonpoSim-Demo", "a-token-of-this-test"


@pytest.fixture(scope="module")
def desk() -> Desk:
    """One desk for this module: each test leaves it as it was."""
    return open_desk()


@pytest.fixture(scope="module")
def port(desk: Desk) -> Iterator[ControlPort]:
    """A control port on the desk's broker."""
    port = start_control(desk.broker, token=TOKEN)
    yield port
    port.close()


@pytest.fixture
def control(desk: Desk, port: ControlPort) -> Iterator[ControlClient]:
    """A client of the port."""
    yield ControlClient(port.url, TOKEN)
    desk.broker.faults.clear()
    for position in desk.mt5.positions_get():
        desk.send(action=1, type=1 - position.type, volume=position.volume, position=position.ticket)
    desk.broker.change_account(SERVER, 42, enabled=True, trade_allowed=True, trade_expert=True)


def ask(port: ControlPort, method: str, path: str, body: bytes | str | None = None, **headers: str) -> tuple[int, Any]:
    """Send a request as it is given, with the token unless told otherwise."""
    sent = {"Authorization": f"Bearer {TOKEN}", **{name.replace("_", "-"): value for name, value in headers.items()}}
    line = http.client.HTTPConnection(str(urlsplit(port.url).netloc), timeout=30)
    try:
        line.putrequest(method, path, skip_host="Host" in sent, skip_accept_encoding=True)
        data = body.encode() if isinstance(body, str) else body or b""
        for name, value in {**sent, "Content-Length": str(len(data))}.items():
            if value:
                line.putheader(name, value)
        line.endheaders(data)
        response = line.getresponse()
        assert response.headers["Content-Type"] == "application/json; charset=utf-8"
        return response.status, json.load(response)
    finally:
        line.close()


def refused(port: ControlPort, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str, str]:
    """Status, word and sentence of a refusal."""
    text = body if isinstance(body, bytes | str) or body is None else json.dumps(body)
    status, answer = ask(port, method, path, text, **headers)
    return status, answer["error"], answer["message"]


def test_the_state_shows_time_prices_accounts_and_faults(desk: Desk, control: ControlClient) -> None:
    opened = desk.buy(0.2)
    fault = control.add_fault("requote")
    state = control.state()
    assert state["clock"] == {
        "utc_ms": desk.clock.now_ms(),
        "server_ms": desk.broker.market.now_ms,
        "is_manual": True,
    }
    assert state["prices"]["EURUSD"] == {"bid": 1.08545, "ask": 1.08553}
    account = state["accounts"][0]
    assert (account["server"], account["login"], account["currency"]) == (SERVER, 42, "USD")
    assert [(position["ticket"], position["volume"]) for position in account["positions"]] == [(opened.order, 0.2)]
    assert control.account(SERVER, 42) == account
    assert [(each["id"], each["kind"], each["used"]) for each in state["faults"]] == [(fault, "requote", 0)]


def test_faults_are_queued_listed_and_cleared(desk: Desk, control: ControlClient) -> None:
    first = control.add_fault("refuse", retcode=10019, times=0)
    second = control.add_fault("answer_lost")
    assert desk.buy().retcode == 10019
    assert [(each["id"], each["kind"], each["used"]) for each in control.faults()] == [
        (first, "refuse", 1),
        (second, "answer_lost", 0),
    ]
    assert control.clear_faults(first) == 1
    assert desk.buy() is None
    assert desk.mt5.initialize()
    assert (control.faults(), control.clear_faults()) == ([], 0)


def test_a_hanging_call_is_let_go_from_outside(desk: Desk, control: ControlClient) -> None:
    class Unhurried:
        """Hangs until someone else clears the fault: here, the port, while the call is under way."""

        def delay(self, milliseconds: int, *, gil: bool) -> None:
            raise AssertionError

        def hang(self, cleared: Any, *, gil: bool) -> None:
            assert [each["kind"] for each in control.faults()] == ["hang"]
            assert control.clear_faults() == 1
            assert cleared.wait(30)

    before, desk.broker.faults.waiter = desk.broker.faults.waiter, Unhurried()
    control.add_fault("hang", call="positions_total")
    assert desk.mt5.positions_total() == 0
    desk.broker.faults.waiter = before


def test_prices_move_by_hand_and_set_off_what_they_set_off(desk: Desk, control: ControlClient) -> None:
    opened = desk.buy(0.1, sl=1.08)
    control.set_price("EURUSD", 1.07, 1.0701)
    assert desk.mt5.symbol_info_tick("EURUSD").bid == 1.07
    assert desk.mt5.positions_get() == ()
    assert desk.mt5.history_deals_get(position=opened.order)[-1].comment.startswith("[sl")
    control.set_price("EURUSD", 1.08545, 1.08553)


def test_a_released_symbol_moves_on_its_own_again() -> None:
    desk = open_desk()
    port = start_control(desk.broker)
    control = ControlClient(port.url, port.token)
    control.set_price("EURUSD", 1.2, 1.3)
    assert "EURUSD" in desk.broker.market._held
    control.release_price("EURUSD")
    assert "EURUSD" not in desk.broker.market._held
    port.close()


def test_a_manual_clock_is_moved(desk: Desk, control: ControlClient) -> None:
    before_ms = desk.clock.now_ms()
    moved = control.advance_clock(seconds=1.5, ms=250)
    assert moved["utc_ms"] == desk.clock.now_ms() == before_ms + 1750
    assert desk.broker.market.utc_ms == before_ms + 1750


def test_a_clock_that_runs_by_itself_is_not(port: ControlPort) -> None:
    other = start_control(SimulatedBroker(prices=ManualPrices()), token=TOKEN)
    assert refused(other, "POST", "/clock/advance", {"ms": 5}) == (
        409,
        "impossible",
        "this broker's clock runs by itself; only a manual clock can be moved",
    )
    other.close()


def test_money_is_paid_in_and_out(desk: Desk, control: ControlClient) -> None:
    before = desk.mt5.account_info().balance
    assert control.deposit(SERVER, 42, 500, "gift")["balance"] == before + 500
    assert control.withdraw(SERVER, 42, 200.5)["balance"] == before + 299.5
    assert control.credit(SERVER, 42, 50)["credit"] == 50
    assert control.credit(SERVER, 42, -50)["credit"] == 0
    deals = desk.deals()[-4:]
    assert [(deal.type, deal.profit) for deal in deals] == [(2, 500.0), (2, -200.5), (3, 50.0), (3, -50.0)]
    assert deals[0].comment == "gift"


def test_an_account_is_made_read_only_closed_and_opened_again(desk: Desk, control: ControlClient) -> None:
    assert control.change_account(SERVER, 42, trade_allowed=False)["trade_allowed"] is False
    assert desk.buy().retcode == 10017
    control.change_account(SERVER, 42, trade_allowed=True, trade_expert=False)
    assert desk.buy().retcode == 10026
    control.change_account(SERVER, 42, trade_expert=True, enabled=False)
    assert not desk.mt5.initialize(login=42, password="secret", server=SERVER)
    assert desk.mt5.last_error()[0] == -6
    control.change_account(SERVER, 42, enabled=True, leverage=50)
    assert desk.mt5.initialize(login=42, password="secret", server=SERVER)
    assert desk.mt5.account_info().leverage == 50
    control.change_account(SERVER, 42, leverage=100)


def test_a_trade_by_hand_has_the_reason_of_a_person(desk: Desk, control: ControlClient) -> None:
    result = control.trade(SERVER, 42, type=1, symbol="EURUSD", volume=1, comment="by hand")
    assert (result["retcode"], result["request"]["volume"], result["request"]["type_filling"]) == (10009, 1.0, 0)
    position = desk.mt5.positions_get(ticket=result["order"])[0]
    assert (position.type, position.reason, position.comment) == (1, 0, "by hand")
    assert desk.mt5.history_orders_get(ticket=result["order"])[0].reason == 0
    assert desk.mt5.history_deals_get(ticket=result["deal"])[0].reason == 0
    closed = control.trade(SERVER, 42, type=0, symbol="EURUSD", volume=1, position=result["order"])
    assert closed["retcode"] == 10009
    assert desk.mt5.positions_get() == ()
    assert desk.buy().retcode == 10009
    assert desk.mt5.positions_get()[0].reason == 3


def test_a_person_trades_where_programs_may_not_and_is_refused_as_they_are(desk: Desk, control: ControlClient) -> None:
    control.change_account(SERVER, 42, trade_expert=False)
    placed = control.trade(SERVER, 42, action=5, type=2, symbol="EURUSD", volume=0.1, price=1.0)
    assert placed["retcode"] == 10009
    assert control.trade(SERVER, 42, action=8, order=placed["order"])["retcode"] == 10009
    assert control.trade(SERVER, 42, type=0, symbol="EURUSD", volume=0.001)["retcode"] == 10014
    assert control.trade(SERVER, 42, type=0, symbol="NOTHING", volume=1)["retcode"] == 10013


def test_a_person_changes_levels_moves_orders_and_closes_positions_against_each_other(
    desk: Desk, control: ControlClient
) -> None:
    bought, sold = desk.buy(0.3), desk.sell(0.2)
    levels = control.trade(SERVER, 42, action=6, position=bought.order, symbol="EURUSD", sl=1.08, tp=1.09)
    assert (levels["retcode"], levels["order"]) == (10009, 0)
    position = desk.mt5.positions_get(ticket=bought.order)[0]
    assert (position.sl, position.tp, position.reason) == (1.08, 1.09, 3)

    waiting = desk.pending(6, 1.09, stoplimit=1.088)
    moved = control.trade(SERVER, 42, action=7, order=waiting.order, price=1.095, stoplimit=1.089)
    assert (moved["retcode"], moved["order"]) == (10009, waiting.order)
    order = desk.mt5.orders_get(ticket=waiting.order)[0]
    assert (order.price_open, order.price_stoplimit, order.reason) == (1.095, 1.089, 3)
    assert control.trade(SERVER, 42, action=8, order=waiting.order)["retcode"] == 10009

    closed = control.trade(SERVER, 42, action=10, position=bought.order, position_by=sold.order)
    assert (closed["retcode"], closed["volume"]) == (10009, 0.2)
    assert [(one.ticket, one.volume) for one in desk.mt5.positions_get()] == [(bought.order, 0.1)]
    legs = [deal for deal in desk.deals() if deal.order == closed["order"]]
    assert [(leg.position_id, leg.entry, leg.reason, leg.volume) for leg in legs] == [
        (bought.order, 3, 0, 0.2),
        (sold.order, 3, 0, 0.2),
    ]
    assert control.trade(SERVER, 42, action=10, position=bought.order, position_by=sold.order)["retcode"] == 10013


def test_links_are_taken_down_and_brought_back(desk: Desk, control: ControlClient) -> None:
    control.disconnect()
    assert desk.mt5.terminal_info().connected is False
    assert desk.buy().retcode == 10031
    assert control.reconnect(login=42) == 0, "that one is down for everybody"
    assert control.reconnect() == 1
    assert desk.mt5.terminal_info().connected is True
    control.disconnect(login=42, ms=100)
    control.disconnect(login=43)
    assert desk.mt5.terminal_info().connected is False
    control.advance_clock(ms=100)
    assert desk.mt5.terminal_info().connected is True
    assert [each["login"] for each in control.faults()] == [43]
    assert control.reconnect(login=43) == 1


def test_a_token_is_asked_for_whatever_the_path(port: ControlPort) -> None:
    for path in ("/state", "/faults", "/nothing"):
        for given_header in ("", "Bearer wrong", "Basic " + TOKEN, "Bearer", TOKEN, "Bearer \u00e9"):
            status, error, message = refused(port, "GET", path, Authorization=given_header)
            assert (status, error) == (401, "unauthorized"), given_header
            assert TOKEN not in message
    assert ask(port, "GET", "/faults", Authorization=f"bearer {TOKEN}")[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "rebound.example"},
        {"Host": "rebound.example:80"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_web_page_cannot_drive_the_broker(port: ControlPort, headers: dict[str, str]) -> None:
    """Not even with the token: it may have been pasted into the page."""
    assert refused(port, "POST", "/disconnect", "{}", **headers)[:2] == (403, "forbidden")
    assert refused(port, "OPTIONS", "/faults", None, **headers)[:2] == (403, "forbidden")


def test_the_port_answers_to_its_own_names(port: ControlPort) -> None:
    number = urlsplit(port.url).port
    assert ask(port, "GET", "/faults", Host=f"localhost:{number}")[0] == 200
    assert ask(port, "GET", "/faults", Host=f"LOCALHOST:{number}")[0] == 200


@pytest.mark.parametrize("comment", ["\ud800", "a\0b", "Grüße", "\U0001f600"])
def test_any_comment_can_be_told(port: ControlPort, comment: str) -> None:
    order = {"server": SERVER, "login": 42, "symbol": "EURUSD", "volume": 0.1, "comment": comment}
    status, result = ask(port, "POST", "/trade", json.dumps(order))
    assert (status, result["retcode"], result["request"]["comment"]) == (200, 10009, comment)
    assert ask(port, "GET", f"/accounts/{SERVER}/42")[1]["positions"][-1]["comment"] == comment


MISTAKES: list[tuple[str, str, Any, int, str]] = [
    ("GET", "/nothing", None, 404, "there is nothing at /nothing"),
    ("PUT", "/faults", "{}", 405, "/faults takes DELETE, GET, POST, not PUT"),
    ("POST", "/faults", "", 400, '"kind" is missing'),
    ("POST", "/faults", "{", 400, "the body is no JSON"),
    ("POST", "/faults", b"\xff\xfe", 400, "no UTF-8 text"),
    ("POST", "/faults", "[" * 60_000, 400, "the body is no JSON"),
    ("POST", "/faults", "[]", 400, "the body must be a JSON object"),
    ("POST", "/faults", '{"kind": "delay", "ms": NaN}', 400, "NaN, which is no JSON number"),
    ("POST", "/faults", '{"kind": "refuse", "retcode": 1}', 400, "a return code that refuses"),
    ("POST", "/faults", "x" * 70_000, 413, ""),
    ("DELETE", "/faults/77", None, 404, "no fault has the id 77"),
    ("DELETE", "/faults/first", None, 404, "no fault has the id first"),
    ("POST", "/disconnect", {"ms": -1}, 400, "a whole number of milliseconds"),
    ("POST", "/disconnect", {"server": "x"}, 400, '"server" is no key here; there is login, ms'),
    ("POST", "/reconnect", {"login": "42"}, 400, '"login" must be a whole number'),
    ("POST", "/prices/NOTHING", {"bid": 1, "ask": 2}, 404, "this broker has no symbol NOTHING"),
    ("DELETE", "/prices/NOTHING", None, 404, "this broker has no symbol NOTHING"),
    ("POST", "/prices/EURUSD", {"bid": 1}, 400, '"ask" is missing: a number'),
    ("POST", "/prices/EURUSD", {"bid": "1", "ask": 2}, 400, '"bid" must be a number, not "1"'),
    ("POST", "/prices/EURUSD", {"bid": True, "ask": 2}, 400, '"bid" must be a number, not true'),
    ("POST", "/prices/EURUSD", '{"bid": 1e999, "ask": 2}', 400, '"bid" must be a number'),
    ("POST", "/prices/EURUSD", '{"bid": 1' + "0" * 400 + ', "ask": 2}', 400, '"bid" must be a number'),
    ("POST", "/prices/EURUSD", {"bid": 2, "ask": 1}, 400, "are no price"),
    ("POST", "/prices/EURUSD", {"bid": 1e300, "ask": 1e300}, 400, "are no price"),
    ("POST", "/prices/EURUSD", {"bid": 1, "ask": 2, "spread": 1}, 400, '"spread" is no key here; there is bid, ask'),
    ("POST", "/clock/advance", {}, 400, "must be above 0"),
    ("POST", "/clock/advance", {"seconds": -1}, 400, "must be above 0"),
    ("POST", "/clock/advance", {"seconds": 1e300}, 400, "at most"),
    ("POST", "/clock/advance", {"ms": 1.5}, 400, '"ms" must be a whole number'),
    ("GET", "/accounts/Nowhere/42", None, 404, "there is no account 42 on Nowhere"),
    ("POST", f"/accounts/{SERVER}/abc/deposit", {"amount": 1}, 404, "there is no account abc"),
    ("POST", f"/accounts/{SERVER}/42/deposit", {"amount": -1}, 400, '"amount" must be above 0'),
    ("POST", f"/accounts/{SERVER}/42/withdraw", {"amount": 0}, 400, '"amount" must be above 0'),
    ("POST", f"/accounts/{SERVER}/42/credit", {"amount": 0}, 400, "another number than 0"),
    ("POST", f"/accounts/{SERVER}/42/deposit", {"amount": 1, "comment": 5}, 400, '"comment" must be a text'),
    ("POST", f"/accounts/{SERVER}/42/settings", {"balance": 1.0}, 400, "nothing that can be changed"),
    ("POST", f"/accounts/{SERVER}/42/settings", {"enabled": 0}, 400, '"enabled" must be true or false'),
    ("POST", f"/accounts/{SERVER}/42/settings", {"leverage": "x"}, 400, '"leverage" must be a whole number'),
    ("POST", f"/accounts/{SERVER}/42/settings", {"leverage": 0}, 400, "leverage must be 1 or more"),
    ("POST", f"/accounts/{SERVER}/42/settings", {"limit_orders": 1.5}, 400, '"limit_orders" must be a whole number'),
    ("POST", "/trade", {"login": 42}, 400, '"server" is missing'),
    ("POST", "/trade", {"server": SERVER, "login": 9}, 404, "there is no account 9"),
    ("POST", "/trade", {"server": SERVER, "login": 42, "side": "buy"}, 400, '"side" is no key of a trade'),
    ("POST", "/trade", {"server": SERVER, "login": 42, "volume": "1"}, 400, '"volume" must be a number'),
    ("POST", "/trade", {"server": SERVER, "login": 42, "symbol": 5}, 400, 'Invalid "symbol" argument'),
    ("POST", "/trade", {"server": SERVER, "login": 42, "symbol": ["EURUSD"]}, 400, 'Invalid "symbol" argument'),
    ("POST", "/trade", {"server": SERVER, "login": 42, "type": 1.5}, 400, 'Invalid "type" argument'),
    ("POST", "/trade", {"server": SERVER, "login": 42, "type": -1}, 400, ""),
    ("POST", "/trade", {"server": SERVER, "login": 42, "magic": 2**80}, 400, ""),
    ("POST", "/trade", '{"server": "TonpoSim-Demo", "login": 42, "volume": 1' + "0" * 400 + "}", 400, ""),
    ("POST", "/trade", {"server": SERVER, "login": 42, "comment": "x" * 40}, 400, 'Invalid "comment" argument'),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "message"), MISTAKES)
def test_a_mistake_is_answered_with_a_sentence(
    port: ControlPort, method: str, path: str, body: Any, status: int, message: str
) -> None:
    found, error, sentence = refused(port, method, path, body)
    assert (found, bool(error)) == (status, True)
    assert message in sentence
    assert sentence


PATHS = (
    "/faults", "/disconnect", "/reconnect", "/prices/EURUSD", "/clock/advance", f"/accounts/{SERVER}/42/deposit",
    f"/accounts/{SERVER}/42/settings", "/trade",
)  # fmt: skip
KEYS = (
    "kind", "call", "login", "ms", "retcode", "bid", "ask", "seconds", "amount", "comment", "leverage", "enabled",
    "server", "symbol", "volume", "type", "action", "price", "magic", "type_filling", "fraction", "stop_out_level",
)  # fmt: skip
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=40), st.sampled_from(sorted(KINDS)),
    st.just(42), st.just(SERVER), st.just("EURUSD"), st.lists(st.integers(), max_size=2),
)  # fmt: skip


@pytest.fixture(scope="module")
def spare_port() -> Iterator[ControlPort]:
    """A port on a broker that nobody else needs."""
    port = start_control(open_desk().broker, token=TOKEN)
    yield port
    port.close()


@settings(max_examples=250, deadline=None)
@given(path=st.sampled_from(PATHS), body=st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6))
def test_no_body_is_a_mistake_of_the_simulator(spare_port: ControlPort, path: str, body: dict[str, Any]) -> None:
    """Whatever is sent, the answer is a success or a refusal with a sentence, never a failure of the port."""
    status, answer = ask(spare_port, "POST", path, json.dumps(body))
    assert status in (200, 201) or (status in (400, 404, 409) and answer["message"])


def test_a_port_is_opened_on_this_machine_only() -> None:
    broker = SimulatedBroker(prices=ManualPrices())
    for listen in ("0.0.0.0:0", "192.0.2.1:80", "[::]:0"):
        with pytest.raises(ControlUnusable, match="can be reached from other machines"):
            start_control(broker, listen)
    for listen in ("", "8090", "127.0.0.1", "127.0.0.1:70000", "127.0.0.1:x", "http://127.0.0.1:1"):
        with pytest.raises(ControlUnusable, match="no address for a control port"):
            start_control(broker, listen)
    with pytest.raises(ControlUnusable, match="no IP address"):
        start_control(broker, "example.com:80")
    for token in ("", "two words", "\u00e9", "line\nbreak"):
        with pytest.raises(ControlUnusable, match="visible ASCII"):
            start_control(broker, token=token)


def test_other_machines_may_be_let_in_explicitly() -> None:
    port = start_control(SimulatedBroker(prices=ManualPrices()), "0.0.0.0:0", TOKEN, is_public=True)
    url = port.url.replace("0.0.0.0", "127.0.0.1")
    assert ControlClient(url, TOKEN).faults() == []
    with pytest.raises(ControlRefused):
        ControlClient(url, "wrong").faults()
    port.close()


def test_a_port_in_use_is_told() -> None:
    broker = SimulatedBroker(prices=ManualPrices())
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ControlUnusable, match="cannot listen"):
        start_control(broker, f"127.0.0.1:{taken.getsockname()[1]}")


def test_a_token_is_made_up_and_the_port_closes() -> None:
    broker = SimulatedBroker(prices=ManualPrices())
    port, other = start_control(broker), start_control(broker)
    assert port.token != other.token
    assert len(port.token) >= 32
    assert ControlClient(port.url, port.token).faults() == []
    with pytest.raises(ControlRefused, match="Authorization") as raised:
        ControlClient(port.url, other.token).state()
    assert (raised.value.status, raised.value.error) == (401, "unauthorized")
    other.close()
    port.close()
    port.close()
    with pytest.raises(ControlUnreachable, match="no control port answers"):
        ControlClient(port.url, port.token).state()


def test_what_is_no_control_port_is_told(gateway_like: str) -> None:
    with pytest.raises(ControlUnreachable):
        ControlClient(gateway_like, "x").state()


@pytest.fixture
def gateway_like() -> Iterator[str]:
    """A server that answers something else."""
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404)
            self.end_headers()
            self.wfile.write(b"<h1>no</h1>")

        def log_message(self, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Page)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_several_terminals_and_the_port_share_one_broker(control: ControlClient, desk: Desk) -> None:
    other = SimulatedMetaTrader5(desk.broker)
    assert other.initialize(login=77, password="x", server=SERVER)
    assert [account["login"] for account in control.state()["accounts"]] == [42, 77]


PAGE = (Path(__file__).parents[2] / "docs" / "simulator_faults.md").read_text(encoding="utf-8")


def curl_commands() -> Iterator[list[str]]:
    """The words of each curl command of the page."""
    for line in PAGE.replace("\\\n", " ").splitlines():
        if line.startswith("curl "):
            yield shlex.split(line.replace("$TOKEN", TOKEN))


def test_the_curl_commands_of_the_page_work_in_their_order() -> None:
    desk = open_desk()
    assert desk.mt5.initialize(login=12345, password="secret", server=SERVER)
    port = start_control(desk.broker, token=TOKEN)
    commands = list(curl_commands())
    for _, kind, header, *options, url in commands:
        assert kind == "-H"
        name, _, value = header.partition(": ")
        match options:
            case ["-d", body]:
                method, sent = "POST", body
            case ["-X", other]:
                method, sent = other, ""
            case _:
                assert options == [], f"curl is called in a way that is not known here: {options}"
                method, sent = "GET", ""
        status, answer = ask(port, method, url.removeprefix("http://127.0.0.1:8090"), sent, **{name: value})
        assert status in (200, 201), answer
    port.close()
    assert len(commands) > 10
    assert [position.symbol for position in desk.mt5.positions_get()] == ["EURUSD"]


def test_the_page_names_every_route(port: ControlPort) -> None:
    for route in port._routes:
        place = route.path.replace("/accounts/{server}/{login}/", ".../")
        assert f"`{route.method} {place}`" in PAGE or f"`{place}`" in PAGE, f"{route.method} {route.path}"
