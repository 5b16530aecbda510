"""Benchmarks over HTTP: the highest rate, and what the gateway adds to an order at a fixed rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from benchmarks.child import BenchmarkFailed, Child
from benchmarks.load import percentiles
from benchmarks.measures import Reading, Series, Stopwatch
from benchmarks.plan import Plan
from benchmarks.target import PRICE_EXPECTED, HttpTarget

Work = Literal["price", "order"]


def measure_rates(load: Child, targets: Sequence[HttpTarget], work: Work, plan: Plan) -> list[Series]:
    """Send as many requests as each server answers, the servers in turn. Raises BenchmarkFailed."""
    readings: list[list[Reading]] = [[] for _ in targets]
    for _ in range(plan.rounds):
        for target, taken in zip(targets, readings, strict=True):
            taken.append(_reading(load, target, _job(target, work, plan)))
    return [Series(target.child.name, taken) for target, taken in zip(targets, readings, strict=True)]


def _job(target: HttpTarget, work: Work, plan: Plan, rate: float | None = None) -> dict[str, Any]:
    return {
        "kind": "requests",
        "port": target.port,
        "requests": target.prices if work == "price" else target.orders,
        "expected": PRICE_EXPECTED if work == "price" else target.order_expected,
        "connections": plan.connections,
        "seconds": plan.seconds,
        "warm_up_seconds": plan.warm_up_seconds,
        "rate": rate,
    }


def _reading(load: Child, target: HttpTarget, job: dict[str, Any]) -> Reading:
    watch = Stopwatch(target.child, load)
    answer = load.ask(job)
    if not answer["count"]:
        raise BenchmarkFailed(f"{target.child.name} answered nothing")
    per_second = answer["count"] / answer["seconds"]
    cpu_us, load_share = watch.read(per_second * (job["seconds"] + job["warm_up_seconds"]))
    return Reading(per_second, cpu_us, answer["p50_ms"], answer["p99_ms"], load_share)


@dataclass(frozen=True, slots=True)
class Overhead:
    """Latencies at a fixed rate of orders: the gateway's whole, what it adds to the terminal's, and the baseline's."""

    rate: float
    whole: Series
    added: Series
    bare: Series


def measure_overhead(load: Child, driven: HttpTarget, bare: HttpTarget, plan: Plan) -> Overhead:
    """Send orders at the plan's rate to both in turn. Raises BenchmarkFailed.

    Added is from the client's send to the call of `order_send`, and from its return to the client's receipt.
    """
    whole: list[Reading] = []
    added: list[Reading] = []
    bares: list[Reading] = []
    rate = plan.orders_per_second
    driven.child.ask({"do": "orders"})
    for _ in range(plan.rounds):
        answer = load.ask(_job(driven, "order", plan, rate))
        known = {number: (came, left) for number, came, left in driven.child.ask({"do": "orders"})["orders"]}
        times = [
            known[number][0] - sent + received - known[number][1] for number, sent, received in answer["exchanges"]
        ]
        if not times:
            raise BenchmarkFailed("no order was answered")
        per_second = answer["count"] / answer["seconds"]
        whole.append(Reading(per_second, None, answer["p50_ms"], answer["p99_ms"]))
        shares = percentiles(times)
        added.append(Reading(per_second, None, shares["p50_ms"], shares["p99_ms"]))
        answer = load.ask(_job(bare, "order", plan, rate))
        bares.append(Reading(answer["count"] / answer["seconds"], None, answer["p50_ms"], answer["p99_ms"]))
    return Overhead(
        rate, Series(driven.child.name, whole), Series(driven.child.name, added), Series(bare.child.name, bares)
    )
