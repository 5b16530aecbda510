"""Why an agent does not go on."""

from __future__ import annotations


class AgentRefused(Exception):
    """The agent cannot be run as it was asked to. The message is a sentence that says why and what to do."""


class NodeEnded(Exception):
    """The gateway has ended this node for good. The message is a sentence."""


class GatewayUnreachable(Exception):
    """The gateway cannot be reached now; trying again may help. `retry_after_seconds`: no sooner than that."""

    def __init__(self, message: str, retry_after_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
