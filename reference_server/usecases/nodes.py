"""Nodes: agents that users run beside terminals of their own; each claims one account and becomes its terminal."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final, NoReturn

from reference_server.domain.account import Account, AccountState
from reference_server.domain.audit import AuditAction, AuditEntry
from reference_server.domain.errors import AccountLoginFailed, RequestRateExceeded, StorageUnavailable
from reference_server.domain.nodes import (
    EnrolmentClosed,
    NodeClaim,
    NodeEnd,
    NodeRefused,
    digest_of,
    is_auth_token,
    is_node_key,
)
from reference_server.usecases.auditing import Auditor
from reference_server.usecases.node_ports import NodeChannel, NodeLink, NodeLinks, StoredNodes
from reference_server.usecases.ports import Clock, RateLimiter
from reference_server.usecases.supervision import Supervisor

CONNECTIONS_PER_MINUTE: Final = 60
"""Of one account's node: each is a login at the broker."""

NodeKeyRefused = Callable[[], None]
"""Told of each key or token that is nobody's; must not block or raise."""

_log = logging.getLogger("tonpo.nodes")


class NodeUseCases:
    """What can be done with nodes. `is_open`: whether new ones are taken; those that are enrolled stay."""

    def __init__(
        self,
        stored: StoredNodes,
        links: NodeLinks,
        supervisor: Supervisor,
        limiter: RateLimiter,
        clock: Clock,
        *,
        is_open: bool = True,
    ) -> None:
        self._stored = stored
        self._links = links
        self._supervisor = supervisor
        self._limiter = limiter
        self._is_open = is_open
        self._auditor = Auditor(clock)
        self._tasks: set[asyncio.Task[None]] = set()
        self.on_refused: list[NodeKeyRefused] = []

    async def admit(self, claim: NodeClaim) -> Account:
        """The account of this agent; with a token it is enrolled, once. Goes through also when the agent leaves.

        Raises NodeRefused, EnrolmentClosed, AccountLoginFailed, RequestRateExceeded, StorageUnavailable.
        """
        account = await self._account_of(claim)
        if account.state is AccountState.LOGIN_FAILED:
            raise AccountLoginFailed
        decision = self._limiter.hit(f"node:{account.account_id}", CONNECTIONS_PER_MINUTE)
        if not decision.allowed:
            raise RequestRateExceeded(
                f"This node connects too often: {CONNECTIONS_PER_MINUTE} times a minute are allowed.",
                retry_after_seconds=decision.reset_seconds,
            )
        return account

    async def connect(self, account: Account, claim: NodeClaim, channel: NodeChannel) -> NodeLink:
        """Reach the account's terminal through this agent from now on, and open it at once."""
        account_id = account.account_id
        link = self._links.attach(account_id, channel)
        try:
            still = await self._stored.by_key(digest_of(claim.key))
        except StorageUnavailable as unknown:
            link.lose(unknown.message)
            channel.close(NodeEnd.NOT_NOW)
            return link
        if still is None or still.account_id != account_id:  # removed between its admission and here
            link.lose("its node was removed meanwhile")
            channel.close(NodeEnd.REMOVED)
            return link
        self._begin(self._supervisor.renew(account), account_id)
        return link

    def removed(self, account_id: str) -> None:
        """A node was taken from its account: close its connection; the gateway's own terminals serve the account."""
        self._begin(self._remove(account_id), account_id)

    def account_deleted(self, account_id: str) -> None:
        """An account is gone for good, and its terminal with it."""
        self._links.disconnect(account_id, NodeEnd.DELETED)

    def account_changed(self, account: Account) -> None:
        """Let a node go whose account the broker has refused: nothing is left for it to do."""
        if account.state is AccountState.LOGIN_FAILED:
            self._links.disconnect(account.account_id, NodeEnd.LOGIN_FAILED)

    async def close(self) -> None:
        """Wait for what was begun."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _account_of(self, claim: NodeClaim) -> Account:
        if not is_node_key(claim.key):
            self._refuse()
        if claim.token is None:
            account = await self._stored.by_key(digest_of(claim.key))
            return self._refuse() if account is None else account
        if not self._is_open:
            raise EnrolmentClosed
        if not is_auth_token(claim.token):
            self._refuse()
        enrolled = await self._stored.enrol(digest_of(claim.token), digest_of(claim.key), self._entry)
        if enrolled is None:
            self._refuse()
        if enrolled.is_new:
            _log.info("node_enrolled", extra={"account_id": enrolled.account.account_id})
        return enrolled.account

    def _entry(self, account: Account) -> AuditEntry:
        return self._auditor.entry(AuditAction.NODE_ENROLLED, actor=account.user_id, subject=account.account_id)

    def _refuse(self) -> NoReturn:
        for listener in tuple(self.on_refused):
            listener()
        raise NodeRefused

    async def _remove(self, account_id: str) -> None:
        account = await self._stored.account(account_id)
        if account is None:
            return
        await self._supervisor.release(account_id)
        try:
            if not await self._stored.has_node(account_id):  # else another one was enrolled meanwhile
                self._links.disconnect(account_id, NodeEnd.REMOVED)
        finally:
            self._supervisor.supervise(account)

    def _begin(self, work: Coroutine[Any, Any, None], account_id: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=f"node {account_id}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("node_change_failed", exc_info=task.exception())
