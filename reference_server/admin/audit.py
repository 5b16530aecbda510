"""`tonpo admin audit`."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from reference_server.admin.opened_store import opened_store
from reference_server.commands import explained, placed, printable
from reference_server.config import Settings, load_settings
from reference_server.domain.audit import AuditEntry

_SPAN: Final = re.compile(r"([0-9]{1,6})([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class _Moment(click.ParamType[int]):
    """A time before now or an ISO date, read to ms since the epoch, UTC."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        span = _SPAN.fullmatch(str(value))
        if span is not None:
            return int((time.time() - int(span[1]) * _SECONDS[span[2]]) * 1000)
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(
                f"{value!r} is neither a date (2026-01-31, 2026-01-31T12:00) nor a span (30m, 12h, 7d)", param, ctx
            )
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


@click.command(epilog="Example: tonpo admin audit --since 7d --data-dir ./data")
@click.option("--since", type=_Moment(), metavar="WHEN", help="A date (UTC) or a span: 30m, 12h, 7d.")
@click.option("--user", "user_id", metavar="USER", help="Only what this user did, or what was done to it.")
@click.option("--limit", type=click.IntRange(1), default=1_000, show_default=True, metavar="N", help="The newest N.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on each line.")
@placed
def audit(
    config_file: Path | None, since: int | None, user_id: str | None, limit: int, as_json: bool, **flags: Any
) -> None:
    """Print what was done with keys, users and accounts: when (UTC), by whom, what, to what, from where."""
    with explained():
        settings = load_settings(flags, os.environ, config_file)
        for entry in asyncio.run(_entries(settings, since, user_id, limit)):
            click.echo(_json(entry) if as_json else _line(entry))


async def _entries(settings: Settings, since_ms: int | None, user_id: str | None, limit: int) -> Sequence[AuditEntry]:
    async with opened_store(settings) as store:
        return await store.audit.listing(since_ms=since_ms, user_id=user_id, limit=limit)


def _json(entry: AuditEntry) -> str:
    return json.dumps({**asdict(entry), "action": entry.action.value})  # ASCII: nothing reaches the terminal unescaped


def _line(entry: AuditEntry) -> str:
    moment = datetime.fromtimestamp(entry.time_ms / 1000, UTC)
    origin = " ".join(filter(None, (entry.address, entry.request_id)))
    parts = (f"{moment:%Y-%m-%dT%H:%M:%SZ}", entry.actor, entry.action.value, entry.subject, entry.detail, origin)
    return "  ".join(printable(part) for part in parts if part)
