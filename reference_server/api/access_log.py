"""One line per request and trade: what the gateway's other log lines look like, at a fraction of their cost.

Lines are collected and written together, a twentieth of a second late at most. A request's price through the general
logging chain was measured at more than the whole rest of the gateway's work for it, and a write for each at a tenth.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from time import time_ns
from typing import Final, TextIO

import orjson

DELAY_SECONDS: Final = 0.05
MOST_LINES: Final = 1000
"""Bounds memory, and how long one writing holds up the event loop."""

Line = tuple[int, str, str, int, float, str]
"""When (ns since the epoch), method, path, status, duration in ms, request id."""

_JSON_LINE: Final = (
    '{"method":"%s","path":%s,"status":%d,"ms":%.2f,"event":"request","level":"info","logger":"tonpo.access",'
    '"timestamp":"%s.%06dZ","request_id":"%s"}\n'
)
_SHORT: Final = 200
"""Paths below this many characters are kept in their quoted form."""
_OPTIONS: Final = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z


class AccessLines:
    """Writes access lines to `stream`, in JSON or for people. `scrub` takes secrets out of a text."""

    def __init__(self, stream: TextIO, scrub: Callable[[str], str], *, as_json: bool) -> None:
        self._stream = stream
        self._scrub = scrub
        self._formatted: Callable[[Sequence[Line | str]], str] = _json_lines if as_json else _console_lines
        self._event: Callable[..., str] = _json_event if as_json else _console_event
        self._lines: list[Line | str] = []

    def __call__(self, method: str, path: str, status: int, duration_ms: float, request_id: str) -> None:
        """Note one request; called on the event loop."""
        if "sk_live" in path:
            path = self._scrub(path)
        lines = self._lines
        lines.append((time_ns(), method, path, status, duration_ms, request_id))
        if len(lines) == 1 or len(lines) >= MOST_LINES:
            self._flush_soon()

    def event(self, logger: str, name: str, fields: Mapping[str, object], request_id: str | None) -> None:
        """Note another event, at level info; called on the event loop. `fields` must hold no secret."""
        self._lines.append(self._event(datetime.now(UTC), logger, name, fields, request_id))
        self._flush_soon()

    def _flush_soon(self) -> None:
        if len(self._lines) == 1:
            asyncio.get_running_loop().call_later(DELAY_SECONDS, self.flush)
        elif len(self._lines) >= MOST_LINES:
            self.flush()

    def flush(self) -> None:
        """Write what was noted."""
        if not self._lines:
            return
        lines, self._lines = self._lines, []
        self._stream.write(self._formatted(lines))
        self._stream.flush()


def _json_lines(lines: Sequence[Line | str]) -> str:
    return "".join([one if isinstance(one, str) else _json_line(*one) for one in lines])


def _json_line(when_ns: int, method: str, path: str, status: int, duration_ms: float, request_id: str) -> str:
    """Write it as `orjson` would, in less time; neither method nor id have anything to escape."""
    second, rest_ns = divmod(when_ns, 1_000_000_000)
    shown = _quoted(path) if len(path) < _SHORT else _dumped(path)
    return _JSON_LINE % (method, shown, status, duration_ms, _second(second), rest_ns // 1000, request_id)


def _dumped(text: str) -> str:
    return orjson.dumps(text).decode("utf-8")


_quoted = lru_cache(maxsize=1000)(_dumped)


@lru_cache(maxsize=4)
def _second(second: int) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}"


def _json_event(time: datetime, logger: str, name: str, fields: Mapping[str, object], request_id: str | None) -> str:
    record = {**fields, "event": name, "level": "info", "logger": logger, "timestamp": time}
    if request_id is not None:
        record["request_id"] = request_id
    return orjson.dumps(record, option=_OPTIONS).decode("utf-8")


def _console_lines(lines: Sequence[Line | str]) -> str:
    return "".join([one if isinstance(one, str) else _console_line(*one) for one in lines])


def _console_line(when_ns: int, method: str, path: str, status: int, duration_ms: float, request_id: str) -> str:
    shown = path if path.isprintable() else ascii(path)  # a path must not be able to forge a line
    return f"{_second(when_ns // 1_000_000_000)}Z [info] {method} {shown} {status} {duration_ms:.1f} ms {request_id}\n"


def _console_event(time: datetime, _: str, name: str, fields: Mapping[str, object], request_id: str | None) -> str:
    shown = " ".join(f"{key}={value}" for key, value in fields.items() if value is not None)
    return f"{time:%Y-%m-%dT%H:%M:%SZ} [info] {name} {shown} {request_id or ''}\n"
