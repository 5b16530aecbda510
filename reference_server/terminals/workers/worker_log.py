"""What a worker writes besides its messages, into the log of who started it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection

from reference_server.telemetry import HIDDEN, scrub

_log = logging.getLogger("tonpo.worker")


async def pass_on(written: asyncio.StreamReader | None, secrets: Collection[str], name: str = "") -> None:
    """Log each line until the end, without `secrets`, which may grow meanwhile; `name` stands in front of each."""
    while written is not None:
        try:
            line = await written.readline()
        except ValueError:  # longer than the limit; it is dropped
            continue
        if not line:
            return
        text = scrub(line.decode("utf-8", "replace").rstrip())
        for secret in secrets:
            text = text.replace(secret, HIDDEN)
        _log.info("%s", f"{name}: {text}" if name else text)
