"""Run one check once, and turn whatever happens into a status and findings."""

import asyncio
import traceback
from dataclasses import dataclass

from conformance.catalogue import Catalogue, Check
from conformance.client import Client, Patience
from conformance.context import CheckContext
from conformance.errors import CheckStopped, CouldNotRun, HarnessFault, NotApplicable, PrerequisiteFailed, TargetFault
from conformance.exchange import Transcript
from conformance.outcomes import Finding, Status, Tally
from conformance.requirements import Level
from conformance.stream import Stream
from conformance.world import World

__all__ = ["Attempt", "attempt"]


@dataclass(slots=True)
class Attempt:
    """What one execution of a check gave."""

    status: Status
    reason: str | None
    findings: list[Finding]
    tallies: dict[str, Tally]
    transcript: Transcript
    streams: list[Stream]
    is_repeatable: bool = True


async def attempt(check: Check, catalogue: Catalogue, client: Client, world: World, seed: int) -> Attempt:
    """Execute a check. Never raises but for cancellation: every other end is a status."""
    transcript = Transcript()
    clock = client.wire.clock
    began = clock()
    outcome = Attempt(Status.PASS, None, [], {}, transcript, [])
    seconds = check.seconds or client.target.timeouts.check
    deadline = asyncio.timeout(None)

    def spend(waited: float) -> None:
        when = deadline.when()
        if when is not None:
            deadline.reschedule(when + waited)

    patience = Patience(spend)
    try:
        fixtures = await world.acquire(
            check.fixtures, check.trades, transcript, patience, second_trades=check.second_trades
        )
        run = CheckContext(client, catalogue.requirements_of(check), fixtures, transcript, seed, began, patience)
        outcome.findings, outcome.tallies, outcome.streams = run.findings, run.tallies, run.streams
        async with deadline:
            deadline.reschedule(asyncio.get_running_loop().time() + seconds)
            await check.function(run)
        if not run.tallies:
            raise HarnessFault("the check asserted nothing")
    except CheckStopped:
        pass
    except NotApplicable as signal:
        outcome.status, outcome.reason = Status.NOT_APPLICABLE, str(signal)
    except CouldNotRun as signal:
        outcome.status, outcome.reason = Status.COULD_NOT_RUN, str(signal)
    except PrerequisiteFailed as fault:
        outcome.is_repeatable = False
        outcome.findings.append(Finding(None, Level.MUST, str(fault), entry=_last(outcome)))
    except TargetFault as fault:
        _blame(outcome, check, catalogue, str(fault))
    except TimeoutError:
        _blame(outcome, check, catalogue, f"the check was not done within {seconds:g} s")
    except HarnessFault as fault:
        outcome.status, outcome.reason = Status.ERROR, str(fault)
    except Exception as problem:
        outcome.status, outcome.reason = Status.ERROR, _described(problem)
    if outcome.status is not Status.ERROR:
        _weigh(outcome)
    return outcome


def _weigh(outcome: Attempt) -> None:
    """Let findings decide: a broken MUST fails, a broken SHOULD warns, whatever came after."""
    levels = {finding.level for finding in outcome.findings}
    if Level.MUST in levels:
        outcome.status = Status.FAIL
    elif Level.SHOULD in levels and outcome.status is Status.PASS:
        outcome.status = Status.WARN


def _blame(outcome: Attempt, check: Check, catalogue: Catalogue, message: str) -> None:
    """Record that the gateway made the check impossible, against the most binding thing it judges."""
    rows = catalogue.requirements_of(check)
    order = list(Level)
    row = min(rows, key=lambda one: order.index(one.level))
    outcome.findings.append(Finding(row.id, row.level, message, entry=_last(outcome)))
    tally = outcome.tallies.get(row.id, Tally())
    outcome.tallies[row.id] = Tally(tally.held, tally.broken + 1)


def _last(outcome: Attempt) -> int | None:
    return outcome.transcript.entries[-1].number if outcome.transcript.entries else None


def _described(problem: Exception) -> str:
    frame = traceback.extract_tb(problem.__traceback__)[-1]
    place = f"{frame.filename.rpartition('/')[2]}:{frame.lineno}"
    return f"the suite erred at {place}: {type(problem).__name__}: {problem}"
