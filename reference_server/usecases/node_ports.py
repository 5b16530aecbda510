"""What the use cases of nodes need from the outside, as Protocols named for their role."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from reference_server.domain.account import Account
from reference_server.domain.audit import AuditEntry
from reference_server.domain.nodes import NodeEnd


class NodeChannel(Protocol):
    """What leads to a connected agent: messages, text or binary, in their order."""

    def send(self, message: str | bytes) -> bool:
        """Send without waiting; tell whether there was room."""
        ...

    def close(self, end: NodeEnd) -> None:
        """Close behind what waits. Safe to call twice."""
        ...


class NodeLink(Protocol):
    """The gateway's end of a connection."""

    def receive(self, message: str | bytes) -> None:
        """Take what the agent sent."""
        ...

    def lose(self, reason: str) -> None:
        """The connection has ended; `reason` is a clause. Safe to call twice."""
        ...


class NodeLinks(Protocol):
    """The connections of all nodes, one for each account."""

    @property
    def connected(self) -> int:
        """How many there are."""
        ...

    def attach(self, account_id: str, channel: NodeChannel) -> NodeLink:
        """Reach the account's terminal through this connection from now on; an earlier one is closed."""
        ...

    def disconnect(self, account_id: str, end: NodeEnd) -> None:
        """Close the account's connection, if there is one."""
        ...

    def disconnect_all(self, end: NodeEnd) -> None:
        """Close every connection."""
        ...


MakeEntry = Callable[[Account], AuditEntry]
"""Makes the audit log's entry for an account that is about to be changed."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What became of an enrolment. `is_new`: it was stored now, and not before by the same key."""

    account: Account
    is_new: bool


class StoredNodes(Protocol):
    """Which account has which node: digests of tokens and keys. A change and its entry in the audit log are one."""

    async def enrol(self, token: bytes, key: bytes, make_entry: MakeEntry) -> Enrolled | None:
        """Give the account of this unused token the node with this key; None when there is no such account.

        Again, with the same key: the same answer. An account whose credentials were refused is returned as it is.
        """
        ...

    async def by_key(self, key: bytes) -> Account | None:
        """The account whose node has this key."""
        ...

    async def has_node(self, account_id: str) -> bool:
        """Whether a node is enrolled for the account."""
        ...

    async def account(self, account_id: str) -> Account | None:
        """The account itself."""
        ...
