"""One line per request and trade: what the gateway's other log lines look like, at a fraction of their cost.

Lines are collected and written together, a twentieth of a second late at most. A request's price through the general
logging chain was measured at more than the whole rest of the gateway's work for it, and a write for each at a tenth.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final, TextIO

import orjson

DELAY_SECONDS: Final = 0.05
MOST_LINES: Final = 1000
"""Bounds memory, and how long one writing holds up the event loop."""

Line = tuple[datetime, str, str, int, float, str]
Event = tuple[datetime, str, str, Mapping[str, object], str | None]


class AccessLines:
    """Writes access lines to `stream`, in JSON or for people. `scrub` takes secrets out of a text."""

    def __init__(self, stream: TextIO, scrub: Callable[[str], str], *, as_json: bool) -> None:
        self._stream = stream
        self._scrub = scrub
        self._format, self._format_event = (_json_line, _json_event) if as_json else (_console_line, _console_event)
        self._lines: list[Line | Event] = []

    def __call__(self, method: str, path: str, status: int, duration_ms: float, request_id: str) -> None:
        """Note one request; called on the event loop."""
        if "sk_live" in path:
            path = self._scrub(path)
        self._add((datetime.now(UTC), method, path, status, duration_ms, request_id))

    def event(self, logger: str, name: str, fields: Mapping[str, object], request_id: str | None) -> None:
        """Note another event, at level info; called on the event loop. `fields` must hold no secret."""
        self._add((datetime.now(UTC), logger, name, fields, request_id))

    def _add(self, line: Line | Event) -> None:
        self._lines.append(line)
        if len(self._lines) == 1:
            asyncio.get_running_loop().call_later(DELAY_SECONDS, self.flush)
        elif len(self._lines) >= MOST_LINES:
            self.flush()

    def flush(self) -> None:
        """Write what was noted."""
        if not self._lines:
            return
        lines, self._lines = self._lines, []
        self._stream.write("".join(map(self._written, lines)))
        self._stream.flush()

    def _written(self, line: Line | Event) -> str:
        return self._format(line) if len(line) == 6 else self._format_event(line)


def _json_line(line: Line) -> str:
    time, method, path, status, duration_ms, request_id = line
    record = {
        "method": method,
        "path": path,
        "status": status,
        "ms": round(duration_ms, 2),
        "event": "request",
        "level": "info",
        "logger": "tonpo.access",
        "timestamp": time,
        "request_id": request_id,
    }
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z).decode("utf-8")


def _json_event(line: Event) -> str:
    time, logger, name, fields, request_id = line
    record = {**fields, "event": name, "level": "info", "logger": logger, "timestamp": time}
    if request_id is not None:
        record["request_id"] = request_id
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z).decode("utf-8")


def _console_event(line: Event) -> str:
    time, _, name, fields, request_id = line
    shown = " ".join(f"{key}={value}" for key, value in fields.items() if value is not None)
    return f"{time:%Y-%m-%dT%H:%M:%SZ} [info] {name} {shown} {request_id or ''}\n"


def _console_line(line: Line) -> str:
    time, method, path, status, duration_ms, request_id = line
    shown = path if path.isprintable() else ascii(path)  # a path must not be able to forge a line
    return f"{time:%Y-%m-%dT%H:%M:%SZ} [info] {method} {shown} {status} {duration_ms:.1f} ms {request_id}\n"
