"""The simulated broker: can it be built from the settings, can its accounts be read, does it answer."""

from __future__ import annotations

from collections.abc import Iterator

from reference_server.config import Settings
from reference_server.doctor.finding import Finding, ok, problem
from reference_server.doctor.probe import Answers, Facts

SUBJECT = "simulator"


def terminal_of(settings: Settings) -> Facts:
    """Describe the simulated terminal to a probe."""
    return {
        "kind": "simulated",
        "seed": settings.simulator_seed,
        "data_dir": str(settings.data_dir),
        "config": None,
    }


def judge_opening(answers: Answers) -> Iterator[Finding]:
    """Say what became of building the broker."""
    facts = answers.steps.get("open")
    if facts is None:
        remedy = "Correct what is named; state that cannot be read can be moved away, and the broker starts afresh."
        yield problem(SUBJECT, answers.reason, remedy)
        return
    yield ok(SUBJECT, f"{facts['symbols']} symbols, {facts['accounts']} account{'' if facts['accounts'] == 1 else 's'}")
