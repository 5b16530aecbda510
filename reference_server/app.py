"""The wiring: settings in, a running gateway out, opened and closed in order. Only here are concrete classes known."""

from __future__ import annotations

import logging
import secrets
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from random import Random
from typing import Final

import structlog
from starlette.routing import Route, Router, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from reference_server.api.access_log import AccessLines
from reference_server.api.accounts import account_handlers
from reference_server.api.compiled import Pipeline
from reference_server.api.failures import Failures
from reference_server.api.frames import FrameEncoder
from reference_server.api.history import history_handlers
from reference_server.api.http import Edge, gateway_app, operations_app
from reference_server.api.keys import Authenticate
from reference_server.api.limits import Limits
from reference_server.api.market import market_handlers
from reference_server.api.node import Admit, NodeEndpoint
from reference_server.api.pages import page_routes
from reference_server.api.requests import request_handlers
from reference_server.api.routing import Routes
from reference_server.api.spec_document import claimed_contract, document_routes
from reference_server.api.strangers import GuardedAuthentication, PublicLimit
from reference_server.api.system import system_handlers
from reference_server.api.trading import trading_handlers
from reference_server.api.users import user_handlers
from reference_server.api.websocket import NoStreamHere, Stream, UpgradeNeeded
from reference_server.clock import SystemClock
from reference_server.config import Settings
from reference_server.domain.nodes import NODE_PATH, NodeEnd
from reference_server.domain.plans import PLANS
from reference_server.metrics import Counts, GatewayCollector, Gauges, registry_of
from reference_server.metrics_endpoint import MetricsPage, serving_metrics
from reference_server.provider import choose_terminals, node_terminals, patience
from reference_server.release import gateway_version
from reference_server.runtime import Runtime, runtime_of
from reference_server.storage.journal import SqlJournal
from reference_server.storage.journal_schema import open_journal_file
from reference_server.storage.limits import SteadyLimiter
from reference_server.storage.stream_positions import SqlStreamPositions
from reference_server.store import Store, open_store
from reference_server.telemetry import scrub
from reference_server.usecases.account_book import AccountBook
from reference_server.usecases.accounts import AccountUseCases
from reference_server.usecases.audit_upkeep import (
    PURGE_SECONDS,
    WRITE_SECONDS,
    AuditPurge,
    FailedAuthentications,
)
from reference_server.usecases.auditing import ORIGIN, Auditor
from reference_server.usecases.feeds import Feeds
from reference_server.usecases.flushes import Flushes
from reference_server.usecases.health import HealthUseCases
from reference_server.usecases.history import Cursors, HistoryUseCases
from reference_server.usecases.introductions import Introductions
from reference_server.usecases.market import MarketUseCases
from reference_server.usecases.nodes import NodeUseCases
from reference_server.usecases.observation import AccountLog, ObservedTerminals, Tell, TradeWatch
from reference_server.usecases.operator_changes import POLL_SECONDS, OperatorChanges
from reference_server.usecases.outbox import CloseCode
from reference_server.usecases.ports import Audit, Clock, Terminals
from reference_server.usecases.pulse import Pulse
from reference_server.usecases.readiness import Readiness
from reference_server.usecases.reconciliation import Reconciler
from reference_server.usecases.requests import TradeRequests
from reference_server.usecases.routine import Routine
from reference_server.usecases.session import SessionLimits
from reference_server.usecases.streams import Streams
from reference_server.usecases.supervision import Supervisor
from reference_server.usecases.trading import TradingUseCases
from reference_server.usecases.users import Registration, UserUseCases

CAPABILITIES: Final = (
    "account-selection",
    "idempotency",
    "pending-orders",
    "history",
    "candles",
    "symbol-specification",
    "order-check",
    "rate-limit-headers",
    "stream-resume",
    "account-status-events",
)
"""The extended capabilities that this gateway has and claims."""

ACCESS_LOGGER: Final = "tonpo.access"
TRADES_LOGGER: Final = "tonpo.trades"


@asynccontextmanager
async def open_gateway(
    settings: Settings,
    *,
    clock: Clock | None = None,
    terminals: Terminals | None = None,
    runtime: Runtime | None = None,
) -> AsyncIterator[ASGIApp]:
    """Open everything and give the application; close it in the reverse order.

    `clock` and `terminals` replace the settings' own; `runtime` is what the server shares.

    Raises MetricsUnusable, DataInUse, DatabaseUnusable, SecretUnusable, JournalUnusable, StorageUnavailable,
    ProviderUnusable, SimulatorStateUnusable, HandlersDiffer.
    """
    clock = clock or SystemClock()
    runtime = runtime or runtime_of(settings)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(settings, alone=True))
        journal_file = open_journal_file(settings.data_dir, is_durable=settings.journal_durability == "power_cut")
        stack.push_async_callback(journal_file.close)
        journal = SqlJournal(journal_file, clock)
        limiter = SteadyLimiter(clock)
        registration = Registration(
            PLANS[settings.default_plan], settings.registration_open, settings.registrations_per_minute
        )
        users = UserUseCases(store.users, store.keys, limiter, clock, secrets.token_bytes, registration)
        encoder = FrameEncoder()
        feeds = Feeds(encoder, SqlStreamPositions(journal_file), Introductions(clock))
        stack.push_async_callback(feeds.close)
        book = AccountBook(store.accounts, Auditor(clock))
        stack.push_async_callback(book.close)
        lines = _access_log(settings)
        if lines is not None:
            stack.callback(lines.flush)
        own = terminals or choose_terminals(settings, clock)
        reached = node_terminals(settings, own, store.nodes.has_node, clock)
        book.listen(AccountLog())
        supervisor = Supervisor(
            book,
            store.accounts,
            store.vault,
            ObservedTerminals(reached, runtime.measures),
            feeds,
            clock,
            Random(),  # noqa: S311 - jitter
            patience=patience(settings),
        )
        stack.push_async_callback(supervisor.stop)
        accounts = AccountUseCases(book, supervisor, store.vault, clock, secrets.token_bytes)
        stack.push_async_callback(accounts.close)
        nodes = NodeUseCases(store.nodes, reached, supervisor, limiter, clock, is_open=settings.node_enrolment)
        stack.push_async_callback(nodes.close)
        accounts.on_deleted.append(nodes.account_deleted)
        book.listen(nodes.account_changed)
        watch = TradeWatch(runtime.measures, _trade_log(lines))
        reconciler = Reconciler(journal, watch)
        stack.push_async_callback(reconciler.close)
        supervisor.on_ready.append(reconciler.terminal_ready)
        requests = TradeRequests(book, supervisor, journal, reconciler, clock, secrets.token_bytes, watch)
        stack.push_async_callback(requests.close)
        history = HistoryUseCases(book, supervisor, clock, Cursors(journal.cursor_secret()))
        limits = SessionLimits(
            settings.ws_max_symbols,
            settings.ws_send_queue_events,
            settings.ws_max_sockets,
            settings.ws_messages_per_second,
        )
        streams = Streams(book, supervisor, feeds, clock, limits=limits)
        pulse = Pulse(streams.sessions, encoder, clock, heartbeat_seconds=settings.ws_heartbeat_ms / 1000)
        pulse.start()
        stack.push_async_callback(pulse.close)
        users.on_key_revoked.append(streams.close_user)
        stack.callback(streams.close_all, CloseCode.RESTARTING)
        runtime.drain.on_stop.append(lambda: streams.close_all(CloseCode.RESTARTING))
        runtime.drain.on_stop.append(lambda: reached.disconnect_all(NodeEnd.RESTARTING))
        reconciler.begin()
        await stack.enter_async_context(_auditing(store.audit, users, nodes, clock, settings.audit_keep_days))
        await supervisor.start()
        readiness = Readiness(store.database.probe, runtime.drain, clock)
        if runtime.counts is not None:
            await stack.enter_async_context(
                _metrics(settings, runtime, runtime.counts, streams, store, lambda: reached.connected)
            )
        contract = claimed_contract(CAPABILITIES)
        failures = Failures(_report_defect)
        health = HealthUseCases(
            supervisor, streams, version=gateway_version(), capabilities=CAPABILITIES, readiness=readiness
        )
        handlers = {
            **system_handlers(health),
            **user_handlers(users),
            **account_handlers(accounts),
            **trading_handlers(TradingUseCases(book, supervisor)),
            **request_handlers(requests),
            **history_handlers(history),
            **market_handlers(MarketUseCases(book, supervisor)),
        }
        authenticate: Authenticate = users.authenticate
        admit: Admit = nodes.admit
        if most := settings.failed_authentications_per_minute:
            authenticate = GuardedAuthentication(users.authenticate, users.recognised, limiter, clock, most)
            admit = GuardedAuthentication(nodes.admit, lambda _claim: None, limiter, clock, most)
        pipeline = Pipeline(
            authenticate, users.recognised, Limits(limiter), handlers, settings.max_body_bytes, settings.max_json_depth
        )
        pages = page_routes() if settings.docs_pages else []
        beneath = [*document_routes(contract), *pages, *(Route(path, UpgradeNeeded()) for path in ("/ws", NODE_PATH))]
        routes = Routes(contract.openapi)
        operations = operations_app(contract.openapi, pipeline, failures, beneath, routes)
        sockets = [
            WebSocketRoute("/ws", Stream(authenticate, streams, clock, failures, Flushes(clock))),
            WebSocketRoute(NODE_PATH, NodeEndpoint(admit, nodes.connect, failures)),
            WebSocketRoute("/{path:path}", NoStreamHere()),
        ]
        per_minute = settings.public_requests_per_minute
        edge = Edge(
            access_log=lines,
            proxies=runtime.proxies,
            measures=runtime.measures,
            public_limit=PublicLimit(limiter, per_minute, routes.need_key) if per_minute else None,
        )
        yield gateway_app(operations, sockets, failures, edge)


@asynccontextmanager
async def _auditing(
    audit: Audit, users: UserUseCases, nodes: NodeUseCases, clock: Clock, keep_days: int
) -> AsyncIterator[None]:
    """Keep the audit log in order, and honour what the operator does on the command line."""
    failures, purge = FailedAuthentications(audit, clock), AuditPurge(audit, clock, keep_days)
    changes = OperatorChanges(audit, users, nodes.removed)
    await changes.begin()
    await purge.purge()
    users.on_key_refused.append(failures.note)
    nodes.on_refused.append(failures.note)
    routines = (
        Routine("honour the operator's changes", changes.look, clock, POLL_SECONDS),
        Routine("write failed authentications", failures.write, clock, WRITE_SECONDS),
        Routine("purge the audit log", purge.purge, clock, PURGE_SECONDS),
    )
    for routine in routines:
        routine.start()
    try:
        yield
    finally:
        for routine in routines:
            await routine.close()
        await failures.write()


class GatewayApplication:
    """A gateway as an ASGI application that opens and closes with its server's lifespan."""

    def __init__(self, opened: AbstractAsyncContextManager[ASGIApp]) -> None:
        self._opened = opened
        self._gateway: ASGIApp | None = None
        self._lifespan = Router(lifespan=self._open)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, a socket or the lifespan itself."""
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        assert self._gateway is not None, "this application needs a server that runs lifespans"
        await self._gateway(scope, receive, send)

    @asynccontextmanager
    async def _open(self, _app: object) -> AsyncIterator[None]:
        async with self._opened as self._gateway:
            yield


def build_app(
    settings: Settings,
    *,
    clock: Clock | None = None,
    terminals: Terminals | None = None,
    runtime: Runtime | None = None,
) -> GatewayApplication:
    """Return the gateway for any ASGI server that runs lifespans; good for one run."""
    return GatewayApplication(open_gateway(settings, clock=clock, terminals=terminals, runtime=runtime))


def _access_log(settings: Settings) -> AccessLines | None:
    if not logging.getLogger(ACCESS_LOGGER).isEnabledFor(logging.INFO):
        return None
    is_console = settings.log_format == "console" or (settings.log_format == "auto" and sys.stderr.isatty())
    return AccessLines(sys.stderr, scrub, as_json=not is_console)


def _trade_log(lines: AccessLines | None) -> Tell | None:
    """Return the quick way for the lines of trades: a line through the general chain costs more than the trade."""
    if lines is None or not logging.getLogger(TRADES_LOGGER).isEnabledFor(logging.INFO):
        return None
    note = lines.event
    return lambda fields: note(TRADES_LOGGER, "trade", fields, ORIGIN.get().request_id)


def _metrics(
    settings: Settings, runtime: Runtime, counts: Counts, streams: Streams, store: Store, nodes: Callable[[], int]
) -> AbstractAsyncContextManager[int]:
    gauges = Gauges(
        sockets=lambda: streams.open_sessions,
        connections=lambda: runtime.connections.open,
        connections_refused=lambda: runtime.connections.refused,
        version=gateway_version(),
        nodes=nodes,
    )
    collector = GatewayCollector(counts, gauges)
    page = MetricsPage(registry_of([collector]), collector, store.accounts.count_by_state)
    return serving_metrics(page, counts, settings.metrics_host, settings.metrics_port)


def _report_defect(error: BaseException, request_id: str) -> None:
    structlog.get_logger("tonpo.defects").error("defect", request_id=request_id, exc_info=error)
