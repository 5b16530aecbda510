"""The JSON body of one operation: read within its bound, decoded strictly, validated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from reference_server.api import json_bodies
from reference_server.api.schemas import CompiledSchema
from reference_server.domain.errors import BodyTooLarge, InvalidBody, UnsupportedMediaType, Violation

RawHeaders = Sequence[tuple[bytes, bytes]]


class CompiledBody:
    """The body that an operation takes, with or without Content-Length."""

    def __init__(self, request_body: dict[str, Any], max_bytes: int, max_depth: int) -> None:
        self._is_required = bool(request_body.get("required"))
        self._schema = CompiledSchema(request_body["content"]["application/json"].get("schema", {}))
        self._max_bytes = max_bytes
        self._max_depth = max_depth

    async def read(self, headers: RawHeaders, receive: Receive) -> dict[str, Any]:
        """Return the JSON object. Raises BodyTooLarge, UnsupportedMediaType, MalformedJson, InvalidBody."""
        media_type = encoding = b""
        for name, value in headers:
            if name == b"content-length" and value.isdigit() and int(value) > self._max_bytes:
                raise self._too_large()
            if name == b"content-type":
                media_type = value
            elif name == b"content-encoding":
                encoding = value
        content = await self._content(receive)
        if not content:
            if self._is_required:
                raise InvalidBody("A JSON body is required.", violations=(Violation("body", "is required"),))
            return {}
        if not is_json(media_type):
            raise UnsupportedMediaType(_found(media_type))
        if encoding.strip().lower() not in (b"", b"identity"):
            raise UnsupportedMediaType("The body must be sent without Content-Encoding.")
        value = json_bodies.load(content, self._max_depth)
        if not self._schema.is_valid(value):
            violations = self._schema.violations(value, root="body")
            first = violations[0]
            where = "The body" if first.field == "body" else f"The field {first.field.removeprefix('/')}"
            raise InvalidBody(f"{where} {first.message}.", violations=violations)
        if not isinstance(value, dict):
            raise InvalidBody("The body must be an object.", violations=(Violation("body", "must be an object"),))
        return value

    async def _content(self, receive: Receive) -> bytes:
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            part: bytes = message.get("body", b"")
            size += len(part)
            if size > self._max_bytes:
                raise self._too_large()
            if not message.get("more_body", False):
                return b"".join(parts) + part if parts else part
            parts.append(part)

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"The body is larger than the {self._max_bytes} bytes that this gateway accepts.")


def is_json(media_type: bytes) -> bool:
    """Whether a Content-Type is application/json, in UTF-8 if it names a charset."""
    if media_type == b"application/json":
        return True
    kind, *parameters = [part.strip().lower() for part in media_type.split(b";")]
    charsets = [one.partition(b"=")[2].strip(b'" ') for one in parameters if one.startswith(b"charset")]
    return kind == b"application/json" and all(one in (b"utf-8", b"utf8") for one in charsets)


def _found(media_type: bytes) -> str:
    named = media_type.decode("latin-1")[:80]
    found = f"{named!r} was sent" if named else "no Content-Type was sent"
    return f"The body must be sent as application/json in UTF-8; {found}."
