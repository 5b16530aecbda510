"""A correct gateway with extended capabilities that differs from the reference in every way that the contract allows.

Written from the contract alone. It waits for the first answer instead of calling a request in flight, says 422 instead
of 400, keeps tickets by account, so that two accounts have the same ones, lists the newest first, adds fields and
leaves out almost every optional one.
"""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, ClassVar

from aiohttp import web

from tests.conformance.extended_broker import Declined, ExtendedBroker
from tests.conformance.unusual_broker import Refused
from tests.conformance.unusual_gateway import Handler, Owner, Problem, Socket, Terminal, UnusualGateway

Action = Callable[[Owner, web.Request], Awaitable[Any]]
KEY = re.compile(r"[\x21-\x7e]{1,255}")
ACCOUNT = re.compile(r"[A-Za-z0-9_-]{1,64}")
REASON = re.compile(r"([a-z_]+): (.+)")
SELECTED: ContextVar[str | None] = ContextVar("selected", default=None)


@dataclass
class Record:
    """One request with a key. `answer` is None as long as there is none."""

    operation: str
    request: Any
    answer: dict[str, Any] | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)


class ExtendedGateway(UnusualGateway):
    capabilities: ClassVar[list[str]] = ["pending-orders", "x-moon-phase", "idempotency", "account-selection"]
    broker_class: type[ExtendedBroker] = ExtendedBroker
    requests_per_minute = 240
    trades_per_day = 12
    accounts_allowed = 2

    def __init__(self) -> None:
        super().__init__()
        self.records: dict[tuple[int, str], Record] = {}

    def application(self) -> web.Application:
        app = super().application()
        owned: list[tuple[str, str, Action]] = [
            ("GET", "/api/accounts/{id}", self.account),
            ("GET", "/api/orders", self.orders),
            ("GET", "/api/orders/requests/{key}", self.request_record),
            ("GET", "/api/orders/{ticket}", self.one_order),
            ("DELETE", "/api/orders/{ticket}", self.cancel),
        ]
        for method, path, action in owned:
            app.router.add_route(method, path, self.owned(action))
        return app

    # -- the edge ------------------------------------------------------------------------------------------------------

    def owned(self, action: Action) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            owner = self.owner(request)
            SELECTED.set(request.headers.get("X-Account-ID"))
            headers = {"Server-Timing": "db;dur=1"}
            if action.__name__ in ("order", "close", "modify", "cancel") and "Idempotency-Key" in request.headers:
                answer, is_replayed = await self.keyed(owner, request, action)
                headers |= {"Idempotency-Replayed": "true"} if is_replayed else {}
            else:
                answer = await action(owner, request)
            return web.json_response({"zz_build": 7, **answer}, headers=headers)

        return handle

    def refusal(self, status: int, text: str, headers: dict[str, str]) -> web.Response:
        answer = super().refusal(status, text, headers)
        match = REASON.fullmatch(text)
        if match:
            body = json.loads(answer.text or "{}")
            answer.text = json.dumps({**body, "reason": match[1], "error": match[2]})
        return answer

    def count_request(self, owner: Owner) -> None:
        now = time.monotonic()
        while owner.asked and owner.asked[0] <= now - 60:
            owner.asked.popleft()
        if len(owner.asked) >= self.requests_per_minute:
            raise Problem(429, "slow down", {"Retry-After": str(int(owner.asked[0] + 60 - now) + 1)})
        owner.asked.append(now)

    async def health(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "connections_now": self.sockets,
                "capabilities": self.capabilities,
                "version": "x-10",
                "status": "green",
            }
        )

    async def me(self, owner: Owner, request: web.Request) -> Any:
        limits = {"requests_per_minute": self.requests_per_minute, "trades_per_day": self.trades_per_day}
        limits["accounts"] = self.accounts_allowed
        return {"plan": "workshop", "limits": limits, "user_id": f"U{owner.number}"}

    # -- account-selection ---------------------------------------------------------------------------------------------

    async def create_account(self, owner: Owner, request: web.Request) -> Any:
        others = dict(owner.terminals)
        if len(owner.living()) >= self.accounts_allowed:
            raise Problem(403, "no room for another account")
        owner.terminals = {}
        try:
            answer = await super().create_account(owner, request)
        finally:
            owner.terminals = others | owner.terminals
        owner.terminals[answer["account_id"]].broker = self.broker_class()
        return answer

    async def account(self, owner: Owner, request: web.Request) -> Any:
        return {"hosted": "attic", "account_id": request.match_info["id"], **await self.status(owner, request)}

    def desk(self, owner: Owner) -> Terminal:
        selected = SELECTED.get()
        terminal = self.chosen(owner) if selected is None else self.selected(owner, selected)
        if terminal.state == "login_failed":
            raise Problem(409, "account_login_failed: the broker does not know you")
        if terminal.state != "active":
            raise Problem(503, "the terminal is starting", {"Retry-After": "1"})
        return terminal

    def chosen(self, owner: Owner) -> Terminal:
        living = owner.living()
        if not living:
            raise Problem(404, "no usable account")
        if len(living) > 1:
            raise Problem(409, "account_ambiguous: which one?")
        return living[0]

    def selected(self, owner: Owner, selected: str) -> Terminal:
        if not ACCOUNT.fullmatch(selected):
            raise Problem(422, "that is no account id")
        terminal = owner.terminals.get(selected)
        if terminal is None or terminal.state == "deleted":
            raise Problem(404, "account_not_found: no such account")
        return terminal

    # -- idempotency ---------------------------------------------------------------------------------------------------

    async def keyed(self, owner: Owner, request: web.Request, action: Action) -> tuple[Any, bool]:
        """Execute a request with a key, or wait for what became of it before; say whether it is a replay."""
        key = self.checked_key(request.headers["Idempotency-Key"])
        content = await self.content(request, action)
        while (record := self.records.get((owner.number, key))) is not None:
            if record.request != content:
                raise Problem(409, "idempotency_key_reused: that key was for something else")
            await record.done.wait()
            if record.answer is not None:
                return record.answer, True
        record = self.records[owner.number, key] = Record(action.__name__, content)
        try:
            record.answer = await self.executed(owner, request, action)
        except BaseException:
            del self.records[owner.number, key]
            raise
        finally:
            record.done.set()
        return record.answer, False

    async def executed(self, owner: Owner, request: web.Request, action: Action) -> Any:
        await asyncio.sleep(0.01)  # the broker takes its time, so that requests meet
        return await action(owner, request)

    def checked_key(self, key: str) -> str:
        if not KEY.fullmatch(key):
            raise Problem(422, "that is no key")
        return key

    async def content(self, request: web.Request, action: Action) -> Any:
        """What has to be the same for a repetition."""
        body = await self.body(request) if request.can_read_body else None
        return [action.__name__, request.path, request.headers.get("X-Account-ID"), body]

    async def request_record(self, owner: Owner, request: web.Request) -> Any:
        key = request.match_info["key"]
        record = self.records.get((owner.number, key))
        if record is None:
            raise Problem(404, "request_not_found: that key is new")
        if record.answer is None:
            return {"key": key, "outcome": "in_flight"}
        outcome = "accepted" if record.answer["success"] else "refused"
        return {"key": key, "outcome": outcome, "result": record.answer}

    # -- trading -------------------------------------------------------------------------------------------------------

    async def order(self, owner: Owner, request: web.Request) -> Any:
        terminal, body = self.desk(owner), await self.body(request)
        if terminal.is_paused:
            raise Problem(409, "trading is paused")
        if owner.trades >= self.trades_per_day:
            raise Problem(429, "enough for today", {"Retry-After": "3600"})
        try:
            ticket = terminal.broker.place(body)
        except Declined as no:
            await self.tell(owner, {"type": "orderResult", "success": False, "ticket": 0, "error": str(no)})
            return {"success": False, "ticket": 0, "error": str(no)}
        except Refused as refused:
            await self.tell(owner, {"type": "orderResult", "success": False, "ticket": 0, "error": str(refused)})
            raise
        owner.trades += 1
        await self.tell(owner, {"type": "orderResult", "success": True, "ticket": ticket})
        await self.tell_state(owner, terminal, ticket)
        return {"success": True, "ticket": ticket}

    async def modify(self, owner: Owner, request: web.Request) -> Any:
        try:
            return await super().modify(owner, request)
        except Declined as no:
            return {"success": False, "ticket": 0, "error": str(no)}

    # -- pending-orders ------------------------------------------------------------------------------------------------

    def book(self, owner: Owner) -> ExtendedBroker:
        broker = self.desk(owner).broker
        assert isinstance(broker, ExtendedBroker)
        return broker

    def ticket(self, request: web.Request) -> int:
        text = request.match_info["ticket"]
        if not (text.isascii() and text.isdigit()):
            raise Problem(422, "that is no ticket")
        return int(text)

    async def orders(self, owner: Owner, request: web.Request) -> Any:
        return {"orders": self.book(owner).order_rows()}

    async def one_order(self, owner: Owner, request: web.Request) -> Any:
        ticket = self.ticket(request)
        return self.book(owner).order_row(ticket)

    async def cancel(self, owner: Owner, request: web.Request) -> Any:
        ticket = self.ticket(request)
        self.book(owner).cancel(ticket)
        return {"success": True, "ticket": ticket}

    # -- the stream ----------------------------------------------------------------------------------------------------

    async def stream(self, request: web.Request) -> web.StreamResponse:
        owner, selected = self.owner(request, request.query.get("api_key")), request.query.get("account_id")
        if selected is not None:
            self.selected(owner, selected)
        SELECTED.set(selected)
        return await super().stream(request)

    async def tell(self, owner: Owner, message: dict[str, Any]) -> None:
        concerned = self.desk(owner).id
        for socket in list(owner.sockets):
            if vars(socket).get("account") in (None, concerned):
                await socket.say(message)

    async def hear(self, owner: Owner, socket: Socket, text: str) -> None:
        try:
            if SELECTED.get() is None and '"subscribe"' in text:
                self.chosen(owner)
            await super().hear(owner, socket, text)
        except Problem as problem:
            message = json.loads(text)
            echo = {"request_id": message["request_id"]} if "request_id" in message else {}
            reason, _, words = problem.text.partition(": ")
            await socket.say({"type": "error", "code": problem.status, "message": words, "reason": reason, **echo})

    async def feed(self, owner: Owner, socket: Socket) -> None:
        selected = SELECTED.get()
        if selected is None:
            return await super().feed(owner, socket)
        vars(socket)["account"] = selected
        alone = Owner(owner.number, owner.key, terminals={selected: owner.terminals[selected]})
        return await super().feed(alone, socket)
