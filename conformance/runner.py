"""Run the selected checks in a fixed order, decide each one, clean up, and reach a verdict."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from conformance.attempt import Attempt, attempt
from conformance.catalogue import Catalogue
from conformance.cleanup import clean_up
from conformance.client import Client
from conformance.contract import Contract, load_contract
from conformance.errors import ConfigurationError, NoAnswer, PrerequisiteFailed, TargetUnreachable
from conformance.events import CheckFinished, CheckStarted, Emit, Notice, RunFinished, RunStarted
from conformance.exchange import Exchange, Transcript
from conformance.fingerprint import contract_sha256, suite_version
from conformance.generation.phase import generated_ids, judge_generated
from conformance.holdings import Holdings
from conformance.journal import Journal
from conformance.judge import Judge
from conformance.oracles.openapi_core import OpenApiCoreOracle
from conformance.outcomes import CheckResult, Status
from conformance.presence import find_unclaimed
from conformance.redaction import Redactor
from conformance.report import RunReport, judge_requirements, reach_verdict
from conformance.selection import Planned, refuse_unmatched, select
from conformance.target import TargetConfig
from conformance.vigil import AREA, IDENTIFIER, Vigil
from conformance.wire import Wire
from conformance.world import World

__all__ = ["judge_gateway"]

REPETITIONS = 3
"""How often a failed check is repeated to tell a broken gateway from a flaky one."""


@dataclass(slots=True)
class _Run:
    """The state of one run."""

    target: TargetConfig
    catalogue: Catalogue
    emit: Emit
    client: Client
    world: World
    judge: Judge
    vigil: Vigil
    results: list[CheckResult]
    replay_seconds_left: float
    is_target_gone: bool = False

    def finish(self, result: CheckResult) -> None:
        """Take in a decided result."""
        self.results.append(result)
        self.emit(CheckFinished(result))


async def judge_gateway(
    target: TargetConfig,
    catalogue: Catalogue,
    emit: Emit,
    *,
    redactor: Redactor,
    journal_path: Path | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> RunReport:
    """Judge the target and return the report. Cancelling stops the checks, cleans up and still reports.

    Raises TargetUnreachable, ConfigurationError, NothingSelected, ContractUnusable.
    """
    began, started_at = clock(), datetime.now(UTC).isoformat(timespec="seconds")
    with Journal(journal_path) as journal:
        async with Wire(target, clock) as wire:
            health = await _health(wire)
            claimed = _claimed(health, catalogue)
            contract = load_contract(claimed)
            refuse_unmatched(catalogue, target, [*_generated_ids(contract), *generated_ids(contract, target)])
            holdings = Holdings(target, journal, redactor, clock)
            run = _assemble(target, catalogue, emit, wire, contract, holdings, Vigil(redactor))
            planned = select(catalogue, target, claimed)
            unclaimed = tuple(name for name in catalogue.ledger.capabilities if name not in claimed)
            emit(RunStarted(target, sum(one.status is None for one in planned), claimed, unclaimed))
            is_interrupted = False
            present: tuple[str, ...] = ()
            try:
                await _adopt(run)
                await _execute(run, planned)
                present = await find_unclaimed(client=run.client, capabilities=unclaimed, transcript=Transcript())
                await _generate(run)
            except asyncio.CancelledError:
                _forget_cancellation()
                is_interrupted = True
                emit(Notice("interrupted: cleaning up"))
            await _finish(run, contract)
            verdict, reasons = reach_verdict(run.results, catalogue, is_interrupted=is_interrupted)
            report = RunReport(
                suite_version=suite_version(),
                spec_version=str(contract.openapi["info"]["version"]),
                spec_sha256=contract_sha256(),
                target=target,
                gateway_version=health.get("version") if isinstance(health.get("version"), str) else None,
                started_at=started_at,
                duration_ms=(clock() - began) * 1000,
                requests=wire.sent,
                claimed=claimed,
                not_claimed=unclaimed,
                verdict=verdict,
                reasons=reasons,
                is_interrupted=is_interrupted,
                results=tuple(run.results),
                requirements=judge_requirements(catalogue, run.results, target.profile, claimed),
                present_unclaimed=present,
            )
    emit(RunFinished(report))
    return report


async def _health(wire: Wire) -> dict[str, Any]:
    transcript = Transcript()
    await wire.probe(transcript)
    return transcript.exchanges[-1].document


def _claimed(health: dict[str, Any], catalogue: Catalogue) -> tuple[str, ...]:
    named = health.get("capabilities")
    names = {name for name in named if isinstance(name, str)} if isinstance(named, list) else set()
    return tuple(name for name in catalogue.ledger.capabilities if name in names)


def _generated_ids(contract: Contract) -> list[tuple[str, str]]:
    names = [*contract.operations, "stream"]
    others = [("cleanup.residue", "cleanup"), (IDENTIFIER, AREA)]
    return [(f"contract.{name}", "contract") for name in names] + others


def _assemble(
    target: TargetConfig,
    catalogue: Catalogue,
    emit: Emit,
    wire: Wire,
    contract: Contract,
    holdings: Holdings,
    vigil: Vigil,
) -> _Run:
    client = Client(target, wire, contract, holdings)
    judge = Judge(contract, OpenApiCoreOracle(contract.openapi, str(target.base)))
    return _Run(target, catalogue, emit, client, World(target, client), judge, vigil, [], target.budgets.replay_seconds)


async def _adopt(run: _Run) -> None:
    try:
        await run.world.adopt(Transcript())
    except PrerequisiteFailed as problem:
        raise ConfigurationError("api_keys", str(problem)) from problem


async def _execute(run: _Run, planned: tuple[Planned, ...]) -> None:
    """Execute the checks in order, those that mostly wait in the background from the start."""
    async with asyncio.TaskGroup() as background:
        for one in planned:
            if one.check.alongside and one.status is None:
                background.create_task(_execute_alongside(run, one))
        await _execute_in_order(run, [one for one in planned if not one.check.alongside or one.status is not None])


async def _generate(run: _Run) -> None:
    """Send generated requests last, when nobody else needs what they may wear out."""

    def watch(entries: Iterable[Exchange]) -> None:
        known = list(entries)
        run.judge.watch(known, ())
        run.vigil.watch(known)

    if not run.is_target_gone:
        await judge_generated(run.client, run.world, run.emit, run.finish, watch)


async def _execute_alongside(run: _Run, one: Planned) -> None:
    run.finish(await _decide(run, one))


async def _execute_in_order(run: _Run, planned: list[Planned]) -> None:
    for one in planned:
        if one.status is not None:
            run.finish(_skipped(one, one.status, one.reason))
        elif run.is_target_gone:
            run.finish(_skipped(one, Status.COULD_NOT_RUN, "the gateway stopped answering"))
        else:
            run.finish(await _decide(run, one))


async def _decide(run: _Run, planned: Planned) -> CheckResult:
    """Execute a check, and repeat it when it failed: three more failures confirm it, anything else is flaky."""
    check = planned.check
    seed = _seed(run.target.seed, check.id)
    clock = run.client.wire.clock
    began, sent = clock(), run.client.wire.sent
    run.emit(CheckStarted(check.id, check.title))
    first = await _once(run, planned, seed)
    attempts, failures, status = 1, int(first.status is Status.FAIL), first.status
    if first.status is Status.FAIL:
        await _look_whether_gone(run)
    while status is Status.FAIL and attempts <= REPETITIONS and _may_repeat(run, planned, first):
        run.emit(CheckStarted(check.id, check.title, attempts + 1))
        before = clock()
        again = await _once(run, planned, seed)
        run.replay_seconds_left -= clock() - before
        attempts += 1
        failures += int(again.status is Status.FAIL)
        if again.status is not Status.FAIL:
            status = Status.FLAKY
    return CheckResult(
        id=check.id,
        area=check.area,
        title=check.title,
        status=status,
        requirements=check.requirements,
        reason=_reason(first, status, attempts, failures),
        findings=tuple(first.findings),
        tallies=first.tallies,
        transcript=() if status is Status.PASS else tuple(first.transcript.entries),
        duration_ms=(clock() - began) * 1000,
        attempts=attempts,
        failures=failures,
        seed=seed,
        requests=run.client.wire.sent - sent,
    )


async def _once(run: _Run, planned: Planned, seed: int) -> Attempt:
    made = await attempt(planned.check, run.catalogue, run.client, run.world, seed)
    run.judge.watch(made.transcript.entries, made.streams)
    run.vigil.watch(made.transcript.entries)
    return made


def _may_repeat(run: _Run, planned: Planned, first: Attempt) -> bool:
    if not first.is_repeatable or run.is_target_gone or run.replay_seconds_left <= 0:
        return False
    return run.target.is_sandbox or planned.check.effects.value != "order"


def _reason(first: Attempt, status: Status, attempts: int, failures: int) -> str | None:
    if status is Status.FLAKY:
        return f"failed {failures} of {attempts} times"
    if status is Status.FAIL and attempts > 1:
        return f"failed {failures} of {attempts} times"
    return first.reason


async def _look_whether_gone(run: _Run) -> None:
    """After a failure, find out whether the gateway still answers at all."""
    try:
        await run.client.wire.probe(Transcript())
    except TargetUnreachable:
        run.is_target_gone = True
        run.emit(Notice("the gateway stopped answering"))


async def _finish(run: _Run, contract: Contract) -> None:
    """Clean up, whatever happened; a second interruption ends even this."""
    for result in [*run.judge.results(run.target.only), *run.vigil.results(run.target.only)]:
        run.finish(result)
    if contract.operations and _has_holdings(run.client.holdings):
        try:
            run.finish(await clean_up(run.client, lambda text: run.emit(Notice(text))))
        except NoAnswer as problem:
            run.emit(Notice(f"cleaning up failed: {problem}"))


def _has_holdings(holdings: Holdings) -> bool:
    return bool(holdings.tickets or holdings.accounts or any(user.is_created_by_run for user in holdings.users))


def _skipped(planned: Planned, status: Status, reason: str | None) -> CheckResult:
    check = planned.check
    return CheckResult(check.id, check.area, check.title, status, check.requirements, reason)


def _seed(master: int, identifier: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{master}:{identifier}".encode()).digest()[:8], "big")


def _forget_cancellation() -> None:
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()
