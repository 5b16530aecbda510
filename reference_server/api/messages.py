"""What a client may say on `/ws`. Source: spec/asyncapi.yaml."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec

from reference_server.api import json_bodies
from reference_server.domain.errors import GatewayError, InvalidBody, MalformedJson
from reference_server.domain.market import Timeframe
from reference_server.usecases.topics import Channel

MAX_SYMBOLS = 500
"""In one message, as the contract has it."""

MAX_DEPTH = 32

RequestId = Annotated[str, msgspec.Meta(max_length=128)]
SymbolName = Annotated[str, msgspec.Meta(min_length=1, max_length=31, pattern=r"^[^\x00-\x1f\x7f/]+$")]
SymbolNames = Annotated[list[SymbolName], msgspec.Meta(min_length=1, max_length=MAX_SYMBOLS)]


class Subscribe(msgspec.Struct, tag="subscribe", frozen=True):
    """Ask for market data of symbols; without `timeframe` no candles."""

    symbols: SymbolNames
    timeframe: Timeframe | None = None
    channels: Annotated[list[Channel], msgspec.Meta(min_length=1)] | None = None
    request_id: RequestId | None = None


class Unsubscribe(msgspec.Struct, tag="unsubscribe", frozen=True):
    """Stop market data of symbols."""

    symbols: SymbolNames
    request_id: RequestId | None = None


class Ping(msgspec.Struct, tag="ping", frozen=True):
    """Ask for a pong."""

    request_id: RequestId | None = None


class GetPositions(msgspec.Struct, tag="getPositions", frozen=True):
    """Ask for all open positions."""

    request_id: RequestId | None = None


Incoming = Subscribe | Unsubscribe | Ping | GetPositions
_TYPES = ("subscribe", "unsubscribe", "ping", "getPositions")


def read(text: str) -> Incoming:
    """Return a message. Raises Unreadable, which carries the request_id where it could be read."""
    try:
        value = json_bodies.load(text.encode("utf-8", "surrogatepass"), MAX_DEPTH)
    except MalformedJson as error:
        raise Unreadable(MalformedJson(error.message.replace("The body", "The message")), None) from None
    request_id = _request_id(value)
    if not isinstance(value, dict):
        raise Unreadable(InvalidBody("The message must be a JSON object."), None)
    if value.get("type") not in _TYPES:
        found = "is missing" if "type" not in value else "is not one of the stream"
        raise Unreadable(InvalidBody(f"The type of the message {found}: use {', '.join(_TYPES)}."), request_id)
    try:
        message: Incoming = msgspec.convert(value, type=Incoming, strict=True)
    except msgspec.ValidationError as error:
        raise Unreadable(InvalidBody(_explain(error)), request_id) from None
    return message


class Unreadable(Exception):
    """A message that cannot be understood: the error to send, and the request_id to send with it."""

    def __init__(self, error: GatewayError, request_id: str | None) -> None:
        super().__init__(error.message)
        self.error = error
        self.request_id = request_id


def _request_id(value: Any) -> str | None:
    found = value.get("request_id") if isinstance(value, dict) else None
    return found if isinstance(found, str) and len(found) <= 128 else None


_FAULT = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<where>[^`]*)`)?", re.DOTALL)


def _explain(error: msgspec.ValidationError) -> str:
    """Say what is wrong as a sentence; of a client's values msgspec quotes none but a wrong enum's."""
    found = _FAULT.fullmatch(str(error))
    what, where = (found["what"], found["where"]) if found else (str(error), None)
    subject = f"The field {where}" if where else "The message"
    return f"{subject} is not acceptable: {what[:1].lower()}{what[1:]}."
