"""`tonpo simulator symbols` and `tonpo simulator record`."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reference_server.simulator.cli.mistakes import explained
from reference_server.simulator.config_table import FIRST_YEAR, LAST_YEAR

if TYPE_CHECKING:
    from reference_server.simulator.broker import SimulatedBroker
    from reference_server.simulator.listing.symbols import SymbolProfile

_PATH = click.Path(path_type=Path)
_MOMENTS = ("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")
_EXECUTION = ("request", "instant", "market", "exchange")
_STEP_MS = 3_600_000
WIDTH_OF_A_FILE = 120


@click.command(epilog="Example: tonpo simulator symbols EUR GOLD")
@click.option("--config", type=_PATH, metavar="FILE", help="The broker, in TOML; the default demo broker otherwise.")
@click.argument("parts", nargs=-1, metavar="[PART]...")
@explained
def symbols(config: Path | None, parts: tuple[str, ...]) -> None:
    """List a broker's symbols, or those with one of the PARTs in their name or description."""
    from rich.console import Console
    from rich.table import Table

    found = [
        symbol
        for symbol in _listed(config)
        if not parts or any(part.lower() in f"{symbol.name} {symbol.description}".lower() for part in parts)
    ]
    if not found:
        raise click.UsageError(f"No symbol has {' or '.join(parts)} in its name or description.")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("Symbol", "Description", "Execution"):
        table.add_column(title, no_wrap=True)
    for title in ("Digits", "Contract", "Lots", "Spread", "Commission"):
        table.add_column(title, justify="right", no_wrap=True)
    for symbol in found:
        table.add_row(symbol.name, symbol.description, _EXECUTION[symbol.execution_mode], *_figures(symbol))
    Console(width=None if sys.stdout.isatty() else WIDTH_OF_A_FILE).print(table)


def _figures(symbol: SymbolProfile) -> list[str]:
    percent = f"{symbol.commission_percent:g} %" if symbol.commission_percent else "0"
    return [
        str(symbol.digits),
        f"{symbol.contract_size:g}",
        f"{symbol.volume_min:g} to {symbol.volume_max:g} by {symbol.volume_step:g}",
        str(symbol.spread_points),
        f"{symbol.commission_per_lot:g}" if symbol.commission_per_lot else percent,
    ]


def _listed(config: Path | None) -> Sequence[SymbolProfile]:
    if config is None:
        from reference_server.simulator.listing.symbols import load_symbols

        return load_symbols()
    from reference_server.simulator.config import load_config

    return load_config(config).symbols


@click.command(epilog="Example: tonpo simulator record ticks.csv --symbol EURUSD --start 2026-06-01T08:00 --hours 8")
@click.argument("file", type=_PATH)
@click.option("--symbol", "names", multiple=True, metavar="NAME", help="Which symbol; several times for several.")
@click.option("--start", type=click.DateTime(_MOMENTS), metavar="MOMENT", help="In UTC; --hours ago by default.")
@click.option("--hours", type=click.FloatRange(0.001, 24 * 366), default=1.0, show_default=True, help="How long.")
@click.option("--seed", type=int, help="Another market; 1 by default. Not beside --config, which has its own.")
@click.option("--config", type=_PATH, metavar="FILE", help="The broker, in TOML; the default demo broker otherwise.")
@explained
def record(
    file: Path, names: tuple[str, ...], start: datetime | None, hours: float, seed: int | None, config: Path | None
) -> None:
    """Write the ticks of a broker's market to a CSV file, to be replayed with [prices] kind = "replay".

    Every symbol, unless --symbol says which.
    """
    if config is not None and seed is not None:
        raise click.UsageError("--seed and --config exclude each other: [prices] seed of the file is the seed.")
    begin = datetime.now(UTC) - timedelta(hours=hours) if start is None else start.replace(tzinfo=UTC)
    if not FIRST_YEAR <= begin.year <= LAST_YEAR:
        raise click.UsageError(f"--start must be in the years {FIRST_YEAR} to {LAST_YEAR}, not {begin.year}.")
    begin_ms, end_ms = (round(moment.timestamp() * 1000) for moment in (begin, begin + timedelta(hours=hours)))
    broker = _broker_at(begin_ms, config, 1 if seed is None else seed)
    known = broker.market.symbols
    for name in names:
        if name not in known:
            raise click.UsageError(f"This broker has no symbol {name}; it has {', '.join(known)}.")
    count = 0
    try:
        with file.open("w", encoding="utf-8", newline="") as output:
            writer = csv.writer(output)
            writer.writerow(("time_ms", "symbol", "bid", "ask", "last", "volume", "flags"))
            for name in names or tuple(known):
                for row in _ticks(broker, known[name], begin_ms, end_ms):
                    writer.writerow(row)
                    count += 1
    except OSError as error:
        raise click.UsageError(f"{file} cannot be written: {error.strerror or error}.") from None
    click.echo(f"{count:,} ticks in {file}")


def _broker_at(begin_ms: int, config: Path | None, seed: int) -> SimulatedBroker:
    from reference_server.simulator.broker import SimulatedBroker
    from reference_server.simulator.clock import ManualClock
    from reference_server.simulator.config import load_config
    from reference_server.simulator.prices.generated import GeneratedPrices

    clock = ManualClock(begin_ms)
    if config is not None:
        return load_config(config).build(clock)
    return SimulatedBroker(clock=clock, prices=GeneratedPrices(seed))


def _ticks(broker: SimulatedBroker, symbol: SymbolProfile, begin_ms: int, end_ms: int) -> Iterator[tuple[object, ...]]:
    """The rows of one symbol, an hour at a time."""
    for from_ms in range(begin_ms, end_ms, _STEP_MS):
        for tick in broker.market.source.ticks(symbol, from_ms, min(from_ms + _STEP_MS, end_ms)).points():
            prices = (f"{price:.{symbol.digits}f}" for price in (tick.bid, tick.ask, tick.last))
            yield (tick.time_ms, symbol.name, *prices, f"{tick.volume:g}", tick.flags)
