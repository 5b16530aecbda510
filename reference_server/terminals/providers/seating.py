"""Makes the terminals inside a worker process: one module for each, from where its source says."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from reference_server.domain.errors import TerminalUnavailable
from reference_server.file_lock import lock
from reference_server.terminals.adapter.adapter import MetaTraderAdapter
from reference_server.terminals.adapter.module import MetaTrader5Module
from reference_server.terminals.adapter.zones import ServerZone
from reference_server.terminals.workers.guarded import GuardedTerminal
from reference_server.terminals.workers.inline import InlineTerminal
from reference_server.terminals.workers.protocol import Given, Open
from reference_server.terminals.workers.sources import Bridged, Hosted, Installed, OfNode, OwnSource, Served
from reference_server.usecases.ports import BrokerUnreachable, Clock, Listener

if TYPE_CHECKING:
    from reference_server.terminals.providers.simulated import SimulatedTerminals


class Seating:
    """Opens the terminals of one worker. The simulated broker that it may host is started with its first terminal."""

    def __init__(self, clock: Clock, hosted: SimulatedTerminals | None = None) -> None:
        self._clock = clock
        self._hosted = hosted
        self._lock: int | None = None

    async def open(self, request: Open, listener: Listener, given: Given | None = None) -> InlineTerminal:
        """Start the given terminal, else the one asked for, and log in. Raises LoginRefused, BrokerUnreachable."""
        source = self._source(request, given)
        if isinstance(source, Hosted):
            return await self._host(request, source, listener)
        return self._attach(request, source, listener)

    async def close(self) -> None:
        """Save what a hosted broker holds."""
        if self._hosted is not None:
            await self._hosted.close()

    def _source(self, request: Open, given: Given | None) -> OwnSource:
        if given is None:
            if isinstance(request.source, OfNode):
                raise BrokerUnreachable("This worker was started without a terminal of its own.")
            return request.source
        if self._lock is None:
            self._lock = _locked(given.lock)
        return given.source

    async def _host(self, request: Open, source: Hosted, listener: Listener) -> InlineTerminal:
        if self._hosted is None:
            from reference_server.terminals.providers.simulated import hosted_terminals

            self._hosted = hosted_terminals(source, self._clock, poll_interval_seconds=request.poll_interval_seconds)
        return await self._hosted.open(request.account_id, request.credentials, listener)

    def _attach(self, request: Open, source: Served | Installed | Bridged, listener: Listener) -> InlineTerminal:
        zone = request.server_zone
        zones = {} if zone is None else {request.credentials.server: ServerZone.parse(zone)}
        adapter = MetaTraderAdapter(module_of(source), self._clock, server_zones=zones, pause=time.sleep)
        if isinstance(source, Served):
            adapter.login(request.credentials)
        else:
            adapter.login(request.credentials, path=source.path, portable=source.portable, timeout=source.timeout_ms)
        if request.remembered is not None:
            adapter.remember(request.remembered.orders, request.remembered.since_ms)
        try:
            return GuardedTerminal(
                adapter, listener, request.credentials, poll_interval_seconds=request.poll_interval_seconds
            )
        except TerminalUnavailable as lost:
            raise BrokerUnreachable(f"{request.account_id}: {lost.message}") from lost


def _locked(path: str) -> int:
    """Hold the file from now on, until this process ends. Raises BrokerUnreachable while another worker holds it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as failed:
        raise BrokerUnreachable(f"The lock file {path} cannot be opened: {failed.strerror}.") from failed
    try:
        lock(descriptor)
    except OSError as failed:
        os.close(descriptor)
        raise BrokerUnreachable("An earlier worker of this node has not ended yet.") from failed
    return descriptor


def module_of(source: Served | Installed | Bridged) -> MetaTrader5Module:
    """Give the module of a terminal. Raises BrokerUnreachable when there is none; each kind is imported when needed."""
    if isinstance(source, Served):
        from reference_server.simulator.pipe.client import RemoteMetaTrader5

        return RemoteMetaTrader5(source.address, token=source.token)
    if isinstance(source, Installed):
        from reference_server.terminals.providers.package import installed_module

        return installed_module()
    from reference_server.terminals.providers.bridge import bridged_module

    return bridged_module(source.host, source.port)
