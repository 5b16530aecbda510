"""Nodes: what an agent that runs beside a terminal shows to its gateway, and how a gateway ends its connection.

An agent enrols once with the `auth_token` of one account and a key that it has made itself; from then on the key alone
names the account. Both are 256 random bits, so that a plain SHA-256 is stored in their place: there is nothing to try
that a pepper would have to keep from whoever stole the database.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from reference_server.domain.errors import AuthenticationFailed, PermissionDenied

PROTOCOL: Final = 1
"""What agent and gateway speak; either refuses any other."""
PROTOCOL_HEADER: Final = "X-Node-Protocol"
TOKEN_HEADER: Final = "X-Auth-Token"  # noqa: S105 - a name
NODE_PATH: Final = "/node"
SECRET_BYTES: Final = 32
KEY_PREFIX: Final = "nk_tonpo_"

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_KEY: Final = re.compile(KEY_PREFIX + _TOKEN.pattern)


class NodeRefused(AuthenticationFailed):
    """Unknown, used or of a deleted account: whoever shows it is not told which."""

    reason = "node_refused"
    sentence = "Invalid node key or auth_token: a token is good for one node key, and no longer than its account."


class EnrolmentClosed(PermissionDenied):
    """The operator lets no new nodes in."""

    reason = "node_enrolment_closed"
    sentence = "This gateway takes no new nodes: ask its operator."


class NodeEnd(Enum):
    """Why a gateway closes a node's connection: code and reason of the WebSocket's close."""

    RESTARTING = 1012, "the gateway is about to stop"
    NOT_NOW = 1013, "the gateway cannot serve this node now"
    BROKEN = 4400, "a message that is none"
    REMOVED = 4401, "this node was removed from its account"
    LOGIN_FAILED = 4403, "the broker refused the account's credentials: create the account again"
    DELETED = 4404, "the account was deleted"
    SILENT = 4408, "nothing was heard of this node in time"
    REPLACED = 4409, "another agent has connected with this node's key, or for its account"

    @property
    def code(self) -> int:
        """The WebSocket's close code."""
        code: int = self.value[0]
        return code

    @property
    def reason(self) -> str:
        """A clause for the agent's user."""
        reason: str = self.value[1]
        return reason

    @property
    def is_final(self) -> bool:
        """Whether another attempt by the same agent cannot help."""
        return self in (NodeEnd.REMOVED, NodeEnd.LOGIN_FAILED, NodeEnd.DELETED, NodeEnd.REPLACED)


@dataclass(frozen=True, slots=True)
class NodeClaim:
    """What an agent shows: its key and, to enrol, the token of an account."""

    key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


def new_secret(entropy: bytes) -> str:
    """Return 32 random bytes as 43 URL-safe characters: an auth_token, or what follows a node key's prefix."""
    return base64.urlsafe_b64encode(entropy).rstrip(b"=").decode("ascii")


def is_node_key(text: str) -> bool:
    """Whether this can be a node key."""
    return _KEY.fullmatch(text) is not None


def is_auth_token(text: str) -> bool:
    """Whether this can be an auth_token."""
    return _TOKEN.fullmatch(text) is not None


def digest_of(secret: str) -> bytes:
    """Return what is stored in the place of a token or a node key."""
    return hashlib.sha256(secret.encode("utf-8")).digest()
