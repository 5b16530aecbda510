"""One gateway per data directory.

Two on one would log in to the same accounts, count trades against caches that do not see each other, and overwrite each
other's simulated broker. The lock is the operating system's and ends with the process, however that ends.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from reference_server.file_lock import lock

LOCK_FILE: Final = "gateway.lock"


class DataInUse(Exception):
    """Another gateway runs on this directory, or it cannot be told whether one does."""


@contextmanager
def owned(directory: Path) -> Iterator[None]:
    """Own an existing directory while the block lasts. Raises DataInUse."""
    path = directory / LOCK_FILE
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise DataInUse(f"the lock file {path} cannot be opened: {error.strerror}") from error
    try:
        try:
            lock(descriptor)
        except (BlockingIOError, PermissionError) as error:
            raise DataInUse(
                f"another gateway is running on {directory}: stop it, or give this one another --data-dir"
            ) from error
        except OSError as error:
            raise DataInUse(f"the file system of {directory} cannot lock {path.name}: {error.strerror}") from error
        yield
    finally:
        os.close(descriptor)


def is_owned(directory: Path) -> bool:
    """Whether a gateway runs on an existing directory, without leaving a lock file. Raises DataInUse if unclear."""
    path = directory / LOCK_FILE
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise DataInUse(f"the lock file {path} cannot be opened: {error.strerror}") from error
    try:
        lock(descriptor)
    except (BlockingIOError, PermissionError):
        return True
    except OSError as error:
        raise DataInUse(f"the file system of {directory} cannot lock {path.name}: {error.strerror}") from error
    finally:
        os.close(descriptor)
    return False
