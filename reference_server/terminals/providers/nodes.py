"""The provider for accounts that have a node: their terminals are where their users run them.

Every other account's terminal comes from the provider beneath. An account with a node never does: a node that is not
connected is waited for.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from reference_server.domain.account import Mt5Credentials
from reference_server.domain.errors import StorageUnavailable
from reference_server.domain.nodes import NodeEnd
from reference_server.terminals.providers.processes import OneSource, ProcessPerAccount, WorkerTerms
from reference_server.terminals.workers.node_link import LinkTimes, NodeLink
from reference_server.terminals.workers.process import WorkerProcess
from reference_server.terminals.workers.sources import OfNode
from reference_server.usecases.node_ports import NodeChannel
from reference_server.usecases.ports import BrokerUnreachable, Clock, Listener, Terminal, Terminals

HasNode = Callable[[str], Awaitable[bool]]
"""Tells whether an account has a node, as it is stored now. Raises StorageUnavailable."""

_log = logging.getLogger("tonpo.nodes")


class NodeTerminals:
    """Implements Terminals and NodeLinks: opens the terminals of accounts with a node through its connection."""

    def __init__(
        self,
        inner: Terminals,
        has_node: HasNode,
        clock: Clock,
        terms: WorkerTerms | None = None,
        times: LinkTimes | None = None,
    ) -> None:
        self._inner = inner
        self._has_node = has_node
        self._terms = terms or WorkerTerms()
        self._times = times or LinkTimes()
        self._links: dict[str, NodeLink] = {}
        self._processes = ProcessPerAccount(clock, OneSource(OfNode()), self._terms, start=self._start)

    @property
    def connected(self) -> int:
        """How many nodes are connected."""
        return len(self._links)

    async def open(self, account_id: str, credentials: Mt5Credentials, listener: Listener) -> Terminal:
        """Start a terminal and log in. Raises LoginRefused, BrokerUnreachable."""
        try:
            is_node = await self._has_node(account_id)
        except StorageUnavailable as unknown:
            raise BrokerUnreachable(unknown.message) from unknown
        return await (self._processes if is_node else self._inner).open(account_id, credentials, listener)

    async def close(self) -> None:
        """Close all terminals, and every connection. Safe to call twice."""
        await self._processes.close()
        self.disconnect_all(NodeEnd.RESTARTING)
        await self._inner.close()

    def attach(self, account_id: str, channel: NodeChannel) -> NodeLink:
        """Reach the account's terminal through this connection from now on; an earlier one is closed."""
        self.disconnect(account_id, NodeEnd.REPLACED)
        link = NodeLink(account_id, channel, self._times, lambda lost: self._forget(account_id, lost))
        self._links[account_id] = link
        _log.info("node_connected", extra={"account_id": account_id})
        return link

    def disconnect(self, account_id: str, end: NodeEnd) -> None:
        """Close the account's connection, if there is one."""
        link = self._links.get(account_id)
        if link is not None:
            link.fail(end.reason, end)

    def disconnect_all(self, end: NodeEnd) -> None:
        """Close every connection."""
        for account_id in list(self._links):
            self.disconnect(account_id, end)

    async def _start(self, account_id: str) -> WorkerProcess:
        link = self._links.get(account_id)
        if link is None:
            raise BrokerUnreachable("The account's node is not connected.")
        return WorkerProcess(link.start(), account_id, self._terms.deadlines, self._terms.queue_length)

    def _forget(self, account_id: str, link: NodeLink) -> None:
        if self._links.get(account_id) is link:
            del self._links[account_id]
