"""The WebSocket over real sockets, with a whole gateway behind it and a scripted terminal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest
from starlette.types import Message, Scope
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from reference_server.api.failures import Failures
from reference_server.api.websocket import Stream as WebSocketEndpoint
from reference_server.clock import SystemClock
from reference_server.domain.events import OrderSettled
from reference_server.domain.plans import PLANS
from reference_server.domain.trading import OrderResult, Side
from reference_server.domain.user import User
from reference_server.usecases.flushes import Flushes
from reference_server.usecases.outbox import CloseCode
from reference_server.usecases.session import Session
from reference_server.usecases.streams import Streams

from .scripted import ScriptedTerminals, gateway_application


@dataclass
class Running:
    """A served gateway, and its terminals."""

    address: str
    terminals: ScriptedTerminals


@pytest.fixture(scope="module")
def running(serve: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    terminals = ScriptedTerminals()
    with serve(gateway_application(tmp_path_factory.mktemp("stream"), terminals)) as address:
        yield Running(address, terminals)


@dataclass
class Trader:
    """A user with a key and, mostly, an active account."""

    http: aiohttp.ClientSession
    base: str
    key: str

    async def call(self, method: str, path: str, **options: Any) -> Any:
        async with self.http.request(method, self.base + path, headers={"X-API-Key": self.key}, **options) as answer:
            return await answer.json()

    async def open_account(self, password: str = "your-password") -> str:
        """Provision an account, wait until it is active or refused, and return its id."""
        body = {"mt5Login": "12345678", "mt5Password": password, "mt5Server": "ICMarkets-Demo"}
        account: str = (await self.call("POST", "/api/accounts", json=body))["account_id"]
        async with asyncio.timeout(10):
            while (await self.status(account))["status"] not in ("active", "login_failed"):
                pass
        return account

    async def status(self, account: str) -> Any:
        return await self.call("GET", f"/api/accounts/{account}/status")

    @asynccontextmanager
    async def stream(self, **query: str) -> AsyncIterator[Stream]:
        headers = {"X-API-Key": self.key}
        async with self.http.ws_connect(f"{self.base}/ws", headers=headers, params=query) as socket:
            yield Stream(socket)


@dataclass
class Stream:
    """One open socket."""

    socket: aiohttp.ClientWebSocketResponse

    async def say(self, **message: Any) -> None:
        await self.socket.send_str(json.dumps(message))

    async def hear(self, kind: str | None = None) -> dict[str, Any]:
        """Return the next message, of this type if one is given, else of any that says something new."""
        async with asyncio.timeout(10):
            while True:
                message: dict[str, Any] = await self.socket.receive_json()
                if message["type"] == kind or (kind is None and message["type"] not in ("snapshot", "heartbeat")):
                    return message

    async def closed(self) -> int | None:
        async with asyncio.timeout(10):
            while not self.socket.closed:
                await self.socket.receive()
        return self.socket.close_code


@asynccontextmanager
async def registered(base: str) -> AsyncIterator[Trader]:
    async with aiohttp.ClientSession() as http, http.post(f"{base}/api/users") as answer:
        assert answer.status == 201
        yield Trader(http, base, (await answer.json())["api_key"])


@asynccontextmanager
async def trading(base: str) -> AsyncIterator[Trader]:
    async with registered(base) as trader:
        await trader.open_account()
        yield trader


@pytest.fixture
async def newcomer(running: Running) -> AsyncIterator[Trader]:
    async with registered(f"http://{running.address}") as trader:
        yield trader


@pytest.fixture
async def trader(newcomer: Trader) -> Trader:
    await newcomer.open_account()
    return newcomer


@pytest.mark.parametrize("path", ["/ws", "/ws?api_key=nonsense", "/ws?other=1"])
async def test_a_socket_without_a_good_key_is_refused_with_401_and_json_before_the_upgrade(
    running: Running, newcomer: Trader, path: str
) -> None:
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}  # fmt: skip
    async with newcomer.http.get(f"http://{running.address}{path}", headers=headers) as answer:
        body = await answer.json()
        assert (answer.status, body["code"], body["type"]) == (401, 401, "authentication_error")
        assert body["request_id"] == answer.headers["X-Request-ID"]


async def test_a_socket_on_another_path_is_refused_with_404(running: Running, newcomer: Trader) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await newcomer.http.ws_connect(f"http://{running.address}/wss")
    assert refused.value.status == 404


async def test_a_handshake_is_reckoned_once(newcomer: Trader, monkeypatch: pytest.MonkeyPatch) -> None:
    reckoned: list[Request] = []
    accept = ServerProtocol.accept

    def counted(protocol: ServerProtocol, request: Request) -> Response:
        reckoned.append(request)
        return accept(protocol, request)

    await newcomer.open_account()
    monkeypatch.setattr(ServerProtocol, "accept", counted)
    async with newcomer.stream() as stream:
        await stream.hear("snapshot")
    assert [one.path for one in reckoned] == ["/ws"]


async def test_the_key_may_stand_in_the_query_as_the_docs_example_has_it(running: Running, trader: Trader) -> None:
    async with trader.http.ws_connect(f"http://{running.address}/ws?api_key={trader.key}") as socket:
        stream = Stream(socket)
        await stream.say(type="subscribe", symbols=["EURUSD", "XAUUSD"], request_id="req_001")
        assert await stream.hear() == {
            "type": "subscribed", "symbols": ["EURUSD", "XAUUSD"], "request_id": "req_001"}  # fmt: skip
        running.terminals.ticks("EURUSD", [1.08542])
        assert await stream.hear("tick") == {
            "type": "tick", "symbol": "EURUSD", "bid": 1.08542, "ask": 1.08556, "last": 1.08549, "volume": 12,
            "time": 1700000000000}  # fmt: skip
        assert await stream.hear("quote") == {
            "type": "quote", "symbol": "EURUSD", "bid": 1.08542, "ask": 1.08556, "time": 1700000000000}  # fmt: skip


async def test_a_client_that_says_much_at_once_and_reads_is_not_taken_for_a_slow_one(
    serve: Any, tmp_path: Path
) -> None:
    many = 3_000
    application = gateway_application(tmp_path, ScriptedTerminals(), ws_messages_per_second=many)
    with serve(application) as address:
        async with registered(f"http://{address}") as newcomer, newcomer.stream() as stream:
            frame = b"\x81\x8f\0\0\0\0" + b'{"type":"ping"}'
            stream.socket._writer.transport.write(frame * many)
            for _ in range(many):
                assert (await stream.hear())["type"] == "pong"


async def test_a_socket_without_an_account_is_accepted_and_told_so_by_messages_that_need_one(newcomer: Trader) -> None:
    async with newcomer.stream() as stream:
        await stream.say(type="ping", request_id="p")
        pong = await stream.hear()
        assert (pong["type"], pong["request_id"]) == ("pong", "p")
        assert isinstance(pong["time"], int)
        await stream.say(type="subscribe", symbols=["EURUSD"], request_id="s")
        error = await stream.hear()
        assert (error["type"], error["code"], error["reason"]) == ("error", 404, "account_not_found")
        assert error["request_id"] == "s"


async def test_an_unknown_symbol_is_an_error_and_nothing_of_the_message_is_subscribed(trader: Trader) -> None:
    async with trader.stream() as stream:
        await stream.say(type="subscribe", symbols=["EURUSD", "NOPE"], request_id="a")
        error = await stream.hear()
        assert (error["code"], error["reason"], error["request_id"]) == (404, "symbol_not_found", "a")
        await stream.say(type="subscribe", symbols=["GBPUSD"])
        assert await stream.hear() == {"type": "subscribed", "symbols": ["GBPUSD"]}


async def test_unsubscribed_names_what_was_removed(trader: Trader) -> None:
    async with trader.stream() as stream:
        await stream.say(type="subscribe", symbols=["EURUSD", "GBPUSD"])
        await stream.hear("subscribed")
        await stream.say(type="unsubscribe", symbols=["EURUSD", "XAUUSD"], request_id="u")
        assert await stream.hear() == {"type": "unsubscribed", "symbols": ["EURUSD"], "request_id": "u"}


async def test_an_order_is_told_to_every_socket_of_the_account_without_subscribing(trader: Trader) -> None:
    async with trader.stream() as one, trader.stream() as other:
        for stream in (one, other):
            await stream.say(type="ping")
            await stream.hear("pong")
        order = {"symbol": "EURUSD", "side": "buy", "orderType": "market", "volume": 0.1}
        placed = await trader.call("POST", "/api/orders", json=order)
        for stream in (one, other):
            opened = await stream.hear("position")
            assert (opened["ticket"], opened["event"], opened["openPrice"]) == (placed["ticket"], "opened", 1.08556)
            result = await stream.hear("orderResult")
            assert (result["ticket"], result["success"], result["orderType"]) == (placed["ticket"], True, "market")
        await one.say(type="getPositions", request_id="g")
        positions = await one.hear("positions")
        assert positions["request_id"] == "g"
        assert positions["positions"] == (await trader.call("GET", "/api/positions"))["positions"]


@pytest.mark.parametrize(
    ("text", "reason", "request_id"),
    [
        ("{", "malformed_json", None),
        ("NaN", "malformed_json", None),
        ('{"type":"ping","type":"ping"}', "malformed_json", None),
        ("[" * 5000, "malformed_json", None),
        ("[]", "invalid_body", None),
        ("null", "invalid_body", None),
        ("{}", "invalid_body", None),
        ('{"type":"dance","request_id":"r"}', "invalid_body", "r"),
        ('{"type":["ping"],"request_id":"r"}', "invalid_body", "r"),
        ('{"type":"ping","request_id":7}', "invalid_body", None),
        ('{"type":"subscribe","request_id":"r"}', "invalid_body", "r"),
        ('{"type":"subscribe","symbols":[],"request_id":"r"}', "invalid_body", "r"),
        ('{"type":"subscribe","symbols":"EURUSD","request_id":"r"}', "invalid_body", "r"),
        ('{"type":"subscribe","symbols":[1],"request_id":"r"}', "invalid_body", "r"),
        ('{"type":"subscribe","symbols":["EURUSD"],"timeframe":"M7","request_id":"r"}', "invalid_body", "r"),
        ('{"type":"subscribe","symbols":["EURUSD"],"channels":["candle"],"request_id":"r"}', "invalid_body", "r"),
        ('{"type":"subscribe","symbols":["EURUSD"],"channels":["news"],"request_id":"r"}', "invalid_body", "r"),
    ],
)
async def test_a_bad_message_is_an_error_with_its_request_id_and_the_socket_survives(
    trader: Trader, text: str, reason: str, request_id: str | None
) -> None:
    async with trader.stream() as stream:
        await stream.socket.send_str(text)
        error = await stream.hear()
        assert (error["type"], error["code"], error["reason"]) == ("error", 400, reason), error
        assert error.get("request_id") == request_id
        assert error["message"]
        await stream.say(type="ping")
        assert (await stream.hear())["type"] == "pong"


async def test_a_binary_message_is_an_error_and_the_socket_survives(trader: Trader) -> None:
    async with trader.stream() as stream:
        await stream.socket.send_bytes(b'{"type":"ping"}')
        assert (await stream.hear())["reason"] == "invalid_body"
        await stream.say(type="ping")
        assert (await stream.hear())["type"] == "pong"


async def test_a_message_over_64_kib_closes_with_1009(trader: Trader) -> None:
    async with trader.stream() as stream:
        await stream.socket.send_str("x" * 65_537)
        assert await stream.closed() == 1009


async def test_rotating_the_key_closes_open_sockets_with_4401_and_the_old_key_is_dead(trader: Trader) -> None:
    async with trader.stream() as stream:
        rotated = await trader.call("POST", "/api/users/me/rotate-key")
        assert await stream.closed() == 4401
        assert (await trader.call("GET", "/api/users/me"))["code"] == 401
        trader.key = rotated["api_key"]
        assert (await trader.call("GET", "/api/users/me"))["plan"] == "enterprise"


async def test_a_protocol_ping_is_answered(trader: Trader) -> None:
    async with trader.stream() as stream:
        await stream.socket.ping(b"x")
        await stream.say(type="ping")
        assert (await stream.hear())["type"] == "pong"


async def test_open_sockets_are_counted_by_health(trader: Trader) -> None:
    before = (await trader.call("GET", "/health"))["connections"]["websocket"]
    async with trader.stream() as stream:
        await stream.say(type="ping")
        await stream.hear()
        assert (await trader.call("GET", "/health"))["connections"]["websocket"] == before + 1


async def test_shutdown_closes_open_sockets_with_1012(serve: Any, tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as http:
        serving = serve(gateway_application(tmp_path, ScriptedTerminals()))
        address = await asyncio.to_thread(serving.__enter__)
        base = f"http://{address}"
        async with http.post(f"{base}/api/users") as answer:
            trader = Trader(http, base, (await answer.json())["api_key"])
        async with trader.stream() as stream:
            stopping = asyncio.create_task(asyncio.to_thread(serving.__exit__, None, None, None))
            assert await stream.closed() == 1012
            await stopping


async def test_of_many_prices_the_newest_always_arrives(trader: Trader, running: Running) -> None:
    async with trader.stream() as stream:
        await stream.say(type="subscribe", symbols=["EURUSD"], channels=["tick"])
        await stream.hear("subscribed")
        running.terminals.ticks("EURUSD", [1.0 + n / 1000 for n in range(2000)])
        async with asyncio.timeout(10):
            while (await stream.hear("tick"))["bid"] != 1.0 + 1999 / 1000:
                pass


def _ignore(_error: BaseException, _request_id: str) -> None:
    pass


@dataclass
class OtherServer:
    """An ASGI server without a direct socket: what it is sent, and whether it takes more."""

    sent: list[Message] = field(default_factory=list)
    to_say: list[Message] = field(default_factory=list)
    is_stalled: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def receive(self) -> Message:
        if not self.sent:
            return {"type": "websocket.connect"}
        while not self.to_say:
            if self.sent[-1]["type"] == "websocket.close":
                return {"type": "websocket.disconnect", "code": self.sent[-1]["code"]}
            self.changed.clear()
            await self.changed.wait()
        return self.to_say.pop(0)

    async def send(self, message: Message) -> None:
        if self.is_stalled and message["type"] == "websocket.send":
            await asyncio.Event().wait()
        self.sent.append(message)
        self.changed.set()

    async def serve(self, session: Session) -> None:
        async def authenticate(_key: str) -> User:
            return session.user

        class OneSession:
            async def open_session(self, *_: object) -> Session:
                return session

            def end_session(self, session: Session) -> None:
                pass

        scope: Scope = {
            "type": "websocket", "path": "/ws", "headers": [(b"x-api-key", b"k")], "query_string": b"",
            "extensions": {}}  # fmt: skip
        clock, streams = SystemClock(), cast("Streams", OneSession())
        endpoint = WebSocketEndpoint(
            authenticate, streams, clock, Failures(_ignore), Flushes(clock), plain_stalled_seconds=0.01
        )
        await endpoint(scope, self.receive, self.send)


async def test_any_other_asgi_server_is_served_by_ordinary_sends() -> None:
    server = OtherServer(to_say=[{"type": "websocket.receive", "text": '{"type":"ping","request_id":"p"}'}])
    session = Session(User("usr_1", PLANS["free"], 0))
    serving = asyncio.ensure_future(server.serve(session))
    async with asyncio.timeout(10):
        while len(server.sent) < 2:  # noqa: ASYNC110 - the event is the server's own
            await asyncio.sleep(0)
        session.close(CloseCode.RESTARTING)
        server.changed.set()
        await serving
    accept, pong, close = server.sent
    assert (accept["type"], close["code"]) == ("websocket.accept", 1012)
    assert json.loads(pong["text"])["request_id"] == "p"


async def test_a_peer_of_another_server_that_takes_nothing_is_given_up_with_4408() -> None:
    server = OtherServer(is_stalled=True)
    session = Session(User("usr_1", PLANS["free"], 0))
    session.reply(b"\x81\x02{}")
    async with asyncio.timeout(10):
        await server.serve(session)
    assert server.sent[-1]["code"] == 4408


async def test_a_socket_that_does_not_read_is_closed_with_4408_and_others_are_served(
    serve: Any, tmp_path: Path
) -> None:
    terminals = ScriptedTerminals()
    with serve(gateway_application(tmp_path, terminals, ws_heartbeat_ms=100)) as address:
        async with trading(f"http://{address}") as trader, trader.stream() as deaf, trader.stream() as quick:
            for stream in (deaf, quick):
                await stream.say(type="ping")
                await stream.hear("pong")
            transport = cast("asyncio.Transport", deaf.socket._reader._protocol.transport)
            transport.pause_reading()
            large = "x" * 100_000
            told = 0
            async with asyncio.timeout(20):
                while (await trader.call("GET", "/health"))["connections"]["websocket"] == 2:
                    terminals.opened[-1].say(*(OrderSettled(OrderResult(9, False, 1, large), "EURUSD", Side.BUY, None)
                                               for _ in range(20)))  # fmt: skip
                    told += 20
                    for _ in range(20):
                        assert (await quick.hear("orderResult"))["ticket"] == 9
            assert told < 2_000


async def test_one_socket_too_many_is_answered_429_before_the_upgrade(serve: Any, tmp_path: Path) -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}  # fmt: skip
    application = gateway_application(tmp_path, ScriptedTerminals(), ws_max_sockets=1)
    with serve(application) as address:
        async with aiohttp.ClientSession() as http:
            async with http.post(f"http://{address}/api/users") as answer:
                key = {"X-API-Key": (await answer.json())["api_key"]}
            async with (
                http.ws_connect(f"http://{address}/ws", headers=key),
                http.get(f"http://{address}/ws", headers={**key, **upgrade}) as answer,
            ):
                body = await answer.json()
                assert (answer.status, body["reason"], body["type"]) == (429, "socket_limit", "rate_limit_error")
                assert int(answer.headers["Retry-After"]) >= 1
            async with asyncio.timeout(10):
                while not await is_accepted(http, f"http://{address}/ws", key):
                    pass


async def is_accepted(http: aiohttp.ClientSession, url: str, headers: dict[str, str]) -> bool:
    try:
        async with http.ws_connect(url, headers=headers):
            return True
    except aiohttp.WSServerHandshakeError as refused:
        return refused.status != 429


async def test_text_that_is_not_utf8_ends_the_socket_with_1007_and_without_a_traceback_in_the_log(
    trader: Trader, caplog: pytest.LogCaptureFixture
) -> None:
    async with trader.stream() as stream:
        await stream.socket.send_frame(b'{"type":"ping\xff"}', aiohttp.WSMsgType.TEXT)
        assert await stream.closed() == 1007
    assert [record for record in caplog.records if record.exc_info] == []
