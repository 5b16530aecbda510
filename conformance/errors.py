"""Everything that can stop a run, or one check of it.

ConformanceError                what the person at the keyboard has to know; the command exits 2
├── ConfigurationError          a flag, a field of the target file or an environment variable is wrong
├── TargetUnreachable           nothing answers at the URL
├── CatalogueError              a check and the ledger of requirements do not fit together
├── NothingSelected             the selection matches no check, and an empty run must not look green
└── ContractUnusable            the spec documents cannot be compiled
CheckSignal                     how one check ends early
├── CheckStopped                an assertion that the rest of the check needs did not hold
├── NotApplicable               the check says nothing about this gateway
├── CouldNotRun                 the check would apply, and something outside the gateway is missing
├── TargetFault                 the gateway failed the check before an assertion could look at it
│   ├── NoAnswer                no answer in time, or the connection was lost
│   ├── StreamRefused           the WebSocket was not accepted
│   └── PrerequisiteFailed      the gateway could not provide what the check starts from
└── HarnessFault                the suite broke its own rules: never the gateway's fault
"""

from conformance.exchange import Exchange

__all__ = [
    "CatalogueError",
    "CheckSignal",
    "CheckStopped",
    "ConfigurationError",
    "ConformanceError",
    "ContractUnusable",
    "CouldNotRun",
    "HarnessFault",
    "NoAnswer",
    "NotApplicable",
    "NothingSelected",
    "PrerequisiteFailed",
    "StreamRefused",
    "TargetFault",
    "TargetUnreachable",
]


class ConformanceError(Exception):
    """Stop the run with one sentence for the person who started it."""


class ConfigurationError(ConformanceError):
    """Say which field of the configuration is wrong, what was found and what is wanted."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field


class TargetUnreachable(ConformanceError):
    """Say that nothing answers at the target's URL."""


class CatalogueError(ConformanceError):
    """Say how the checks and the ledger of requirements contradict each other."""


class NothingSelected(ConformanceError):
    """Say that no check matches the selection."""


class ContractUnusable(ConformanceError):
    """Say why the spec documents cannot be compiled into validators."""


class CheckSignal(Exception):
    """End one check early."""


class CheckStopped(CheckSignal):
    """End a check whose next steps need an assertion that did not hold."""


class NotApplicable(CheckSignal):
    """End a check that says nothing about this gateway, with the reason."""


class CouldNotRun(CheckSignal):
    """End a check that applies but lacks something from outside the gateway, with the reason."""


class TargetFault(CheckSignal):
    """End a check that the gateway made impossible; counts as a failure."""


class NoAnswer(TargetFault):
    """Say that the gateway did not answer in time, or dropped the connection."""


class StreamRefused(TargetFault):
    """Say that the gateway did not accept the WebSocket, with the HTTP answer it gave instead."""

    def __init__(self, message: str, exchange: Exchange | None) -> None:
        super().__init__(message)
        self.exchange = exchange


class PrerequisiteFailed(TargetFault):
    """Say that the gateway could not provide the user, account or position a check starts from."""


class HarnessFault(CheckSignal):
    """Say that the suite itself did something it must not do, such as sending an invalid message by mistake."""
