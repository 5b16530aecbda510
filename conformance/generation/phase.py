"""Generate requests from the contract at the end of a run, and turn what came back into results."""

import asyncio
import secrets
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from conformance.client import Client, Patience
from conformance.contract import Contract, Operation
from conformance.errors import CheckSignal
from conformance.events import CheckStarted, Emit
from conformance.exchange import Exchange, Transcript
from conformance.generation.checks import AREA, CHECKS, GeneratedCheck, identifier
from conformance.generation.courier import Courier
from conformance.generation.engine import Fuzzer, Seen, Trouble
from conformance.generation.plan import (
    DISPOSABLE_ONLY,
    PAUSING,
    Known,
    exclusion,
    planned_operations,
    with_examples,
)
from conformance.generation.verdicts import Evidence, results
from conformance.holdings import User
from conformance.outcomes import CheckResult
from conformance.reading import decimals, number
from conformance.selection import is_wanted
from conformance.target import TargetConfig
from conformance.world import World

__all__ = ["generated_ids", "judge_generated"]

REQUESTS_WANTED = 540
"""About what a whole run over core sends with ten examples per operation."""

MOST_USERS = 10
TICKETED = {"modifyPosition": 60, "closePosition": 45, "getPosition": 15}
"""Operations on a position, with about how many requests each gets: the busiest have users to themselves."""

ON_ORDERS = {"cancelOrder": 40, "getOrder": 20}
"""The same on a pending order."""

ON_KEYS = {"getOrderRequest": 15}
"""The same on a request that was sent with an idempotency key."""

TIED = TICKETED | ON_ORDERS | ON_KEYS

ROOMY_PER_MINUTE = 600

FAR_PERCENT = 5.0
"""How far below the market pending orders rest."""


@dataclass(slots=True)
class _Cast:
    """The users of the generated requests: those who take turns, and who is bound to what."""

    pool: list[User] = field(default_factory=list)
    bound: dict[str, tuple[User, ...]] = field(default_factory=dict)
    known: dict[str, Known] = field(default_factory=dict)
    denied: dict[str, str] = field(default_factory=dict)
    problem: str | None = None


def generated_ids(contract: Contract, target: TargetConfig) -> list[tuple[str, str]]:
    """Return the ids and areas of the results that there can be."""
    return [(identifier(one.id, check.name), AREA) for one in planned_operations(contract, target) for check in CHECKS]


async def judge_generated(
    client: Client,
    world: World,
    emit: Emit,
    finish: Callable[[CheckResult], None],
    watch: Callable[[Iterable[Exchange]], None],
) -> None:
    """Send the generated requests and hand over the results and every exchange, also when it is cancelled."""
    target = client.target
    wanted = {
        one.id: [check for check in CHECKS if is_wanted(target.only, identifier(one.id, check.name), AREA)]
        for one in planned_operations(client.contract, target)
    }
    wanted = {name: checks for name, checks in wanted.items() if checks}
    if not wanted:
        return
    operations = {name: client.contract.operations[name] for name in wanted}
    users_left = target.user_budget - client.holdings.users_created
    excluded = {name: exclusion(one, target, users_left) for name, one in operations.items()}
    evidence = Evidence(operations, {name: why for name, why in excluded.items() if why is not None})
    chosen = [name for name, why in excluded.items() if why is None]
    emit(CheckStarted(AREA, "Preparing users for generated requests"))
    transcript = Transcript()
    cast = await _cast(client, world, [operations[name] for name in chosen], transcript)
    watch(transcript.exchanges)
    if not cast.pool:
        for name in chosen:
            if not operations[name].is_public:
                evidence.excluded[name] = cast.problem or "there is no user"
    evidence.excluded.update(cast.denied)
    chosen = [name for name in chosen if name not in evidence.excluded]
    courier = Courier(client, tuple(cast.pool), cast.bound, target.budgets.schema_seconds)
    try:
        if chosen:
            await _execute(client, cast, operations, chosen, wanted, courier, evidence, emit)
    finally:
        evidence.close(courier)
        watch(answer.exchange for answer in courier.answers.values())
        for result in results(evidence, wanted, target.seed):
            finish(result)


async def _execute(
    client: Client,
    cast: _Cast,
    operations: dict[str, Operation],
    chosen: list[str],
    wanted: dict[str, list[GeneratedCheck]],
    courier: Courier,
    evidence: Evidence,
    emit: Emit,
) -> None:
    """Run the engine in a thread of its own, and end it when the run is cancelled."""
    loop = asyncio.get_running_loop()
    target = client.target
    only_examples = [] if target.is_sandbox else [one for one in chosen if operations[one].method != "GET"]
    checks = sorted({check.name for name in chosen for check in wanted[name]})
    document = with_examples(client.contract, cast.known)
    fuzzer = Fuzzer(target, document, client.contract.operations, chosen, only_examples, checks, courier)
    done: asyncio.Future[None] = loop.create_future()

    def started(name: str) -> None:
        loop.call_soon_threadsafe(emit, CheckStarted(f"{AREA}.{name}", f"Generated requests to {name}"))

    def seen(one: Seen | Trouble) -> None:
        loop.call_soon_threadsafe(evidence.add, one)

    def work() -> None:
        problem: BaseException | None = None
        try:
            fuzzer.execute(started, seen)
        except BaseException as error:
            problem = error
        loop.call_soon_threadsafe(settle, problem)

    def settle(problem: BaseException | None) -> None:
        if problem is not None:
            evidence.add(Trouble(None, f"{type(problem).__name__}: {problem}"))
        done.set_result(None)

    threading.Thread(target=work, name="generated-requests", daemon=True).start()
    try:
        await asyncio.shield(done)
    except asyncio.CancelledError:
        courier.stop.set()
        await done
        raise


async def _cast(client: Client, world: World, chosen: list[Operation], transcript: Transcript) -> _Cast:
    """Find or make the users, with accounts, and learn values that exist there."""
    cast = _Cast()
    private = [one for one in chosen if not one.is_public]
    if not private:
        return cast
    try:
        cast.pool.append(await _main_user(client, world, transcript))
    except CheckSignal as problem:
        cast.problem = str(problem)
        return cast
    if client.target.is_sandbox:
        await _more_users(world, cast, [one.id for one in private], transcript)
    tied = [one.id for one in private if "{account_id}" in one.path or one.id in TIED]
    free = sorted((name for name in tied if name not in cast.bound), key=lambda name: -TIED.get(name, 0))
    for place, name in enumerate(free):
        cast.bound[name] = (cast.pool[place % len(cast.pool)],)
    for one in chosen:
        owner = cast.bound.get(one.id, cast.pool)[0]
        ticket = await _ticket_for(client, one.id, owner, transcript)
        cast.known[one.id] = _known(client.target, one.id, owner, ticket)
        if one.id in ON_KEYS:
            cast.known[one.id] = await _with_used_key(client, owner, cast.known[one.id], transcript)
        if not client.target.is_sandbox and one.method != "GET":
            _spare_what_is_not_ours(cast, one.id, owner, ticket)
    return cast


def _spare_what_is_not_ours(cast: _Cast, name: str, owner: User, ticket: int | None) -> None:
    """Outside sandboxes, pause only an account and change only a position or an order that the run has made."""
    if name in PAUSING and not (owner.account is not None and owner.account.is_created_by_run):
        cast.denied[name] = "the account is not one that the run created"
    if name in TICKETED and ticket is None:
        cast.denied[name] = "the run has no position of its own to try it on"
    if name in ON_ORDERS and ticket is None:
        cast.denied[name] = "the run has no pending order of its own to try it on"


async def _main_user(client: Client, world: World, transcript: Transcript) -> User:
    """Return who sends most requests: on a sandbox a user whom the run has to itself, elsewhere one to read with."""
    if not client.target.is_sandbox:
        fixtures = await world.acquire(frozenset({"user"}), 0, transcript, Patience())
        assert fixtures.user is not None
        return fixtures.user
    for user in client.holdings.users:
        is_roomy = user.pacer.per_minute is None or user.pacer.per_minute >= ROOMY_PER_MINUTE
        own = user.account is not None and user.account.is_active and user.account.is_created_by_run
        if is_roomy and own and not user.is_disposable:
            return user
    return await _disposable(world, transcript)


async def _disposable(world: World, transcript: Transcript, *, with_account: bool = True) -> User:
    needs = frozenset({"disposable_user", "disposable_account"} if with_account else {"disposable_user"})
    fixtures = await world.acquire(needs, 0, transcript, Patience())
    assert fixtures.disposable_user is not None
    return fixtures.disposable_user


async def _more_users(world: World, cast: _Cast, names: list[str], transcript: Transcript) -> None:
    """Add users as long as the plan of the first allows too few requests, and some for what uses users up."""
    per_minute = cast.pool[0].pacer.per_minute
    try:
        if "createAccount" in names:
            alone = [await _disposable(world, transcript, with_account=False)]
            if alone[0].pacer.per_minute is not None:
                alone.append(await _disposable(world, transcript, with_account=False))
            cast.bound["createAccount"] = tuple(alone)
        used_up = {"rotateApiKey", "deleteAccount"} & set(names)
        if used_up:
            cast.bound.update(dict.fromkeys(used_up, (await _disposable(world, transcript),)))
        while per_minute is not None and len(cast.pool) < min(MOST_USERS, 1 + REQUESTS_WANTED // per_minute):
            cast.pool.append(await _disposable(world, transcript))
    except CheckSignal as problem:
        cast.problem = str(problem)
    for name in DISPOSABLE_ONLY & set(names) - set(cast.bound):
        cast.denied[name] = cast.problem or "there is no user to spare"


async def _ticket_for(client: Client, operation: str, user: User, transcript: Transcript) -> int | None:
    """Open a position or rest an order to be read, changed or ended, where that is allowed; return its ticket."""
    target = client.target
    if operation not in TICKETED | ON_ORDERS or not (target.is_sandbox or target.allow_orders):
        return None
    try:
        body = _order(target)
        if operation in ON_ORDERS:
            price = await client.call("getSymbolPrice", transcript, user=user, path={"symbol": target.symbol})
            bid = number(price.document.get("bid"))
            if bid is None:
                return None
            body |= {"orderType": "limit", "price": round(float(bid) * (1 - FAR_PERCENT / 100), decimals(bid))}
        answer = await client.call("placeOrder", transcript, user=user, body=body)
    except CheckSignal:
        return None
    ticket = answer.document.get("ticket")
    return ticket if answer.document.get("success") is True and isinstance(ticket, int) else None


async def _with_used_key(client: Client, user: User, known: Known, transcript: Transcript) -> Known:
    """Send an order with an idempotency key, where that is allowed, and add the key to the known values."""
    target = client.target
    if not target.is_sandbox and not target.allow_orders:
        return known
    key = f"conformance-generated-{secrets.token_hex(8)}"
    try:
        await client.call(
            "placeOrder", transcript, user=user, body=_order(target), headers=(("Idempotency-Key", key),)
        )  # fmt: skip
    except CheckSignal:
        return known
    return Known({**known.parameters, "key": key}, known.body)


def _known(target: TargetConfig, operation: str, user: User, ticket: int | None) -> Known:
    parameters: dict[str, object] = {"symbol": target.symbol}
    if user.account is not None:
        parameters.update({"account_id": user.account.id, "X-Account-ID": user.account.id})
    bodies: dict[str, dict[str, Any]] = {
        "placeOrder": _order(target),
        "checkOrder": _order(target),
        "createAccount": {"mt5Login": "70000001", "mt5Password": "generated-pass", "mt5Server": "Conformance-Demo"},
    }
    if ticket is not None:
        parameters["ticket"] = ticket
    if ticket is not None and operation in TICKETED:
        bodies["modifyPosition"] = {"ticket": ticket, "sl": 0}
        bodies["closePosition"] = {"ticket": ticket}
    return Known(parameters, bodies.get(operation))


def _order(target: TargetConfig) -> dict[str, Any]:
    return {"symbol": target.symbol, "side": "buy", "orderType": "market", "volume": float(target.volume)}
