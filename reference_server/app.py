"""The wiring: settings in, a running gateway out, opened and closed in order. Only here are concrete classes known."""

from __future__ import annotations

import logging
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
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
from reference_server.api.http import gateway_app, operations_app
from reference_server.api.limits import Limits
from reference_server.api.market import market_handlers
from reference_server.api.spec_document import claimed_contract, document_routes
from reference_server.api.system import system_handlers
from reference_server.api.trading import trading_handlers
from reference_server.api.users import user_handlers
from reference_server.api.websocket import NoStreamHere, Stream, UpgradeNeeded
from reference_server.clock import SystemClock
from reference_server.config import Settings
from reference_server.domain.plans import PLANS
from reference_server.provider import choose_terminals, patience
from reference_server.storage.limits import SteadyLimiter
from reference_server.store import open_store
from reference_server.telemetry import REQUEST_ID, scrub
from reference_server.usecases.account_book import AccountBook
from reference_server.usecases.accounts import AccountUseCases
from reference_server.usecases.audit_upkeep import (
    PURGE_SECONDS,
    WRITE_SECONDS,
    AuditPurge,
    FailedAuthentications,
)
from reference_server.usecases.auditing import ORIGIN, Auditor, Origin
from reference_server.usecases.feed import Feeds
from reference_server.usecases.health import HealthUseCases
from reference_server.usecases.market import MarketUseCases
from reference_server.usecases.operator_changes import POLL_SECONDS, OperatorChanges
from reference_server.usecases.outbox import CloseCode
from reference_server.usecases.ports import Audit, Clock, Terminals
from reference_server.usecases.routine import Routine
from reference_server.usecases.session import SessionLimits
from reference_server.usecases.streams import Streams
from reference_server.usecases.supervision import Supervisor
from reference_server.usecases.trading import TradingUseCases
from reference_server.usecases.users import Registration, UserUseCases

CAPABILITIES: Final[tuple[str, ...]] = ()
"""The extended capabilities that this gateway has and claims."""

ACCESS_LOGGER: Final = "tonpo.access"


@asynccontextmanager
async def open_gateway(
    settings: Settings, *, clock: Clock | None = None, terminals: Terminals | None = None
) -> AsyncIterator[ASGIApp]:
    """Open everything and give the application; close it in the reverse order.

    `clock` and `terminals` replace the settings' own. Raises DataInUse, DatabaseUnusable, SecretUnusable,
    ProviderUnusable, SimulatorStateUnusable, HandlersDiffer.
    """
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(settings, alone=True))
        limiter = SteadyLimiter(clock)
        registration = Registration(
            PLANS[settings.default_plan], settings.registration_open, settings.registrations_per_minute
        )
        users = UserUseCases(store.users, store.keys, limiter, clock, secrets.token_bytes, registration)
        feeds = Feeds(FrameEncoder())
        book = AccountBook(store.accounts, Auditor(clock))
        stack.push_async_callback(book.close)
        provider = terminals or choose_terminals(settings, clock)
        supervisor = Supervisor(
            book,
            store.accounts,
            store.vault,
            provider,
            feeds,
            clock,
            Random(),  # noqa: S311 - jitter
            patience=patience(settings),
        )
        stack.push_async_callback(supervisor.stop)
        accounts = AccountUseCases(book, supervisor, store.vault, clock, secrets.token_bytes)
        stack.push_async_callback(accounts.close)
        trading = TradingUseCases(book, supervisor, store.trades, clock)
        stack.push_async_callback(trading.close)
        limits = SessionLimits(settings.ws_max_symbols, settings.ws_send_queue_events, settings.ws_max_sockets)
        streams = Streams(book, supervisor, feeds, limits=limits)
        users.on_key_revoked.append(streams.close_user)
        stack.callback(streams.close_all, CloseCode.RESTARTING)
        await stack.enter_async_context(_auditing(store.audit, users, clock, settings.audit_keep_days))
        await supervisor.start()
        contract = claimed_contract(CAPABILITIES)
        failures = Failures(_report_defect)
        health = HealthUseCases(supervisor, streams, version=gateway_version(), capabilities=CAPABILITIES)
        handlers = {
            **system_handlers(health),
            **user_handlers(users),
            **account_handlers(accounts),
            **trading_handlers(trading),
            **market_handlers(MarketUseCases(book, supervisor)),
        }
        pipeline = Pipeline(
            users.authenticate, Limits(limiter), handlers, settings.max_body_bytes, settings.max_json_depth
        )
        beneath = [*document_routes(contract), Route("/ws", UpgradeNeeded())]
        operations = operations_app(contract.openapi, pipeline, failures, beneath)
        sockets = [
            WebSocketRoute("/ws", Stream(users.authenticate, streams, clock, failures)),
            WebSocketRoute("/{path:path}", NoStreamHere()),
        ]
        access_log = _access_log(settings)
        if access_log is not None:
            stack.callback(access_log.flush)
        yield gateway_app(operations, sockets, failures, access_log=access_log, on_request=_note_origin)


@asynccontextmanager
async def _auditing(audit: Audit, users: UserUseCases, clock: Clock, keep_days: int) -> AsyncIterator[None]:
    """Keep the audit log in order, and honour what the operator does on the command line."""
    failures, purge = FailedAuthentications(audit, clock), AuditPurge(audit, clock, keep_days)
    changes = OperatorChanges(audit, users)
    await changes.begin()
    await purge.purge()
    users.on_key_refused.append(failures.note)
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


def _note_origin(request_id: str, address: str | None) -> None:
    REQUEST_ID.set(request_id)
    ORIGIN.set(Origin(request_id, address))


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
    settings: Settings, *, clock: Clock | None = None, terminals: Terminals | None = None
) -> GatewayApplication:
    """Return the gateway for any ASGI server that runs lifespans; good for one run."""
    return GatewayApplication(open_gateway(settings, clock=clock, terminals=terminals))


def gateway_version() -> str:
    """Return the version of the installed distribution."""
    try:
        return version("tonpo-spec")
    except PackageNotFoundError:
        return "0+unknown"


def _access_log(settings: Settings) -> AccessLines | None:
    if not logging.getLogger(ACCESS_LOGGER).isEnabledFor(logging.INFO):
        return None
    is_console = settings.log_format == "console" or (settings.log_format == "auto" and sys.stderr.isatty())
    return AccessLines(sys.stderr, scrub, as_json=not is_console)


def _report_defect(error: BaseException, request_id: str) -> None:
    structlog.get_logger("tonpo.defects").error("defect", request_id=request_id, exc_info=error)
