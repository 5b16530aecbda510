"""The stream benchmark: ticks to many sockets, each with its own mix of symbols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.child import BenchmarkFailed, Child
from benchmarks.measures import Reading, Series, Stopwatch
from benchmarks.plan import Plan
from benchmarks.target import HttpTarget
from reference_server.simulator import load_symbols

_TAIL_SECONDS = 0.2
_LISTEN_ON_SECONDS = 0.5
"""How much longer sockets stay open: all that was sent has then arrived, unless the load generator is behind."""


@dataclass(frozen=True, slots=True)
class Listened:
    """A server with sockets: `key` opens them."""

    target: HttpTarget
    key: str


@dataclass(frozen=True, slots=True)
class StreamSeries:
    """Deliveries a second as fast as possible, and at half that rate, where the latencies are looked at."""

    width: int
    full: list[Series]
    half: list[Series]


def symbol_digits() -> dict[str, int]:
    """The digits of every symbol that the broker lists."""
    return {symbol.name: symbol.digits for symbol in load_symbols()}


def mixes(symbols: Sequence[str], sockets: int) -> list[list[str]]:
    """What each socket subscribes: from one to nine symbols, five on average, beginning at another one each."""
    return [
        [symbols[(socket + step) % len(symbols)] for step in range(min(1 + socket % 9, len(symbols)))]
        for socket in range(sockets)
    ]


def measure_stream(load: Child, listened: Sequence[Listened], width: int, plan: Plan) -> StreamSeries:
    """Push rounds of `width` ticks, the servers in turn. Raises BenchmarkFailed."""
    full: list[list[Reading]] = [[] for _ in listened]
    half: list[list[Reading]] = [[] for _ in listened]
    for _ in range(plan.rounds):
        for one, fast, slow in zip(listened, full, half, strict=True):
            reading = _reading(load, one, width, 0.0, plan)
            fast.append(reading)
            slow.append(_reading(load, one, width, reading.per_second / _per_round(width, plan) / 2, plan))
    names = [one.target.child.name for one in listened]
    return StreamSeries(
        width,
        [Series(name, taken) for name, taken in zip(names, full, strict=True)],
        [Series(name, taken) for name, taken in zip(names, half, strict=True)],
    )


def _reading(load: Child, listened: Listened, width: int, rate: float, plan: Plan) -> Reading:
    """One run, at so many rounds a second or, for 0, as fast as possible."""
    digits = symbol_digits()
    load.tell(
        {
            "kind": "listen",
            "port": listened.target.port,
            "key": listened.key,
            "subscriptions": mixes(list(digits), plan.sockets),
            "digits": digits,
            "seconds": plan.seconds,
            "warm_up_seconds": plan.warm_up_seconds,
            "tail_seconds": _LISTEN_ON_SECONDS,
            "samples_all": rate > 0,
        }
    )
    load.hear()
    seconds = plan.warm_up_seconds + plan.seconds + _TAIL_SECONDS
    child = listened.target.child
    watch = Stopwatch(child, load)
    child.tell({"do": "push", "digits": digits, "width": width, "rate": rate, "seconds": seconds})
    answer = load.hear()
    played = child.hear()["rounds"]
    if not answer["count"]:
        raise BenchmarkFailed(f"{child.name} delivered nothing")
    per_second = answer["count"] / answer["seconds"]
    cpu_us, load_share = watch.read(answer["total"])
    delivered = answer["total"] / (played * _per_round(width, plan))
    return Reading(per_second, cpu_us, answer["p50_ms"], answer["p99_ms"], load_share, delivered)


def _per_round(width: int, plan: Plan) -> float:
    """How many deliveries one round asks for, on average."""
    symbols = list(symbol_digits())
    return sum(len(mix) for mix in mixes(symbols, plan.sockets)) * width / len(symbols)
