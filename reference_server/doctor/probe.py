"""Asking a terminal from a child process with deadlines: a call of the genuine package can block for ever.

The package holds the interpreter's lock while it waits, so neither a thread nor a timer of the same process could end
it. The child is told what to do on its standard input, where no other user can read the password, and tells of each
step as it begins and ends; a step that takes too long ends the child.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any, Final

import reference_server

_ROOT: Final = Path(reference_server.__file__).parent.parent
_START_SECONDS: Final = 60.0
"""For an interpreter to start and import numpy on a slow machine, or below Wine for the first time."""
_END_SECONDS: Final = 5.0
_INITIALIZE: Final = "initialize"
_INITIALIZE_PATIENCE: Final = 4.0
"""`initialize` may start a terminal: the package itself waits 100 s for one that never opens its pipe."""

Facts = Mapping[str, Any]
"""What one step found: JSON values."""


class Ending(Enum):
    """How a survey ended."""

    COMPLETE = "complete"
    FAILED = "failed"
    """A step said that it failed."""
    SILENT = "silent"
    """A step gave no answer within its deadline, and the child was killed."""
    ENDED = "ended"
    """The child ended by itself in the middle of a step."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What the steps found and how long each took, by name; where the survey stopped and why, unless complete."""

    steps: Mapping[str, Facts]
    seconds: Mapping[str, float]
    ending: Ending = Ending.COMPLETE
    stopped_at: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """Runs the survey of one terminal. `deadline_seconds`: for each call, four times as long for `initialize`."""

    deadline_seconds: float = 30.0
    command: tuple[str, ...] = field(default=(sys.executable, "-m", "reference_server.doctor.survey"))

    def ask(self, request: bytes) -> Answers:
        """Give a child its request, one line, and return its answers, however it ends; it is gone afterwards."""
        paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        process = subprocess.Popen(  # noqa: S603 - this interpreter, our own module
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,  # a request that nobody reads must not wait in a buffer to be written again
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
        assert process.stdin is not None
        assert process.stdout is not None
        lines: SimpleQueue[bytes] = SimpleQueue()
        reader = threading.Thread(target=_forward, args=(process.stdout, lines), name="doctor-probe", daemon=True)
        reader.start()
        try:
            try:
                process.stdin.write(request + b"\n")
                process.stdin.close()
            except OSError:
                pass  # it has ended already: what it said, or its exit code, tells why
            return self._collect(process, lines)
        finally:
            process.kill()
            process.wait()
            reader.join(_END_SECONDS)
            process.stdout.close()

    def _collect(self, process: subprocess.Popen[bytes], lines: SimpleQueue[bytes]) -> Answers:
        steps: dict[str, Facts] = {}
        seconds: dict[str, float] = {}
        current, patience = "start", _START_SECONDS
        failure: Answers | None = None
        while True:
            try:
                line = lines.get(timeout=patience)
            except Empty:
                return failure or Answers(steps, seconds, Ending.SILENT, current, f"no answer in {patience:g} s")
            if not line:
                reason = f"the process that asked it ended with code {process.wait()}"
                return failure or Answers(steps, seconds, Ending.ENDED, current, reason)
            told = json.loads(line)
            match told["event"]:
                case "begin":
                    current = told["step"]
                    patience = self.deadline_seconds * (_INITIALIZE_PATIENCE if current == _INITIALIZE else 1)
                case "end":
                    steps[told["step"]], seconds[told["step"]] = told["facts"], told["seconds"]
                case "failed":  # the child goes on, to leave the terminal as it was
                    failure = failure or Answers(steps, seconds, Ending.FAILED, told["step"], told["reason"])
                case _:
                    return failure or Answers(steps, seconds)


def _forward(stream: IO[bytes], lines: SimpleQueue[bytes]) -> None:
    """Pass on each line, and an empty one at the end."""
    for line in stream:
        lines.put(line)
    lines.put(b"")
