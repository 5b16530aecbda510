"""What a run says while it goes on. Reporters consume these and know nothing of the runner."""

from collections.abc import Callable
from dataclasses import dataclass

from conformance.outcomes import CheckResult
from conformance.report import RunReport
from conformance.target import TargetConfig

__all__ = ["CheckFinished", "CheckStarted", "Emit", "Event", "Notice", "RunFinished", "RunStarted"]


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The target answers and the plan is made. `total` counts the checks that will be executed."""

    target: TargetConfig
    total: int
    claimed: tuple[str, ...]
    not_claimed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CheckStarted:
    """A check, or one of its repetitions (`attempt` above 1), begins."""

    id: str
    title: str
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class CheckFinished:
    """A check is decided."""

    result: CheckResult


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that whoever watches should know, such as the cleaning up."""

    text: str


@dataclass(frozen=True, slots=True)
class RunFinished:
    """All is decided."""

    report: RunReport


Event = RunStarted | CheckStarted | CheckFinished | Notice | RunFinished
Emit = Callable[[Event], None]
