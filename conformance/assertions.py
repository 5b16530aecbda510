"""What a check finds: assertions that name their requirement and become findings."""

from typing import Never

import orjson

from conformance.contract import Contract
from conformance.errors import CheckStopped, CouldNotRun, HarnessFault, NotApplicable
from conformance.exchange import Exchange, Transcript
from conformance.outcomes import Finding, Tally
from conformance.requirements import Requirement
from conformance.stream import Message

__all__ = ["Assertions"]

LONGEST_SHOWN = 500


class Assertions:
    """Assertions are recorded; the check goes on after one that does not hold, unless it was made with a `require`."""

    def __init__(self, requirements: tuple[Requirement, ...], contract: Contract, transcript: Transcript) -> None:
        self.transcript = transcript
        self.findings: list[Finding] = []
        self.tallies: dict[str, Tally] = {}
        self.contract = contract
        self._requirements = {row.id: row for row in requirements}

    def expect(
        self,
        condition: bool,
        requirement: str,
        message: str,
        *,
        expected: object = None,
        found: object = None,
        at: Exchange | None = None,
    ) -> bool:
        """Assert that `condition` holds because `requirement` says so; return it.

        `message` says what is wrong when it does not hold; `at` is the exchange that shows it (the latest by default).
        """
        row = self._requirements.get(requirement)
        if row is None:
            raise HarnessFault(f"the check asserts {requirement}, which it does not declare")
        tally = self.tallies.get(requirement, Tally())
        if condition:
            self.tallies[requirement] = Tally(tally.held + 1, tally.broken)
            return True
        self.tallies[requirement] = Tally(tally.held, tally.broken + 1)
        number = at.number if at is not None else self._latest()
        self.findings.append(Finding(requirement, row.level, message, _shown(expected), _shown(found), number))
        return False

    def require(
        self,
        condition: bool,
        requirement: str,
        message: str,
        *,
        expected: object = None,
        found: object = None,
        at: Exchange | None = None,
    ) -> None:
        """Assert like `expect`, and end the check when it does not hold, because its next steps build on it."""
        if not self.expect(condition, requirement, message, expected=expected, found=found, at=at):
            raise CheckStopped(message)

    def expect_status(self, exchange: Exchange, *statuses: int, requirement: str, message: str | None = None) -> bool:
        """Assert that the answer has one of the statuses."""
        wanted = " or ".join(map(str, statuses))
        return self.expect(
            exchange.status in statuses,
            requirement,
            message or f"{exchange.request.method} {_path(exchange)} was not answered {wanted}",
            expected=wanted,
            found=f"{exchange.status} {_excerpt(exchange)}",
            at=exchange,
        )

    def require_status(self, exchange: Exchange, *statuses: int, requirement: str, message: str | None = None) -> None:
        """Assert like `expect_status`, and end the check when it does not hold."""
        if not self.expect_status(exchange, *statuses, requirement=requirement, message=message):
            raise CheckStopped("status")

    def expect_valid(self, exchange: Exchange, requirement: str) -> bool:
        """Assert that the answer is one that the contract allows for its operation."""
        problem = self.contract.response_problem(exchange)
        return self.expect(
            problem is None, requirement, f"the answer breaks the contract: {problem}", found=_excerpt(exchange),
            at=exchange,
        )  # fmt: skip

    def expect_message(self, message: Message | None, requirement: str, wanted: str, within: float) -> bool:
        """Assert that an awaited message came, and that the contract allows it."""
        if not self.expect(
            message is not None, requirement, f"{wanted} did not come within {within:g} s", expected=wanted
        ):
            return False
        problem = self.contract.incoming_message_problem(message)
        return self.expect(problem is None, requirement, f"the message breaks the contract: {problem}", found=message)

    def require_message(self, message: Message | None, requirement: str, wanted: str, within: float) -> Message:
        """Assert like `expect_message`, return the message, and end the check when none came."""
        self.expect_message(message, requirement, wanted, within)
        if message is None:
            raise CheckStopped(wanted)
        return message

    def not_applicable(self, reason: str) -> Never:
        """End the check: it says nothing about this gateway."""
        raise NotApplicable(reason)

    def could_not_run(self, reason: str) -> Never:
        """End the check: it applies, but lacks something that is not the gateway's fault."""
        raise CouldNotRun(reason)

    def _latest(self) -> int | None:
        return self.transcript.entries[-1].number if self.transcript.entries else None


def _path(exchange: Exchange) -> str:
    return "/" + exchange.request.url.split("/", 3)[-1].partition("?")[0]


def _excerpt(exchange: Exchange) -> str:
    return exchange.response.body[:200].decode(errors="replace")


def _shown(value: object) -> str | None:
    if value is None or isinstance(value, str):
        text = value
    else:
        try:
            text = orjson.dumps(value).decode()
        except TypeError:
            text = str(value)
    return text if text is None or len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"
