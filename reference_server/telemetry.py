"""Logs: one structured line per event, JSON or console, through one handler, without secrets.

Everything passes the same chain, the gateway's own events (structlog) and those of libraries (logging): the request id
is added, values of secret fields are replaced by name, and what looks like a key is cut out of any text, tracebacks
included. A query string may hold `?api_key=`: uvicorn's access log is off (`api.server`), and the rest of what it says
is scrubbed.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from reference_server.usecases.auditing import ORIGIN

HIDDEN: Final = "[hidden]"

_SECRET_FIELDS: Final = frozenset(
    (
        "apikey",
        "xapikey",
        "apikeypepper",
        "authorization",
        "authtoken",
        "clear",
        "cookie",
        "credentials",
        "datakey",
        "digest",
        "masterkeys",
        "mt5login",
        "mt5password",
        "nodekey",
        "password",
        "pepper",
        "sealed",
        "secret",
        "token",
        "xauthtoken",
    )
)
_KEY: Final = re.compile(r"sk_live_[0-9A-Za-z_]+|nk_tonpo_[0-9A-Za-z_-]+")
_QUERY: Final = re.compile(r"(?i)(api_?key|auth_token|password|token)(=|%3D)[^&\s\"']+")
_QUIET: Final = ("websockets", "aiosqlite", "alembic", "asyncio", "connexion")
"""Libraries whose information lines say nothing to an operator, and whose debug lines hold headers and parameters."""


def configure_logging(level: str, log_format: str, stream: TextIO | None = None) -> None:
    """Set up all logging of the process. `level`: a name like info; `log_format`: auto, json or console.

    auto is console on a terminal and JSON elsewhere. Writes to `stream`, else to standard error.
    """
    target = stream if stream is not None else sys.stderr
    is_console = log_format == "console" or (log_format == "auto" and target.isatty())
    chain = _chain()
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *chain],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer(is_console, target)],
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *chain,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def add_request_id(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Put the id of the request that is being served into the event."""
    request_id = ORIGIN.get().request_id
    if request_id is not None:
        event.setdefault("request_id", request_id)
    return event


def hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace the values of secret fields, at any depth, and cut keys out of all texts."""
    return {name: _hidden(name, value) for name, value in event.items()}


def scrub(text: str) -> str:
    """Return the text without API keys, node keys and the values of secret query parameters."""
    if "sk_live_" in text or "nk_tonpo_" in text:
        text = _KEY.sub(HIDDEN, text)
    if "=" in text or "%3" in text:  # most texts have neither, and need no search
        text = _QUERY.sub(rf"\1\2{HIDDEN}", text)
    return text


def _hidden(name: object, value: object) -> object:
    if isinstance(name, str):
        if name.startswith("_"):  # structlog's own record
            return value
        if _is_secret(name):
            return HIDDEN
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, Mapping):
        return {key: _hidden(key, inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_hidden(None, inner) for inner in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return scrub(repr(value))


@lru_cache(maxsize=1_000)
def _is_secret(name: str) -> bool:
    return name.lower().replace("_", "").replace("-", "") in _SECRET_FIELDS


def _chain() -> list[Processor]:
    return [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_request_id,
        structlog.processors.format_exc_info,
        hide_secrets,
    ]


def _renderer(is_console: bool, target: TextIO) -> Processor:
    if is_console:
        return structlog.dev.ConsoleRenderer(colors=target.isatty(), exception_formatter=structlog.dev.plain_traceback)
    return structlog.processors.JSONRenderer(sort_keys=False)
