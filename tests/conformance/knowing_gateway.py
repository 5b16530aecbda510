"""A correct gateway with a past: it claims history, candles, specifications, order checks and rate limit headers.

Written from the contract alone, and unlike the reference where that is allowed: its cursors are random names of what is
left of a list that was taken at the first page; its limit counts windows of a minute that begin with their first
request; it names two limits; it leaves out optional fields and adds others.
"""

import secrets
import time
from collections.abc import Callable
from typing import Any

from aiohttp import web

from tests.conformance.knowing_broker import TIMEFRAMES, Entry, KnowingBroker
from tests.conformance.unusual_broker import Refused
from tests.conformance.unusual_gateway import REQUESTS_PER_MINUTE, Handler, Owner, Problem, Terminal, UnusualGateway

Query = tuple[int, str, int, int | None, int | None]


class KnowingGateway(UnusualGateway):
    capabilities: tuple[str, ...] = ("history", "candles", "symbol-specification", "order-check", "rate-limit-headers")
    broker_class: type[KnowingBroker] = KnowingBroker

    def __init__(self) -> None:
        super().__init__()
        self.cursors: dict[str, tuple[Query, list[Entry]]] = {}

    def application(self) -> web.Application:
        app = super().application()
        owned = [
            ("GET", "/api/history/deals", self.history("deals")),
            ("GET", "/api/history/orders", self.history("orders")),
            ("GET", "/api/symbols/{symbol}/candles", self.candles),
            ("POST", "/api/orders/check", self.check),
        ]
        for method, path, action in owned:
            app.router.add_route(method, path, self.owned(action))
        return app

    async def health(self, request: web.Request) -> web.Response:
        told = {"capabilities": [*self.capabilities, "telepathy"], "active_connections": self.sockets}
        return web.json_response({**told, "version": "x-9", "status": "green"})

    async def create_account(self, owner: Owner, request: web.Request) -> Any:
        answer = await super().create_account(owner, request)
        owner.terminals[answer["account_id"]].broker = self.broker_class()
        return answer

    def books(self, owner: Owner) -> KnowingBroker:
        broker = self.desk(owner).broker
        assert isinstance(broker, KnowingBroker)
        return broker

    # -- limits --------------------------------------------------------------------------------------------------------

    @web.middleware
    async def edge(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        answer = await UnusualGateway.edge(self, request, handler)
        owner = self.owners.get(request.headers.get("X-API-Key") or "")
        if owner is not None and request.path.startswith("/api") and not answer.prepared:
            for name, value in self.limit_headers(owner, answer.status).items():
                answer.headers[name] = value
        return answer

    def limit_headers(self, owner: Owner, status: int) -> dict[str, str]:
        left, seconds = REQUESTS_PER_MINUTE - len(owner.asked), self.seconds_left(owner)
        return {
            "RateLimit": f'daily;r={10 - owner.trades};t=3600, burst;x="a,b;r=9";r={max(0, left)};t={seconds}',
            "RateLimit-Policy": f'daily;q=10;w=86400;qu="trades", burst;q={REQUESTS_PER_MINUTE};w=60',
        }

    def count_request(self, owner: Owner) -> None:
        if owner.asked and owner.asked[0] <= time.monotonic() - 60:
            owner.asked.clear()
        if len(owner.asked) >= REQUESTS_PER_MINUTE:
            raise Problem(429, "slow down", {"Retry-After": str(self.seconds_left(owner))})
        owner.asked.append(time.monotonic())

    def seconds_left(self, owner: Owner) -> int:
        return min(60, int(owner.asked[0] + 60 - time.monotonic()) + 1) if owner.asked else 0

    # -- the past ------------------------------------------------------------------------------------------------------

    def history(self, what: str) -> Callable[[Owner, web.Request], Any]:
        async def page(owner: Owner, request: web.Request) -> Any:
            since, until, position = (self.integer(request, name) for name in ("from", "to", "position"))
            limit = self.integer(request, "limit") or 100
            asked: Query = (owner.number, what, since or 0, until, position)
            rows = self.rows_of(owner, asked, request.query.get("cursor"))
            rows, rest = rows[:limit], rows[limit:]
            return {what: [one.row for one in rows], "nextCursor": self.cursor(asked, rest) if rest else None}

        return page

    def rows_of(self, owner: Owner, asked: Query, cursor: str | None) -> list[Entry]:
        if cursor is None:
            return self.selected(self.books(owner), asked)
        if self.cursors.get(cursor, (None,))[0] != asked:
            raise Problem(400, "that cursor is not for this")
        return self.cursors[cursor][1]

    def selected(self, broker: KnowingBroker, asked: Query) -> list[Entry]:
        _, what, since, until, position = asked
        if until is not None and until < since:
            raise Problem(400, "the end is before the start")
        return [
            one
            for one in broker.past(what)
            if since <= one.time_ms
            and (until is None or one.time_ms < until)
            and position in (None, one.row.get("position"))
        ]

    def cursor(self, asked: Query, rest: list[Entry]) -> str:
        name = secrets.token_hex(8)
        self.cursors[name] = (asked, rest)
        return name

    @staticmethod
    def integer(request: web.Request, name: str) -> int | None:
        text = request.query.get(name)
        if text is None:
            return None
        most = {"limit": 5000 if "candles" in request.path else 1000}.get(name, 2**53 - 1)
        least = 1 if name in ("limit", "position") else 0
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise Problem(400, f"{name} is wrong")
        return int(text)

    # -- symbols -------------------------------------------------------------------------------------------------------

    async def price(self, owner: Owner, request: web.Request) -> Any:
        return {**await super().price(owner, request), **self.books(owner).specification(request.match_info["symbol"])}

    async def candles(self, owner: Owner, request: web.Request) -> Any:
        symbol, timeframe = request.match_info["symbol"], request.query.get("timeframe", "")
        if timeframe not in TIMEFRAMES:
            raise Problem(400, "no such timeframe")
        since, until = (
            None if found is None else found / 1000
            for found in (self.integer(request, name) for name in ("from", "to"))
        )
        limit = self.integer(request, "limit") or 500
        try:
            bars = self.books(owner).bars(symbol, timeframe, since, until, limit)
        except Refused:
            raise Problem(404, "no such symbol") from None
        return {"candles": bars, "timeframe": timeframe, "symbol": symbol}

    def refusal(self, status: int, text: str, headers: dict[str, str]) -> web.Response:
        answer = super().refusal(status, text, headers)
        if status == 404 and "symbol" in text:
            return web.json_response(
                {"reason": "symbol_not_found", "type": "not_found", "code": 404, "error": text}, status=404
            )
        return answer

    def candle(self, terminal: Terminal, symbol: str) -> dict[str, Any]:
        """Return the bar of M1 that closed last, again and again: its minutes do not pass quickly."""
        assert isinstance(terminal.broker, KnowingBroker)
        bars = terminal.broker.bars(symbol, "M1", None, None, 2)
        return {"symbol": symbol, **bars[0]}

    # -- orders --------------------------------------------------------------------------------------------------------

    async def check(self, owner: Owner, request: web.Request) -> Any:
        broker, body = self.books(owner), await self.body(request)
        try:
            return {"success": True, "retcode": 0, "margin": broker.tried(body)["margin"]}
        except Refused as refused:
            if refused.status == 404:
                raise Problem(404, "no such symbol") from None
            return {"success": False, "retcode": 10014, "error": str(refused)}


class CancellingGateway(KnowingGateway):
    """Also has pending orders that can be listed and cancelled."""

    capabilities = (*KnowingGateway.capabilities, "pending-orders")

    def application(self) -> web.Application:
        app = super().application()
        app.router.add_route("GET", "/api/orders", self.owned(self.pending))
        app.router.add_route("GET", r"/api/orders/{ticket:\d+}", self.owned(self.one))
        app.router.add_route("DELETE", r"/api/orders/{ticket:\d+}", self.owned(self.cancel))
        return app

    async def pending(self, owner: Owner, request: web.Request) -> Any:
        broker = self.books(owner)
        return {"orders": [self.row(broker, ticket) for ticket in broker.pending]}

    async def one(self, owner: Owner, request: web.Request) -> Any:
        broker, ticket = self.books(owner), int(request.match_info["ticket"])
        if ticket in broker.pending:
            return self.row(broker, ticket)
        past = [row.row for row in broker.past("orders") if row.row["ticket"] == ticket]
        if not past:
            raise Problem(404, "no such order")
        return past[0]

    @staticmethod
    def row(broker: KnowingBroker, ticket: int) -> dict[str, Any]:
        body = broker.pending[ticket]["body"]
        names = ("symbol", "side", "orderType", "volume", "price")
        return {"ticket": ticket, "state": "placed", **{name: body[name] for name in names}}

    async def cancel(self, owner: Owner, request: web.Request) -> Any:
        ticket = int(request.match_info["ticket"])
        self.books(owner).cancel(ticket)
        return {"ticket": ticket, "success": True}
