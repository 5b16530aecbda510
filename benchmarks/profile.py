"""A sampling profile of a server's main thread: where its time goes, by line, function and file."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any, Final

_INTERVAL_SECONDS: Final = 0.001
_LISTED: Final = 25
_EVERYWHERE: Final = 0.995
"""What nearly every sample is within says nothing."""


class Sampler:
    """Looks at what the main thread does, by the signal of a timer that counts its processor time: every 1 to 10 ms.

    The signal is served between two steps of the interpreter: the time of compiled code counts for the line that called
    it, and that of the event loop itself for the function that the loop calls next. For systems with `setitimer`.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lines: Counter[str] = Counter()
        self._functions: Counter[str] = Counter()
        self._within: Counter[str] = Counter()
        self._samples = 0

    def start(self) -> None:
        """Begin; to be called in the main thread."""
        signal.signal(signal.SIGPROF, lambda _number, frame: self._note(frame))
        signal.setitimer(signal.ITIMER_PROF, _INTERVAL_SECONDS, _INTERVAL_SECONDS)

    def stop(self) -> dict[str, Any]:
        """End, and give the shares of all samples: own time by line and by function, and time with all callees."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        return {
            "samples": self._samples,
            "lines": self._shares(self._lines),
            "functions": self._shares(self._functions),
            "within": [one for one in self._shares(self._within, 60) if one[1] < _EVERYWHERE],
        }

    def _shares(self, counted: Counter[str], listed: int = _LISTED) -> list[tuple[str, float]]:
        return [(name, count / max(self._samples, 1)) for name, count in counted.most_common(listed)]

    def _note(self, frame: FrameType | None) -> None:
        if frame is None:
            return
        self._samples += 1
        self._lines[f"{self._function(frame)}:{frame.f_lineno}"] += 1
        self._functions[self._function(frame)] += 1
        seen = set()
        at: FrameType | None = frame
        while at is not None:
            seen.add(self._function(at))
            at = at.f_back
        self._within.update(seen)

    def _function(self, frame: FrameType) -> str:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(self._root):
            shown = str(path.relative_to(self._root))
        else:
            parts = path.parts
            packages = "site-packages"
            shown = "/".join(parts[parts.index(packages) + 1 :]) if packages in parts else path.name
        return f"{shown} {frame.f_code.co_qualname}"
