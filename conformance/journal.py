"""The append-only record of what a run creates, written before each creation, so that nothing is ever lost track of."""

import os
import time
from io import BufferedWriter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

__all__ = ["Journal"]


class Journal:
    """JSON lines in a file of its own, or in memory only when no path is given. Holds no secrets but by name."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.lines: list[dict[str, Any]] = []
        self._file: BufferedWriter | None = None

    def __enter__(self) -> Self:
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("ab")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, event: str, **facts: Any) -> None:
        """Append an event such as `creating-account`; it is on disk when this returns."""
        line = {"time_ms": int(time.time() * 1000), "event": event, **facts}
        self.lines.append(line)
        if self._file is not None:
            self._file.write(orjson.dumps(line) + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
