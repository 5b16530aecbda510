"""A served broker's accounts on disk, so that they outlive its process."""

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from reference_server.simulator.broker import SimulatedBroker

FILE: Final = "broker.json"
LOCK: Final = "lock"


class StateUnusable(Exception):
    """The directory with a broker's accounts cannot be read or written, or another process has it."""


class KeptState:
    """Keeps one broker's accounts in a directory that is this process's alone while it is open.

    A dump replaces the one before it as one step; the last is made on leaving the context. What happened since then is
    lost when the process is killed, as with a trade server that goes back to its last backup.
    """

    def __init__(self, broker: SimulatedBroker, directory: Path) -> None:
        """Restore what was kept. Raises StateUnusable."""
        self._broker = broker
        self._directory = directory
        self._saved_accounts: list[Any] = []
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StateUnusable(f"{directory} cannot be used: {error.strerror}") from None
        try:
            _lock(self._lock, directory)
            self._restore()
        except StateUnusable:
            os.close(self._lock)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._write(self._broker.dump())
        finally:
            self.release()

    def release(self) -> None:
        """Let go of the directory without another dump."""
        os.close(self._lock)

    def save_changes(self) -> None:
        """Dump the broker, if there is anything new on an account. Raises StateUnusable."""
        state = self._broker.dump()
        if state["accounts"] != self._saved_accounts:
            self._write(state)

    def _write(self, state: dict[str, Any]) -> None:
        draft = self._directory / f"{FILE}.new"
        text = json.dumps(state)
        try:
            draft.unlink(missing_ok=True)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._directory / FILE)
        except OSError as error:
            raise StateUnusable(f"the broker cannot be saved in {self._directory}: {error.strerror}") from None
        self._saved_accounts = state["accounts"]

    def _restore(self) -> None:
        path = self._directory / FILE
        with suppress(FileNotFoundError):
            try:
                self._broker.load(json.loads(path.read_text(encoding="utf-8")))
            except FileNotFoundError:
                raise
            except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
                raise StateUnusable(
                    f"{path} does not hold a simulated broker's accounts ({error}): move it away to start afresh"
                ) from None


def _lock(descriptor: int, directory: Path) -> None:
    if sys.platform == "win32":
        return
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise StateUnusable(f"{directory} is in use by another served broker") from None
