"""The data directory: is it there, may it be written to, may others read it, is there room."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from reference_server.config import Settings
from reference_server.doctor.finding import Finding, note, ok, problem, warning
from reference_server.storage.database import DatabaseUnusable, database_path
from reference_server.storage.ownership import DataInUse, is_owned

_MEGABYTE: Final = 1_000_000
_LEAST_FREE_BYTES: Final = 50 * _MEGABYTE
"""Below this a database that grows and a log beside it soon stop a gateway."""
_COMFORTABLE_FREE_BYTES: Final = 1_000 * _MEGABYTE
_GIVE: Final = "Run the gateway as the user that owns {0}, or give it to the one that runs it: chown -R USER {0}"
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def examine_data(settings: Settings) -> Iterator[Finding]:
    """Look at the data directory and whoever uses it."""
    directory = settings.data_dir
    try:
        if not directory.exists():
            yield from _examine_place_of(directory)
        elif not directory.is_dir():
            yield problem("data", f"{directory} is no directory", "Name another with --data-dir.")
        else:
            yield from _examine_directory(directory)
            yield from _examine_users(settings)
    except OSError as error:
        yield problem("data", f"{directory} cannot be looked at: {error.strerror}", _GIVE.format(directory))


def _may(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def is_in_use(settings: Settings) -> bool:
    """Whether a gateway runs on this data. Raises DataInUse when it cannot be told."""
    directories = {settings.data_dir}
    with suppress(DatabaseUnusable):
        directories.add(database_path(settings.database_url).parent)
    return any(is_owned(directory) for directory in directories)


def nearest_existing(path: Path) -> Path:
    """Return the path, or the closest folder above it that exists."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def examine_room(subject: str, path: Path, *, needed: int = _LEAST_FREE_BYTES) -> Iterator[Finding]:
    """Say whether the disk of a path has room; `needed` in bytes."""
    free = shutil.disk_usage(nearest_existing(path)).free
    says = f"{free // _MEGABYTE:,} MB free on the disk of {path}"
    if free < needed:
        remedy = f"Make room: at least {needed // _MEGABYTE:,} MB are needed."
        yield problem(subject, says, remedy)
    elif free < max(_COMFORTABLE_FREE_BYTES, 2 * needed):
        yield warning(subject, says, "Make room before the disk is full: a gateway that cannot write stops trading.")
    else:
        yield ok(subject, says)


def examine_privacy(subject: str, path: Path, mode: int) -> Iterator[Finding]:
    """Warn when other users of the machine may enter or read; `mode` is what it should be."""
    found = stat.S_IMODE(path.stat().st_mode)
    if os.name == "posix" and found & _OTHERS:
        says = f"{path} is open to other users of this machine (mode {found:04o})"
        yield warning(subject, says, f"Run chmod {mode:o} {path}")


def _examine_place_of(directory: Path) -> Iterator[Finding]:
    parent = nearest_existing(directory)
    if not parent.is_dir() or not _may(parent, os.W_OK | os.X_OK):
        says = f"{directory} does not exist and cannot be made: {parent} may not be written to"
        yield problem("data", says, f"Name another with --data-dir, or let this user write to {parent}.")
        return
    yield note("data", f"{directory} does not exist yet: the first start makes it")
    yield from examine_room("disk", directory)


def _examine_directory(directory: Path) -> Iterator[Finding]:
    if not _may(directory, os.R_OK | os.W_OK | os.X_OK):
        yield problem("data", f"{directory} may not be read and written by this user", _GIVE.format(directory))
        return
    closed = [path for path in sorted(directory.iterdir()) if path.is_file() and not _may(path, os.R_OK | os.W_OK)]
    if closed:
        shown = ", ".join(path.name for path in closed[:3]) + (" and others" if len(closed) > 3 else "")
        says = f"{directory} holds files that this user may not read and write: {shown}"
        yield problem("data", says, _GIVE.format(directory))
    else:
        yield ok("data", f"{directory} can be read and written")
    yield from examine_privacy("data", directory, 0o700)
    stored = sum(path.stat().st_size for path in directory.iterdir() if path.is_file())
    yield from examine_room(
        "disk", directory, needed=max(_LEAST_FREE_BYTES, 2 * stored)
    )  # a backup needs as much again


def _examine_users(settings: Settings) -> Iterator[Finding]:
    try:
        if is_in_use(settings):
            yield note("data", "a gateway is running on it: a second one would be refused")
    except DataInUse as error:
        yield problem("data", str(error), "Put the data on a local file system that can lock files.")
