"""What went over the wire: HTTP exchanges and WebSocket frames, as values."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import orjson

__all__ = ["Entry", "Exchange", "Frame", "Headers", "Request", "Response", "Transcript", "header_value"]

Headers = tuple[tuple[str, str], ...]


def header_value(headers: Headers, name: str) -> str | None:
    """Return the first value of the header `name`, in any letter case, or None."""
    wanted = name.lower()
    return next((value for key, value in headers if key.lower() == wanted), None)


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as it was sent. `url` is absolute."""

    method: str
    url: str
    headers: Headers = ()
    body: bytes | None = None


@dataclass(frozen=True)
class Response:
    """One HTTP answer, whole."""

    status: int
    headers: Headers
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the first value of a header, in any letter case, or None."""
        return header_value(self.headers, name)

    @property
    def content_type(self) -> str:
        """Return the media type in lower case without its parameters; empty when there is none."""
        return (self.header("Content-Type") or "").partition(";")[0].strip().lower()

    @cached_property
    def json(self) -> Any:
        """Return the body parsed as JSON, or None when it is not JSON."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer. Times are milliseconds since the check began.

    `user` is the label of whoever asked ("user 1", "anonymous"); `operation` the operationId, when the request was
    made as an operation of the contract.
    """

    number: int
    request: Request
    response: Response
    operation: str | None = None
    user: str = "anonymous"
    started_ms: float = 0.0
    duration_ms: float = 0.0

    @property
    def status(self) -> int:
        """Return the HTTP status."""
        return self.response.status

    @property
    def json(self) -> Any:
        """Return the body parsed as JSON, or None when it is not JSON."""
        return self.response.json

    @property
    def document(self) -> dict[str, Any]:
        """Return the JSON object of the body; empty when the body is anything else."""
        return self.json if isinstance(self.json, dict) else {}

    def header(self, name: str) -> str | None:
        """Return a header of the answer, in any letter case, or None."""
        return self.response.header(name)

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Return the objects of the list called `name` in the answer, such as `accounts`; empty when there is none."""
        found = self.document.get(name)
        return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


@dataclass(frozen=True, slots=True)
class Frame:
    """One WebSocket event: a frame sent or received, the opening, or the close. `connection` tells sockets apart."""

    number: int
    connection: str
    direction: Literal["opened", "sent", "received", "closed"]
    text: str
    at_ms: float


Entry = Exchange | Frame


@dataclass(slots=True)
class Transcript:
    """The numbered record of one check, in order. Entries beyond `limit` are counted and dropped: memory is bounded."""

    limit: int = 2000
    entries: list[Entry] = field(default_factory=list)
    dropped: int = 0
    _numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 1 << 62)))

    def next_number(self) -> int:
        """Return the number of the next entry."""
        return next(self._numbers)

    def add(self, entry: Entry) -> None:
        """Record an entry."""
        if len(self.entries) < self.limit:
            self.entries.append(entry)
        else:
            self.dropped += 1

    @property
    def exchanges(self) -> list[Exchange]:
        """Return the HTTP exchanges."""
        return [entry for entry in self.entries if isinstance(entry, Exchange)]
