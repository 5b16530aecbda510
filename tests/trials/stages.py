"""A gateway that dies where the key of a request says: `die-STAGE-...`. Installed in every gateway of a trial."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
from collections.abc import Callable
from typing import Any, Final

PREFIX: Final = "die-"
IN_PROCESS: Final = ("arriving", "writing", "written", "sending", "answered", "settling", "settled")
"""The stages of a request, in order: come in, being written down, written down, about to be sent, answered by the
broker, its outcome noted in memory, and written down."""


def key_for(stage: str, rest: str) -> str:
    """A key that a gateway dies of."""
    return f"{PREFIX}{stage}-{rest}"


def install() -> None:
    """Make this process mortal."""
    from reference_server.storage.journal import SqlJournal
    from reference_server.usecases import requests

    trade_requests: Any = requests.TradeRequests
    journal: Any = SqlJournal
    module: Any = requests
    arrived: set[str] = set()

    def arriving(_self: Any, _user: Any, record: Any, *_rest: Any) -> Any:
        arrived.add(record.key)
        return record

    _before(trade_requests, "_send_claimed", "arriving", arriving)
    _before(journal, "_earlier", "writing", lambda _self, _connection, record, *_rest: record)
    _before(module, "_sent", "sending", lambda _terminal, record, *_rest: record)
    claim, sent, settle = journal.claim, module._sent, journal.settle

    async def claim_and_die(self: Any, record: Any, **options: Any) -> Any:
        claimed = await claim(self, record, **options)
        _die(record, "written")
        return claimed

    async def send_and_die(terminal: Any, record: Any, *rest: Any) -> Any:
        result = await sent(terminal, record, *rest)
        _die(record, "answered")
        return result

    def settle_and_die(self: Any, record: Any) -> None:
        settle(self, record)
        if record.key not in arrived:
            return  # it was another life's, and has been found in this one
        _die(record, "settling")
        asyncio.get_running_loop().call_soon(_die, record, "settled")  # once the outcome is written

    journal.claim, module._sent, journal.settle = claim_and_die, send_and_die, settle_and_die


def _before(owner: Any, name: str, stage: str, record_of: Callable[..., Any]) -> None:
    done = getattr(owner, name)

    @functools.wraps(done)
    def die_or_do(*values: Any) -> Any:
        _die(record_of(*values), stage)
        return done(*values)

    setattr(owner, name, die_or_do)


def _die(record: Any, stage: str) -> None:
    if record.key is not None and record.key.startswith(f"{PREFIX}{stage}-"):
        os.kill(os.getpid(), signal.SIGKILL)
