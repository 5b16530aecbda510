"""The gateway's figures: plain counters where they are counted, Prometheus' families when they are read.

The client library's own instruments cost about a microsecond each; a request touches several. Here counting is an
addition, and everything else is done when someone asks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Metric, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from reference_server.domain.requests import Outcome

REQUEST_BOUNDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0)
TRADE_BOUNDS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
SHORT_BOUNDS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
TRADE_OPERATIONS: Final = ("placeOrder", "closePosition", "modifyPosition", "cancelOrder")
TRADE_OUTCOMES: Final = (Outcome.ACCEPTED, Outcome.REFUSED, Outcome.UNKNOWN, Outcome.NOT_SENT)


class Tally:
    """A histogram: how many took how long, in seconds."""

    __slots__ = ("_bounds", "_counts", "_total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._total += seconds

    def read(self) -> tuple[list[tuple[str, float]], float]:
        """Return cumulative buckets as Prometheus has them, and the sum."""
        buckets: list[tuple[str, float]] = []
        sofar = 0
        for bound, count in zip((*self._bounds, float("inf")), self._counts, strict=True):
            sofar += count
            buckets.append(("+Inf" if bound == float("inf") else repr(bound), sofar))
        return buckets, self._total


class Counts:
    """Implements Measures."""

    def __init__(self) -> None:
        self.requests: dict[tuple[str, int], int] = {}
        self.durations: dict[str, Tally] = {}
        self.in_flight = 0
        self.frames = 0
        self.slow_consumers = 0
        self.events: dict[str, int] = {}
        self.trades = {(operation, outcome): 0 for operation in TRADE_OPERATIONS for outcome in TRADE_OUTCOMES}
        self.trade_durations = Tally(TRADE_BOUNDS)
        self.restarts = 0
        self.reconciliations = 0
        self.journal = Tally(SHORT_BOUNDS)
        self.lag = Tally(SHORT_BOUNDS)

    def request_began(self) -> None:
        """A request is being served."""
        self.in_flight += 1

    def request_ended(self, operation: str, status: int, seconds: float) -> None:
        """A request was served, or its client left (status 0)."""
        self.in_flight -= 1
        key = (operation, status // 100)
        self.requests[key] = self.requests.get(key, 0) + 1
        tally = self.durations.get(operation)
        if tally is None:
            tally = self.durations[operation] = Tally(REQUEST_BOUNDS)
        tally.add(seconds)

    def frames_sent(self, count: int) -> None:
        """Messages were written to a socket."""
        self.frames += count

    def slow_consumer_closed(self) -> None:
        """A socket was closed because it was read too slowly."""
        self.slow_consumers += 1

    def event_arrived(self, kind: str) -> None:
        """A terminal told of something."""
        self.events[kind] = self.events.get(kind, 0) + 1

    def trade_ended(self, operation: str, outcome: Outcome, seconds: float) -> None:
        """A trade has an outcome."""
        self.trades[operation, outcome] += 1
        self.trade_durations.add(seconds)

    def terminal_opened(self, *, again: bool) -> None:
        """A terminal is logged in."""
        self.restarts += again

    def reconciliation_began(self) -> None:
        """A trade whose answer was lost is being looked for."""
        self.reconciliations += 1

    def reconciliation_ended(self) -> None:
        """The search is over."""
        self.reconciliations -= 1

    def journal_written(self, seconds: float) -> None:
        """A trade's intent is stored; its outcome is written behind and not measured."""
        self.journal.add(seconds)


@dataclass(frozen=True, slots=True)
class Gauges:
    """What is looked up when someone asks."""

    sockets: Callable[[], int]
    connections: Callable[[], int]
    connections_refused: Callable[[], int]
    version: str
    nodes: Callable[[], int] = lambda: 0


class GatewayCollector(Collector):
    """All families of the gateway. `accounts` is set before each reading: it comes from storage."""

    def __init__(self, counts: Counts, gauges: Gauges) -> None:
        self._counts = counts
        self._gauges = gauges
        self.accounts: Mapping[str, int] = {}

    def collect(self) -> Iterator[Metric]:
        """Give every family."""
        yield from self._of_requests()
        yield from self._of_streams()
        yield from self._of_trades()
        lag = HistogramMetricFamily("tonpo_event_loop_lag_seconds", "How late the event loop ran a timer.")
        lag.add_metric([], *self._counts.lag.read())
        yield lag
        about = GaugeMetricFamily("tonpo_info", "The gateway's version.", labels=["version"])
        about.add_metric([self._gauges.version], 1)
        yield about

    def _of_requests(self) -> Iterator[Metric]:
        served = CounterMetricFamily(
            "tonpo_requests", "HTTP requests, by operation and class of status.", labels=["operation", "status"]
        )
        for (operation, status), count in [*self._counts.requests.items()]:
            served.add_metric([operation, f"{status}xx" if status else "none"], count)
        yield served
        durations = HistogramMetricFamily(
            "tonpo_request_duration_seconds", "Time to serve a request.", labels=["operation"]
        )
        for operation, tally in [*self._counts.durations.items()]:
            durations.add_metric([operation], *tally.read())
        yield durations
        yield _gauge("tonpo_requests_in_flight", "Requests being served.", self._counts.in_flight)
        yield _gauge("tonpo_connections", "Open connections, HTTP and stream.", self._gauges.connections())
        yield _count("tonpo_connections_refused", "Connections beyond a limit.", self._gauges.connections_refused())

    def _of_streams(self) -> Iterator[Metric]:
        yield _gauge("tonpo_websocket_connections", "Open streams.", self._gauges.sockets())
        yield _count("tonpo_websocket_frames_sent", "Messages written to streams.", self._counts.frames)
        yield _count("tonpo_websocket_slow_consumers_closed", "Streams closed with 4408.", self._counts.slow_consumers)
        events = CounterMetricFamily("tonpo_events", "What terminals told the gateway of.", labels=["kind"])
        for kind, count in [*self._counts.events.items()]:
            events.add_metric([kind], count)
        yield events

    def _of_trades(self) -> Iterator[Metric]:
        accounts = GaugeMetricFamily("tonpo_accounts", "Accounts, by state.", labels=["state"])
        for state, count in self.accounts.items():
            accounts.add_metric([state], count)
        yield accounts
        orders = CounterMetricFamily(
            "tonpo_orders", "Calls that trade, by what became of them.", labels=["operation", "outcome"]
        )
        for (operation, outcome), count in self._counts.trades.items():
            orders.add_metric([operation, str(outcome)], count)
        yield orders
        duration = HistogramMetricFamily("tonpo_order_duration_seconds", "From the gateway to the broker and back.")
        duration.add_metric([], *self._counts.trade_durations.read())
        yield duration
        yield _gauge("tonpo_nodes_connected", "Node agents that are connected.", self._gauges.nodes())
        yield _count("tonpo_terminal_restarts", "Terminals opened in place of another.", self._counts.restarts)
        yield _gauge("tonpo_reconciliations_open", "Lost trades being looked for.", self._counts.reconciliations)
        journal = HistogramMetricFamily("tonpo_journal_write_seconds", "Time until a trading request is written down.")
        journal.add_metric([], *self._counts.journal.read())
        yield journal


def registry_of(collectors: Sequence[Collector]) -> CollectorRegistry:
    """Return a registry of these and of the process's own figures (memory, files, processor time; Linux only)."""
    registry = CollectorRegistry(auto_describe=False)
    for one in collectors:
        registry.register(one)
    ProcessCollector(registry=registry)
    return registry


def rendered(registry: CollectorRegistry) -> bytes:
    """Return everything in Prometheus' text format."""
    return generate_latest(registry)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _count(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value=value)
