"""The configuration of a simulated broker, read from a TOML file."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from reference_server.simulator.book.settings import AccountSettings
from reference_server.simulator.broker import SimulatedBroker
from reference_server.simulator.clock import FASTEST, Clock, ManualClock, ScaledClock, ServerTime, SystemClock
from reference_server.simulator.config_table import ConfigError as ConfigError
from reference_server.simulator.config_table import Table
from reference_server.simulator.faults import Fault, FaultInvalid, fault_from_dict
from reference_server.simulator.listing.symbols import SymbolProfile, load_symbols
from reference_server.simulator.prices.generated import GeneratedPrices
from reference_server.simulator.prices.manual import ManualPrices
from reference_server.simulator.prices.replayed import ReplayedPrices
from reference_server.simulator.prices.source import PriceSource

TABLES = ("account", "symbols", "prices", "time", "server", "terminal", "faults", "control")
GENERATED, REPLAY, MANUAL = "generated", "replay", "manual"
REAL, SCALED = "real", "scaled"
NOW = "now"
SEED = 1
MAX_BARS = 100_000
UNLIMITED_BARS = 2**31 - 1
_TYPES: Mapping[Any, type] = {float: float, int: int, str: str, bool: bool, int | None: int}


@dataclass(frozen=True, slots=True)
class PriceSettings:
    """Where prices come from. `start_ms` moves a file in time; "now" is the moment at which the broker starts."""

    kind: str = GENERATED
    seed: int = SEED
    file: Path | None = None
    start_ms: int | str | None = None
    loop: bool = False
    symbol: str | None = None


@dataclass(frozen=True, slots=True)
class TimeSettings:
    """How the broker's time passes: as the machine's, `factor` times as fast, or by hand."""

    kind: str = REAL
    factor: float = 1.0
    start_ms: int | None = None

    def clock(self) -> Clock:
        """A clock that begins now."""
        if self.kind == SCALED:
            return ScaledClock(self.factor, start_ms=self.start_ms)
        if self.kind == MANUAL:
            return ManualClock(SystemClock().now_ms() if self.start_ms is None else self.start_ms)
        return SystemClock()


@dataclass(frozen=True, slots=True)
class ControlSettings:
    """The control port: host and port, and the token that it asks for; None for a new one at each start."""

    listen: str
    token: str | None = None


@dataclass(frozen=True, slots=True)
class SimulatorConfig:
    """Everything that makes one simulated broker. `build` makes it."""

    path: Path
    account: AccountSettings
    symbols: tuple[SymbolProfile, ...]
    prices: PriceSettings
    time: TimeSettings
    server_time: ServerTime
    always_open: bool = True
    max_bars: int = MAX_BARS
    faults: tuple[Fault, ...] = ()
    control: ControlSettings | None = None

    def build(self, clock: Clock | None = None) -> SimulatedBroker:
        """Start a broker, on a clock of its own or on this one. Raises ConfigError."""
        clock = self.time.clock() if clock is None else clock
        try:
            broker = SimulatedBroker(
                clock=clock,
                prices=self._source(clock),
                symbols=self.symbols,
                server_time=self.server_time,
                settings=self.account,
                always_open=self.always_open,
                max_bars=self.max_bars,
            )
        except LookupError as error:
            raise ConfigError(f"{self.path}: [account] currency: {error.args[0]}") from None
        except ValueError as error:
            raise ConfigError(f"{self.path}: {error}") from None
        for fault in self.faults:
            broker.faults.add(fault)
        return broker

    def _source(self, clock: Clock) -> PriceSource:
        prices = self.prices
        if prices.kind == MANUAL:
            return ManualPrices(prices.seed)
        if prices.file is None:
            return GeneratedPrices(prices.seed)
        start_ms = clock.now_ms() if isinstance(prices.start_ms, str) else prices.start_ms
        return ReplayedPrices(
            prices.file,
            starting_ms=start_ms,
            loop=prices.loop,
            symbol=prices.symbol,
            server_time=self.server_time,
            seed=prices.seed,
        )


def load_config(path: Path) -> SimulatorConfig:
    """Read a configuration file; what it leaves out is as by default. Raises ConfigError."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: not a TOML file: {error}") from None
    for name in content:
        if name not in TABLES:
            raise ConfigError(f"{path}: [{name}]: there is no such table; there are {', '.join(TABLES)}")
    tables = {name: Table(path, name, content.get(name, {})) for name in TABLES if name != "faults"}
    server_time, always_open = _server(tables["server"])
    config = SimulatorConfig(
        path=path,
        account=_account(tables["account"]),
        symbols=_symbols(tables["symbols"]),
        prices=_prices(tables["prices"]),
        time=_time(tables["time"]),
        server_time=server_time,
        always_open=always_open,
        max_bars=_max_bars(tables["terminal"]),
        faults=_faults(path, content.get("faults", [])),
        control=_control(tables["control"]) if "control" in content else None,
    )
    for table in tables.values():
        table.finish()
    return config


def _account(table: Table) -> AccountSettings:
    values: dict[str, Any] = {}
    for field in fields(AccountSettings):
        value = table.take_or_none(field.name, _TYPES[field.type])
        if value is not None:
            values[field.name] = value
    try:
        return AccountSettings(**values)
    except ValueError as error:
        raise table.error("", str(error)) from None


def _symbols(table: Table) -> tuple[SymbolProfile, ...]:
    file = table.take_file("file")
    try:
        return load_symbols(file)
    except (OSError, ValueError) as error:
        raise table.error("file", str(error)) from None


def _prices(table: Table) -> PriceSettings:
    kind = table.take_word("kind", GENERATED, REPLAY, MANUAL)
    seed = table.take("seed", int, SEED)
    if kind != REPLAY:
        table.refuse("file", "start", "loop", "symbol", because=f'means nothing for kind = "{kind}"; "{REPLAY}" has it')
        return PriceSettings(kind, seed)
    file = table.take_file("file")
    table.needs("file", file)
    start_ms = table.take_moment("start", NOW)
    return PriceSettings(kind, seed, file, start_ms, table.take("loop", bool, False), table.take_or_none("symbol", str))


def _time(table: Table) -> TimeSettings:
    kind = table.take_word("kind", REAL, SCALED, MANUAL)
    if kind != SCALED:
        table.refuse("factor", because=f'means nothing for kind = "{kind}"; "{SCALED}" has it')
    if kind == REAL:
        table.refuse("start", because=f'means nothing for kind = "{REAL}", whose time is the machine\'s')
        return TimeSettings()
    factor = table.take("factor", float, 1.0) if kind == SCALED else 1.0
    if not 0 < factor <= FASTEST:
        raise table.error("factor", f"must be above 0, and at most {FASTEST}, not {factor:g}")
    start_ms = table.take_moment("start")
    return TimeSettings(kind, factor, None if start_ms is None else int(start_ms))


def _server(table: Table) -> tuple[ServerTime, bool]:
    zone = table.take_or_none("zone", str)
    shift = table.take_or_none("shift_hours", float)
    if shift is not None and not -24 <= shift <= 24:
        raise table.error("shift_hours", f"must be from -24 to 24, not {shift}")
    always_open = table.take("always_open", bool, True)
    if zone is None:
        if shift is not None:
            reason = 'means nothing without zone: "UTC" for a fixed offset, "America/New_York" for its dates'
            raise table.error("shift_hours", reason)
        return ServerTime(), always_open
    try:
        return ServerTime(zone, shift_hours=shift or 0.0), always_open
    except ValueError as error:
        raise table.error("zone", str(error)) from None


def _max_bars(table: Table) -> int:
    count = table.take("max_bars", int, MAX_BARS)
    if not 0 <= count <= UNLIMITED_BARS:
        raise table.error("max_bars", f"must be a number of bars, or 0 for no limit, not {count}")
    return count or UNLIMITED_BARS


def _faults(path: Path, forms: Any) -> tuple[Fault, ...]:
    if not isinstance(forms, list):
        raise ConfigError(f"{path}: faults: must be a list of tables, [[faults]]")
    faults = []
    for number, form in enumerate(forms, start=1):
        try:
            faults.append(fault_from_dict(form))
        except FaultInvalid as error:
            raise ConfigError(f"{path}: [[faults]] number {number}, {error.key or 'kind'}: {error}") from None
    return tuple(faults)


def _control(table: Table) -> ControlSettings:
    listen = table.take("listen", str, "127.0.0.1:0")
    token = table.take_or_none("token", str)
    if token is not None and not token:
        raise table.error("token", "must not be empty; without the key a new one is made at each start")
    return ControlSettings(listen, token)
