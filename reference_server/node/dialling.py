"""One attempt to connect, and what the gateway's answer means."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import Mapping
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidStatus, WebSocketException

from reference_server.domain.nodes import PROTOCOL, PROTOCOL_HEADER, TOKEN_HEADER, NodeClaim
from reference_server.node.address import GatewayAddress
from reference_server.node.refusals import AgentRefused, GatewayUnreachable
from reference_server.sentence import sentence

MOST_MESSAGE_BYTES: Final = 2**20

_OPENING_SECONDS: Final = 15.0
_CLOSING_SECONDS: Final = 2.0
_LATER: Final = frozenset((408, 425, 429, 500, 502, 503, 504))
"""Answers of a gateway, or of a proxy in front of it, that may be another one soon."""
_LONGEST_TOLD: Final = 300


class KeyRefused(AgentRefused):
    """The gateway knows neither the key nor the token."""


class _Direct(connect):
    """Follows no redirect: where one leads, nobody has said that the key may go."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def dial(place: GatewayAddress, claim: NodeClaim, trust: ssl.SSLContext | None = None) -> ClientConnection:
    """Connect to the gateway. Raises AgentRefused (KeyRefused), GatewayUnreachable."""
    headers = {"Authorization": f"Bearer {claim.key}", PROTOCOL_HEADER: str(PROTOCOL)}
    if claim.token is not None:
        headers[TOKEN_HEADER] = claim.token
    options: dict[str, Any] = {"ssl": trust or ssl.create_default_context()} if place.is_secure else {}
    try:
        return await _Direct(
            place.dialled,
            additional_headers=headers,
            user_agent_header="tonpo-node",
            compression=None,
            proxy=None if place.is_loopback else True,
            open_timeout=_OPENING_SECONDS,
            close_timeout=_CLOSING_SECONDS,
            ping_interval=None,  # both sides beat by themselves
            max_size=MOST_MESSAGE_BYTES,
            logger=logging.getLogger("websockets.client"),
            **options,
        )
    except InvalidStatus as refused:
        raise _refusal(place, refused.response.status_code, refused.response.body, refused.response.headers) from None
    except InvalidMessage as broken:
        if isinstance(broken.__cause__, (EOFError, OSError)):  # it went away in the middle
            raise GatewayUnreachable(f"{place.shown} closed the connection.") from None
        raise AgentRefused(f"What answers at {place.shown} is no Tonpo gateway: it does not speak HTTP.") from None
    except ssl.SSLCertVerificationError as untrusted:
        raise AgentRefused(
            f"The certificate of {place.shown} is not trusted ({untrusted.verify_message}). Name the authority that "
            "signed it with --tls-ca, if it is the right one."
        ) from None
    except ssl.SSLError as broken:
        if broken.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL"):
            raise AgentRefused(f"{place.shown} does not speak TLS: is it http?") from None
        raise GatewayUnreachable(f"{place.shown} cannot be reached: {broken.reason or broken}.") from None
    except TimeoutError:
        raise GatewayUnreachable(f"{place.shown} does not answer.") from None
    except (OSError, asyncio.IncompleteReadError) as failed:
        reason = failed.strerror if isinstance(failed, OSError) and failed.strerror else str(failed)
        raise GatewayUnreachable(f"{place.shown} cannot be reached: {reason}.") from None
    except InvalidHandshake as broken:
        raise AgentRefused(f"What answers at {place.shown} is no Tonpo gateway: {broken}.") from None
    except WebSocketException as broken:
        raise GatewayUnreachable(f"{place.shown} cannot be reached: {broken}.") from None


def _refusal(
    place: GatewayAddress, status: int, body: bytes | bytearray | None, headers: Mapping[str, str]
) -> AgentRefused | GatewayUnreachable:
    told = _told(body)
    if status in _LATER:
        return GatewayUnreachable(
            f"{place.shown} does not take this node (HTTP {status}): {told or 'no reason was given.'}",
            _seconds(headers.get("Retry-After")),
        )
    if 300 <= status < 400:
        where = headers.get("Location", "elsewhere")
        return AgentRefused(f"{place.shown} redirects to {where[:_LONGEST_TOLD]}: give the right URL with --gateway.")
    if told is None or status == 404:
        return AgentRefused(
            f"What answers at {place.shown} is no Tonpo gateway that takes nodes (HTTP {status}): see --gateway."
        )
    if status == 401:
        return KeyRefused(f"The gateway refuses this node: {told}")
    return AgentRefused(f"The gateway refuses this node: {told}")


def _told(body: bytes | bytearray | None) -> str | None:
    """Return the sentence of an answer in the gateway's error shape."""
    try:
        said = json.loads(body or b"")
        text = said["error"]
    except (ValueError, LookupError, TypeError):
        return None
    if not isinstance(text, str):
        return None
    return sentence("".join(one for one in text if one.isprintable())[:_LONGEST_TOLD])


def _seconds(text: str | None) -> float:
    try:
        return min(max(float(text or 0), 0.0), 3600.0)
    except ValueError:
        return 0.0
