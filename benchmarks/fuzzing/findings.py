"""What was found wrong, by oracle, with a few cases of each."""

from __future__ import annotations

from collections import Counter
from typing import Final, Literal

Oracle = Literal["answers", "server errors", "hangs", "leaks", "log", "service", "resources", "memory"]
ORACLES: Final[dict[Oracle, str]] = {
    "answers": "every answer is documented, in shape, with status and reason of its operation",
    "server errors": "no 500, no 5xx but account_not_ready of a user whose accounts were deleted",
    "hangs": "every request and message is answered or its connection closed in time",
    "leaks": "no key, password or login of others in an answer, a message or the log",
    "log": "no traceback, no defect, no warning of asyncio in the log",
    "service": "it serves after all: health, and an order of a user who took no part",
    "resources": "files and threads are back where they began",
    "memory": "memory does not grow beyond the bound between 20 % and 100 % of the run",
}
_EXAMPLES: Final = 3


class Findings:
    """Collects findings. Of each oracle the first few are kept in full."""

    def __init__(self) -> None:
        self.counts: Counter[Oracle] = Counter()
        self.examples: dict[Oracle, list[str]] = {}

    def add(self, oracle: Oracle, case: str, what: str) -> None:
        """Note that a case went wrong."""
        self.counts[oracle] += 1
        kept = self.examples.setdefault(oracle, [])
        if len(kept) < _EXAMPLES:
            kept.append(f"{case}: {what}" if case else what)

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found."""
        return not self.counts
