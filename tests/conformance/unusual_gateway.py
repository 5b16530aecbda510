"""A correct core gateway that differs from the reference in every way that the contract leaves open.

Written from the contract alone. It answers 200 to creations, has its own forms of ids and keys, adds fields nobody
asked for, leaves out every optional one, delays a little, and puts other messages between the answers on its stream.
"""

import asyncio
import itertools
import json
import secrets
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from tests.conformance.unusual_broker import Broker, Refused

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

REQUESTS_PER_MINUTE = 60
TRADES_PER_DAY = 10
TYPES = {400: "bad_request", 401: "authentication_error", 403: "authentication_error", 404: "not_found"}


class Problem(Exception):
    def __init__(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(text)
        self.status, self.text, self.headers = status, text, headers or {}


@dataclass
class Owner:
    number: int
    key: str
    asked: deque[float] = field(default_factory=deque)
    trades: int = 0
    terminals: dict[str, "Terminal"] = field(default_factory=dict)
    sockets: list["Socket"] = field(default_factory=list)

    def living(self) -> list["Terminal"]:
        return [one for one in self.terminals.values() if one.state not in ("deleted", "login_failed")]


@dataclass
class Terminal:
    id: str
    login: str
    state: str
    is_paused: bool = False
    looks: int = 0
    broker: Broker = field(default_factory=Broker)


@dataclass
class Socket:
    response: web.WebSocketResponse
    symbols: set[str] = field(default_factory=set)
    charts: set[str] = field(default_factory=set)

    async def say(self, message: dict[str, Any]) -> None:
        if not self.response.closed:
            await self.response.send_str(json.dumps({"v": 3, **message}))


class UnusualGateway:
    socket_class = Socket
    response_class: type[web.WebSocketResponse[Any]] = web.WebSocketResponse

    def __init__(self) -> None:
        self.owners: dict[str, Owner] = {}
        self.count = 0
        self.sockets = 0

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self.edge])
        app.router.add_get("/health", self.health, allow_head=False)
        app.router.add_post("/api/users", self.create_user)
        app.router.add_get("/ws", self.stream, allow_head=False)
        owned: list[tuple[str, str, Callable[[Owner, web.Request], Awaitable[Any]]]] = [
            ("GET", "/api/users/me", self.me),
            ("POST", "/api/users/me/rotate-key", self.rotate),
            ("POST", "/api/accounts", self.create_account),
            ("GET", "/api/accounts", self.list_accounts),
            ("GET", "/api/accounts/{id}/status", self.status),
            ("POST", "/api/accounts/{id}/pause", self.pause),
            ("POST", "/api/accounts/{id}/resume", self.resume),
            ("DELETE", "/api/accounts/{id}", self.delete),
            ("GET", "/api/account", self.info),
            ("GET", "/api/positions", self.positions),
            ("POST", "/api/orders", self.order),
            ("POST", "/api/orders/close", self.close),
            ("POST", "/api/orders/modify", self.modify),
            ("GET", "/api/symbols", self.symbols),
            ("GET", "/api/symbols/{symbol}", self.price),
        ]
        for method, path, action in owned:
            app.router.add_route(method, path, self.owned(action))
        return app

    # -- the edge ------------------------------------------------------------------------------------------------------

    @web.middleware
    async def edge(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        await asyncio.sleep(0.002)
        try:
            if request.path.startswith("/api") and (request.method, request.path) != ("POST", "/api/users"):
                self.count_request(self.owner(request))
            return await handler(request)
        except Problem as problem:
            return self.refusal(problem.status, problem.text, problem.headers)
        except Refused as refused:
            return self.refusal(refused.status, str(refused), {})
        except web.HTTPException as problem:
            if problem.status < 400:
                raise
            return self.refusal(problem.status, problem.reason, {"Allow": problem.headers.get("Allow", "")})

    def refusal(self, status: int, text: str, headers: dict[str, str]) -> web.Response:
        kind = TYPES.get(status, "rate_limit_error" if status == 429 else "refused")
        body = {"hint": "see the manual", "type": kind, "code": status, "error": text}
        return web.json_response(body, status=status, headers={name: one for name, one in headers.items() if one})

    def owned(self, action: Callable[[Owner, web.Request], Awaitable[Any]]) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            answer = await action(self.owner(request), request)
            return web.json_response({"zz_build": 7, **answer}, headers={"Server-Timing": "db;dur=1"})

        return handle

    def owner(self, request: web.Request, key: str | None = None) -> Owner:
        owner = self.owners.get(key or request.headers.get("X-API-Key") or "")
        if owner is None:
            raise Problem(401, "who are you?")
        return owner

    def count_request(self, owner: Owner) -> None:
        now = time.monotonic()
        while owner.asked and owner.asked[0] <= now - 60:
            owner.asked.popleft()
        if len(owner.asked) >= REQUESTS_PER_MINUTE:
            raise Problem(429, "slow down", {"Retry-After": str(int(owner.asked[0] + 60 - now) + 1)})
        owner.asked.append(now)

    async def body(self, request: web.Request) -> dict[str, Any]:
        try:
            found = json.loads(await request.read())
        except (ValueError, RecursionError):
            raise Problem(400, "that is not JSON") from None
        if not isinstance(found, dict):
            raise Problem(422, "an object, please")
        return found

    # -- users and accounts --------------------------------------------------------------------------------------------

    async def health(self, request: web.Request) -> web.Response:
        return web.json_response(
            {"uptime": 12.5, "active_connections": self.sockets, "version": "x-9", "status": "green"}
        )

    async def create_user(self, request: web.Request) -> web.Response:
        self.count += 1
        owner = Owner(self.count, secrets.token_hex(20))
        self.owners[owner.key] = owner
        return web.json_response({"welcome": True, "api_key": owner.key, "user_id": f"U{owner.number}"})

    async def me(self, owner: Owner, request: web.Request) -> Any:
        return {"tier": {"name": "hobby"}, "plan": "Free", "user_id": f"U{owner.number}"}

    async def rotate(self, owner: Owner, request: web.Request) -> Any:
        del self.owners[owner.key]
        owner.key = secrets.token_hex(20)
        self.owners[owner.key] = owner
        for socket in owner.sockets:
            await socket.response.close()
        return {"api_key": owner.key}

    async def create_account(self, owner: Owner, request: web.Request) -> Any:
        body = await self.body(request)
        for name in ("mt5Login", "mt5Password", "mt5Server"):
            if not isinstance(body.get(name), str) or not body[name]:
                raise Problem(422, f"{name} is missing")
        if not body["mt5Login"].isdigit():
            raise Problem(422, "a login has digits")
        if owner.living():
            raise Problem(403, "one account per free user")
        state = "login_failed" if body["mt5Password"] == "invalid" else "created"
        terminal = Terminal(str(uuid.uuid4()), body["mt5Login"], state)
        owner.terminals[terminal.id] = terminal
        return {"auth_token": secrets.token_urlsafe(24), "account_id": terminal.id}

    async def list_accounts(self, owner: Owner, request: web.Request) -> Any:
        rows = [{"note": None, "account_id": one.id} for one in owner.terminals.values() if one.state != "deleted"]
        return {"accounts": rows}

    def terminal(self, owner: Owner, request: web.Request) -> Terminal:
        found = owner.terminals.get(request.match_info["id"])
        if found is None or found.state == "deleted":
            raise Problem(404, "no such account")
        return found

    async def status(self, owner: Owner, request: web.Request) -> Any:
        terminal = self.terminal(owner, request)
        if terminal.state in ("created", "connecting"):
            terminal.looks += 1
            terminal.state = ("created", "connecting", "active")[min(terminal.looks, 2)]
        return {"status": terminal.state}

    async def pause(self, owner: Owner, request: web.Request) -> Any:
        self.terminal(owner, request).is_paused = True
        return {}

    async def resume(self, owner: Owner, request: web.Request) -> Any:
        self.terminal(owner, request).is_paused = False
        return {}

    async def delete(self, owner: Owner, request: web.Request) -> Any:
        self.terminal(owner, request).state = "deleted"
        return {"gone": True}

    # -- trading -------------------------------------------------------------------------------------------------------

    def desk(self, owner: Owner) -> Terminal:
        living = owner.living()
        if not living:
            raise Problem(404, "no usable account")
        if living[0].state != "active":
            raise Problem(503, "the terminal is starting", {"Retry-After": "1"})
        return living[0]

    async def info(self, owner: Owner, request: web.Request) -> Any:
        return self.desk(owner).broker.figures()

    async def positions(self, owner: Owner, request: web.Request) -> Any:
        return {"positions": self.desk(owner).broker.rows()}

    async def symbols(self, owner: Owner, request: web.Request) -> Any:
        return {"symbols": self.desk(owner).broker.symbols()}

    async def price(self, owner: Owner, request: web.Request) -> Any:
        bid, ask = self.desk(owner).broker.quote(request.match_info["symbol"])
        return {"ask": ask, "bid": bid}

    async def order(self, owner: Owner, request: web.Request) -> Any:
        terminal = self.desk(owner)
        body = await self.body(request)
        if terminal.is_paused:
            raise Problem(409, "trading is paused")
        if owner.trades >= TRADES_PER_DAY:
            raise Problem(429, "enough for today", {"Retry-After": "3600"})
        try:
            ticket = terminal.broker.place(body)
        except Refused as refused:
            await self.tell(owner, {"type": "orderResult", "success": False, "ticket": 0, "error": str(refused)})
            raise
        owner.trades += 1
        await self.tell(owner, {"type": "orderResult", "success": True, "ticket": ticket})
        await self.tell_state(owner, terminal, ticket)
        return {"success": True, "ticket": ticket}

    async def close(self, owner: Owner, request: web.Request) -> Any:
        terminal, body = self.desk(owner), await self.body(request)
        terminal.broker.close(body)
        await self.tell_state(owner, terminal, body["ticket"])
        return {"success": True, "ticket": body["ticket"]}

    async def modify(self, owner: Owner, request: web.Request) -> Any:
        terminal, body = self.desk(owner), await self.body(request)
        terminal.broker.modify(body)
        await self.tell_state(owner, terminal, body["ticket"])
        return {"success": True, "ticket": body["ticket"]}

    # -- the stream ----------------------------------------------------------------------------------------------------

    async def tell(self, owner: Owner, message: dict[str, Any]) -> None:
        for socket in list(owner.sockets):
            await socket.say(message)

    async def tell_state(self, owner: Owner, terminal: Terminal, ticket: int) -> None:
        for row in terminal.broker.rows():
            if row["ticket"] == ticket:
                await self.tell(owner, {"type": "position", **row})
        await self.tell(owner, {"type": "account", **terminal.broker.figures()})

    async def stream(self, request: web.Request) -> web.StreamResponse:
        owner = self.owner(request, request.query.get("api_key"))
        response = self.response_class()
        await response.prepare(request)
        socket = self.socket_class(response)
        owner.sockets.append(socket)
        self.sockets += 1
        await socket.say({"type": "motd", "text": "hello"})
        feed = asyncio.create_task(self.feed(owner, socket))
        try:
            async for frame in response:
                if frame.type is WSMsgType.TEXT:
                    await self.hear(owner, socket, frame.data)
                else:
                    await socket.say({"type": "error", "code": 400, "message": "text, please"})
        finally:
            feed.cancel()
            owner.sockets.remove(socket)
            self.sockets -= 1
        return response

    async def hear(self, owner: Owner, socket: Socket, text: str) -> None:
        try:
            message = json.loads(text)
            kind = message["type"]
        except (ValueError, TypeError, KeyError, IndexError):
            await socket.say({"type": "error", "code": "bad_frame", "message": "what?"})
            return
        echo = {"request_id": message["request_id"]} if "request_id" in message else {}
        await socket.say({"type": "trace", "of": str(kind)})
        symbols = message.get("symbols")
        if kind == "ping":
            await socket.say({"type": "pong", **echo})
        elif kind == "getPositions":
            await socket.say({"type": "positions", "positions": self.desk(owner).broker.rows(), **echo})
        elif kind in ("subscribe", "unsubscribe"):
            is_list = isinstance(symbols, list) and symbols and all(isinstance(one, str) for one in symbols)
            if not is_list or not set(symbols) <= set(Broker.PRICES):
                await socket.say({"type": "error", "code": 400, "message": "symbols?", **echo})
            elif kind == "subscribe":
                socket.symbols |= set(symbols)
                socket.charts |= set(symbols) if message.get("timeframe") == "M1" else set()
                await socket.say({"type": "subscribed", **echo})
            else:
                socket.symbols -= set(symbols)
                socket.charts -= set(symbols)
                await socket.say({"type": "unsubscribed", **echo})
        else:
            await socket.say({"type": "error", "code": 400, "message": "unknown type", **echo})

    async def feed(self, owner: Owner, socket: Socket) -> None:
        for second in itertools.count():
            await asyncio.sleep(0.02)
            for terminal in owner.living():
                terminal.broker.move()
                for symbol in sorted(socket.symbols):
                    bid, ask = terminal.broker.quote(symbol)
                    facts = {"symbol": symbol, "bid": bid, "ask": ask, "time": int(time.time() * 1000)}
                    await socket.say({"type": "quote", **facts})
                    await socket.say({"type": "tick", "last": bid, "volume": 0, **facts})
                for symbol in sorted(socket.charts) if second % 10 == 0 else ():
                    await socket.say({"type": "candle", **self.candle(terminal, symbol)})

    def candle(self, terminal: Terminal, symbol: str) -> dict[str, Any]:
        """Return a bar of M1; the minutes of this gateway pass quickly."""
        bid, ask = terminal.broker.quote(symbol)
        bar = {"open": bid, "high": ask, "low": bid, "close": ask, "volume": 10, "complete": True}
        return {"symbol": symbol, "timeframe": "M1", "time": int(time.time()) // 60 * 60_000, **bar}
