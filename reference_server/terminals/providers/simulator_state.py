"""The simulated broker's accounts on disk: a dump now and then, and a journal of every trade since.

A trade is in the journal before its answer leaves, so that a gateway that is killed loses no position and never gives a
ticket twice. A dump names the first journal that it does not hold; the next journal begins with the dump, and those
before it are deleted once it is on disk. A dump is due when the journals are as long as the last one, and is written by
a thread that lets the event loop go on between two pieces of it. Journals are written without waiting for the disk:
they survive the end of the process, and a power cut may cost what the system had not written yet.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from reference_server.simulator import SimulatedBroker
from reference_server.simulator.book import snapshot

DUMP_FILE: Final = "simulator.json"
SHORT_JOURNAL_BYTES: Final = 4 * 1024 * 1024
"""Read again within a fraction of a second."""
_PIECE_RECORDS: Final = 200
_PAUSE_SECONDS: Final = 0.001
"""A thread at work keeps Python's lock from the event loop; one that pauses gives it back."""
_JOURNAL: Final = re.compile(r"simulator\.([0-9]{1,12})\.journal")

_log = logging.getLogger(__name__)


class SimulatorStateUnusable(Exception):
    """The file with the simulated broker's accounts cannot be read or written."""


class SimulatorState:
    """Keeps one broker's accounts in a directory, in files of mode 0600."""

    def __init__(self, broker: SimulatedBroker, directory: Path) -> None:
        """Restore what was kept. Raises SimulatorStateUnusable."""
        self._broker = broker
        self._directory = directory
        self._number = _restore(broker, directory)
        self._journal: int | None = None
        self._journal_bytes = sum(path.stat().st_size for _, path in _journals(directory))
        self._dump_bytes = 0
        self._lengths = _lengths(broker)
        self._told = snapshot.Told()
        self._missed: dict[tuple[str, int], set[int]] = {}
        """Tickets of trades that could not be written."""

    def has_news(self, server: str, login: int) -> bool:
        """Whether the account's history has grown since the last note: a stop or a pending order did that."""
        return self._broker.history_lengths(server, login) != self._lengths.get((server, login))

    def note(self, server: str, login: int, tickets: Iterable[int]) -> None:
        """Write what became of these tickets of an account, and whatever else its history got since the last note.

        What cannot be written comes with the account's next one, or with the next dump.
        """
        key = (server, login)
        if key in self._missed:
            tickets = self._missed.pop(key).union(tickets)
        past_orders, deals = self._lengths.get(key, (0, 0))
        changed = self._broker.dump_changes(
            server, login, tickets, past_orders=past_orders, deals=deals, told=self._told
        )
        try:
            if self._journal is None:
                self._journal = _create(self._directory / f"simulator.{self._number}.journal")
            self._journal_bytes += _append(self._journal, orjson.dumps(changed, option=orjson.OPT_APPEND_NEWLINE))
        except OSError as failed:
            self._told = snapshot.Told()
            self._missed[key] = {*tickets}
            _log.error("a trade cannot be written to the journal in %s: %s", self._directory, failed)
            return
        self._lengths[key] = (past_orders + len(changed["past_orders"][1]), deals + len(changed["deals"][1]))

    @property
    def is_dump_due(self) -> bool:
        """Whether the journal is long."""
        return self._journal_bytes > max(self._dump_bytes, SHORT_JOURNAL_BYTES)

    async def dump(self, *, pause_seconds: float = _PAUSE_SECONDS) -> None:
        """Take the broker's state here and write it in a thread, which pauses after each piece of it."""
        self._close_journal()
        self._journal_bytes = 0
        self._number += 1
        state = {**self._broker.dump_briefly(), "journal": self._number}
        self._lengths = _lengths(self._broker)
        self._told = snapshot.Told()
        self._missed.clear()
        try:
            self._dump_bytes = await asyncio.to_thread(_write_dump, self._directory, state, pause_seconds)
        except OSError as failed:
            _log.error("the simulated broker's accounts cannot be saved in %s: %s", self._directory, failed)

    async def close(self) -> None:
        """Dump for the last time."""
        await self.dump(pause_seconds=0)
        self._close_journal()

    def _close_journal(self) -> None:
        if self._journal is not None:
            os.close(self._journal)
            self._journal = None


def _lengths(broker: SimulatedBroker) -> dict[tuple[str, int], tuple[int, int]]:
    return {key: broker.history_lengths(*key) for key in broker.accounts}


def _create(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)


def _append(journal: int, line: bytes) -> int:
    """Write a whole line or nothing of it, and return its length. Raises OSError."""
    written = os.write(journal, line)
    if written < len(line):  # a full disk takes what it can; the next line must not be joined to half of this one
        os.ftruncate(journal, os.fstat(journal).st_size - written)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return written


def encoded(state: Mapping[str, Any]) -> Iterator[bytes]:
    """Give a brief dump as JSON in pieces, each made within a millisecond or so."""
    yield _unclosed({name: value for name, value in state.items() if name != "accounts"}) + b',"accounts":['
    for number, account in enumerate(state["accounts"]):
        terms = {name: value for name, value in account.items() if name not in snapshot.HISTORY}
        yield (b"," if number else b"") + _unclosed(terms)
        for name in snapshot.HISTORY:
            yield b',"%b":[' % name.encode("ascii")
            records = account[name]
            for start in range(0, len(records), _PIECE_RECORDS):
                piece = orjson.dumps(snapshot.lists(records[start : start + _PIECE_RECORDS]))
                yield (b"," if start else b"") + piece[1:-1]
            yield b"]"
        yield b"}"
    yield b"]}"


def _unclosed(values: dict[str, Any]) -> bytes:
    return orjson.dumps(values)[:-1]


def _write_dump(directory: Path, state: Mapping[str, Any], pause_seconds: float) -> int:
    """Replace the dump as one step, and delete the journals that it holds; return its bytes. Raises OSError."""
    draft = directory / f"{DUMP_FILE}.new"
    draft.unlink(missing_ok=True)
    with os.fdopen(_create(draft), "wb") as file:
        for piece in encoded(state):
            file.write(piece)
            time.sleep(pause_seconds)
        length = file.tell()
        file.flush()
        os.fsync(file.fileno())
    draft.replace(directory / DUMP_FILE)
    for number, path in _journals(directory):
        if number < state["journal"]:
            path.unlink(missing_ok=True)
    return length


def _journals(directory: Path) -> list[tuple[int, Path]]:
    if not directory.is_dir():
        return []
    found = ((_JOURNAL.fullmatch(path.name), path) for path in directory.iterdir())
    return sorted((int(match[1]), path) for match, path in found if match)


def _restore(broker: SimulatedBroker, directory: Path) -> int:
    """Load the dump and play the journals that came after it; return the number of the next journal."""
    path = directory / DUMP_FILE
    next_number = 0
    try:
        state = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
        if state is not None and not isinstance(state, dict):
            raise ValueError("not an object")
        first = 0 if state is None else int(state.get("journal", 0))
        next_number = first
        for number, path in _journals(directory):
            if number < first:
                continue
            next_number = number + 1
            if state is None:
                if number > 0:
                    raise ValueError("the file simulator.json that it continues is missing")
                state = broker.dump()
            lines = path.read_bytes().split(b"\n")[:-1]  # what follows the last newline was cut while written
            snapshot.apply(state, map(json.loads, lines))
        if state is not None:
            broker.load(state)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as unreadable:
        raise SimulatorStateUnusable(
            f"{path} does not hold the simulated broker's accounts ({unreadable}): move it away to start afresh."
        ) from unreadable
    return next_number
